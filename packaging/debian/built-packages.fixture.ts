// For tests: packages built as their users build them, and packages like them with something changed.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs `npm run package:deb`.
 * @param env beside that of this process
 * @returns the files, one for each architecture
 */
export function buildPackages(
  out: string,
  architectures: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string[] {
  const wanted = architectures.flatMap((each) => ['--arch', each]);
  const args = ['run', '--silent', 'package:deb', '--', ...wanted, '--out', out];
  const said = execFileSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return said.trim().split('\n');
}

/**
 * The package of this commit: built once for all tests, where the builder is as it was committed.
 * @returns the file
 */
export function builtPackage(architecture: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  const isCommitted = git('status', '--porcelain', 'packaging/debian') === '';
  const key = isCommitted ? git('rev-parse', 'HEAD').trim() : `${process.pid}-${Date.now()}`;
  const out = join(ROOT, '.tmp', 'tested-packages', key);
  const isOurs = (name: string) => name.endsWith(`_${architecture}.deb`);
  const found = existsSync(out) ? readdirSync(out).find(isOurs) : undefined;
  return found === undefined ? (buildPackages(out, [architecture])[0] ?? '') : join(out, found);
}

/** Unpacks a package, with its control files in `DEBIAN`. */
export function unpack(file: string, folder: string): string {
  execFileSync('dpkg-deb', ['--raw-extract', file, folder]);
  return folder;
}

/** The package with another version, and with another default in its file of settings. */
export function nextVersion(file: string, work: string, version: string): string {
  const tree = unpack(file, join(work, version));
  const change = (path: string, edit: (text: string) => string) =>
    writeFileSync(join(tree, path), edit(readFileSync(join(tree, path), 'utf8')));
  change('DEBIAN/control', (text) => text.replace(/^Version: .*$/m, `Version: ${version}`));
  change('etc/echolot/echolot.env', (text) => `${text}# of ${version}\n`);
  const next = join(work, `echolot_${version}_amd64.deb`);
  const args = ['--root-owner-group', '-Znone', '--build', tree, next];
  execFileSync('dpkg-deb', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return next;
}
