// Writes a file whole or not at all: readers see the old text or the new, never half of it.
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces the file at `path`; what was written is on the disk when this resolves.
 * @param mode the permissions of the new file, from its first byte on
 * @param owner who owns the new file, before it is there; default: who writes it
 * @throws what the file system says (ENOSPC, EACCES, …); the old file is still there then
 */
export async function writeFileAtomically(
  path: string,
  text: string,
  mode: number,
  owner?: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(draft, 'wx', mode);
    try {
      // The umask may have taken bits away.
      await file.chmod(mode);
      if (owner) await file.chown(owner.uid, owner.gid);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
