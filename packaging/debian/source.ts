// What is packaged: the commit that is checked out, its time, and who packages it.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Source {
  /** When it was committed, in seconds since 1970: every date in the package. */
  readonly seconds: number;
  /** What of the folder differs from the commit, and so is not in the package. */
  readonly uncommitted: readonly string[];
}

/**
 * Writes the commit's files into a folder.
 * @param root of the checkout
 * @throws {Error} it is none
 */
export function exportCommit(root: string, folder: string): Source {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const commit = git('rev-parse', 'HEAD').trim();
  const archive = join(folder, '..', 'commit.tar');
  mkdirSync(folder, { recursive: true });
  git('archive', `--output=${archive}`, commit);
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  const lines = git('status', '--porcelain').split('\n');
  return {
    seconds: Number(git('log', '-1', '--format=%ct', commit)),
    uncommitted: lines.filter((line) => line !== '').map((line) => line.slice(3)),
  };
}

const NOBODY = 'Echolot maintainers <maintainers@echolot.invalid>';

/** As Debian's own tools find it: from DEBFULLNAME and DEBEMAIL. */
export function maintainerOf(env: Readonly<Record<string, string | undefined>>): string {
  const { DEBEMAIL: address, DEBFULLNAME: name } = env;
  return name && address ? `${name} <${address}>` : NOBODY;
}
