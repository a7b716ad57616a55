// What dpkg reads: the folder DEBIAN, with control, conffiles, checksums and the maintainer scripts.
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PackageFacts, renderControl } from './control.ts';
import { copyTree, filesBelow, listBelow } from './tree.ts';

/**
 * Writes it into the tree of a package, whose files are all there.
 * @param scripts the folder of the maintainer scripts
 */
export function writeDpkgFiles(
  folder: string,
  facts: Omit<PackageFacts, 'installedKib'>,
  { conffiles, scripts }: { readonly conffiles: readonly string[]; readonly scripts: string },
): void {
  const files = filesBelow(folder);
  const bytes = (path: string) => readFileSync(join(folder, path));
  const sums = files.map((path) => `${md5(bytes(path))}  ${path}\n`);
  // As dpkg-gencontrol counts: each file in whole KiB, each folder one.
  const installedKib = listBelow(folder).reduce((sum, path) => sum + kib(join(folder, path)), 0);
  const debian = join(folder, 'DEBIAN');
  copyTree(scripts, debian);
  const control = renderControl({ ...facts, installedKib });
  writeFileSync(join(debian, 'control'), control);
  writeFileSync(join(debian, 'conffiles'), conffiles.map((path) => `/${path}\n`).join(''));
  writeFileSync(join(debian, 'md5sums'), sums.join(''));
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');

function kib(path: string): number {
  const stat = lstatSync(path);
  return stat.isFile() ? Math.ceil(stat.size / 1024) : 1;
}
