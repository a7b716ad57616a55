#!/usr/bin/env node
// Compiles the TypeScript beside dist/ and puts it in its place at once, so that no failed or running build leaves none.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleTypebox } from './bundle-typebox.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const quiet = process.argv.includes('--quiet');
const dist = `${root}/dist`;
const fresh = `${root}/.tmp/dist-${process.pid}`;
const former = `${fresh}-former`;

process.on('exit', () => rmSync(fresh, { recursive: true, force: true }));

const tsc = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', fresh],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
await bundleTypebox(fresh);
for (const bin of ['echolot', 'echolot-health']) chmodSync(`${fresh}/cli/${bin}.js`, 0o755);
if (existsSync(dist)) renameSync(dist, former);
try {
  renameSync(fresh, dist);
} catch (error) {
  // Another build was quicker: either of them will do.
  if (!existsSync(dist)) renameSync(former, dist);
  if (error.code !== 'ENOTEMPTY') throw error;
}
rmSync(former, { recursive: true, force: true });
if (!quiet) console.log('built dist/');
