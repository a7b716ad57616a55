// npm run package:deb: a Debian package for each architecture, of the commit that is checked out.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ARCHITECTURES, type Architecture } from './architectures.ts';
import { installModules } from './install-modules.ts';
import { exportCommit, maintainerOf } from './source.ts';
import { stage } from './stage.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const USAGE = 'usage: npm run package:deb [-- [--arch amd64|arm64] [--revision N] [--out FOLDER]]';

interface Wish {
  readonly architectures: readonly Architecture[];
  readonly revision: string;
  readonly out: string;
}

function readWish(args: readonly string[]): Wish {
  const { values } = parseArgs({
    args: [...args],
    options: {
      arch: { type: 'string', multiple: true, default: Object.keys(ARCHITECTURES) },
      revision: { type: 'string', default: '1' },
      out: { type: 'string', default: join(ROOT, '.tmp', 'packages') },
    },
  });
  for (const each of values.arch) {
    if (!(each in ARCHITECTURES)) throw new Error(`--arch: expected amd64 or arm64, got ${each}`);
  }
  if (!/^[0-9][A-Za-z0-9.+~]*$/.test(values.revision)) {
    throw new Error(`--revision: expected a number, such as 1 or 2~test1, got ${values.revision}`);
  }
  const architectures = values.arch as Architecture[];
  return { architectures, revision: values.revision, out: resolve(values.out) };
}

/** Compiles the commit as it says itself, with the tools of this checkout. */
function compile(source: string): string {
  symlinkSync(join(ROOT, 'node_modules'), join(source, 'node_modules'));
  const script = join(source, 'scripts', 'build.mjs');
  execFileSync(process.execPath, [script, '--quiet'], { cwd: source, stdio: 'inherit' });
  return join(source, 'dist');
}

function build({ architectures, out, revision }: Wish): void {
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(out, '.build-'));
  try {
    const source = join(work, 'source');
    const { seconds, uncommitted } = exportCommit(ROOT, source);
    if (uncommitted.length > 0) {
      console.warn(`not in the package, for they are not committed: ${uncommitted.length} files`);
    }
    const dist = compile(source);
    const help = execFileSync(process.execPath, [join(dist, 'cli', 'echolot.js'), '--help'], {
      encoding: 'utf8',
    });
    const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as {
      version: string;
    };
    const version = `${manifest.version}-${revision}`;
    const maintainer = maintainerOf(process.env);
    for (const architecture of architectures) {
      const modules = installModules(source, join(work, 'modules', architecture), architecture);
      const tree = join(work, 'tree', architecture);
      stage(tree, { architecture, dist, help, maintainer, modules, seconds, source, version });
      const file = join(out, `echolot_${version}_${architecture}.deb`);
      // One thread: the bytes of xz depend on how many it has.
      const made = join(work, basename(file));
      const args = ['--root-owner-group', '--threads-max=1', '-Zxz', '--build', tree, made];
      const env = { ...process.env, SOURCE_DATE_EPOCH: String(seconds) };
      execFileSync('dpkg-deb', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
      renameSync(made, file);
      console.log(file);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  build(readWish(process.argv.slice(2)));
} catch (error) {
  console.error(`error: ${(error as Error).message}\n${USAGE}`);
  process.exitCode = 1;
}
