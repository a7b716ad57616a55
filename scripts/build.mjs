#!/usr/bin/env node
// Compiles the TypeScript to dist/ and copies what the code reads beside itself.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleTypebox } from './bundle-typebox.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const quiet = process.argv.includes('--quiet');

rmSync(`${root}/dist`, { recursive: true, force: true });
const tsc = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
await bundleTypebox(`${root}/dist`);
for (const bin of ['echolot', 'echolot-health']) chmodSync(`${root}/dist/cli/${bin}.js`, 0o755);
if (!quiet) console.log('built dist/');
