// Trees of files: copied, listed, and made the same whenever and by whomever they are made.
import { chmodSync, cpSync, lstatSync, lutimesSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Copies a file, or the wanted files of a folder. Links are left out. */
export function copyTree(
  from: string,
  to: string,
  isWanted: (path: string) => boolean = () => true,
): void {
  if (lstatSync(from).isFile()) {
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to);
    return;
  }
  for (const path of filesBelow(from))
    if (isWanted(path)) copyTree(join(from, path), join(to, path));
}

/** Paths of everything below a folder, sorted. */
export function listBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}

/** As `listBelow`, without folders and links. */
export const filesBelow = (folder: string) =>
  listBelow(folder).filter((path) => lstatSync(join(folder, path)).isFile());

/**
 * Gives modes and dates that depend on nothing else.
 * @param isProgram may be run, told by its path
 */
export function normalise(
  folder: string,
  seconds: number,
  isProgram: (path: string) => boolean,
): void {
  for (const path of ['.', ...listBelow(folder).toReversed()]) {
    const full = join(folder, path);
    const stat = lstatSync(full);
    if (!stat.isSymbolicLink()) {
      chmodSync(full, stat.isDirectory() || isProgram(path) ? 0o755 : 0o644);
    }
    lutimesSync(full, seconds, seconds);
  }
}
