// Who changes the rights on a running Mosquitto: one identity beside the store's, with its own password.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from './atomic-file.ts';
import { hashPassword, makePassword } from './password.ts';

/** Username and client id. No identity of a store may bear the name. */
export const ADMINISTRATOR = 'policy-administrator';

const SALT_BYTES = 12;

/** Where its password is, mode 0600; nothing is read. */
function administratorPasswordPath(store: string): string {
  return join(store, 'administrator.password');
}

/**
 * The hash of the administrator's password, which is made where there is none yet. It stays the same
 * as long as the password does, so that rendering twice renders the same.
 * @throws what the file system says (EACCES, ENOSPC, …)
 */
export async function ensureAdministrator(store: string): Promise<string> {
  await mkdir(store, { recursive: true, mode: 0o700 });
  let password = await readAdministratorPassword(store);
  if (password === null) {
    password = makePassword();
    await writeFileAtomically(administratorPasswordPath(store), `${password}\n`, 0o600);
  }
  // 256 random bits need no random salt beside them.
  const salt = createHash('sha256').update(`salt of ${password}`).digest().subarray(0, SALT_BYTES);
  return hashPassword(password, salt);
}

/** `null` where nothing was rendered of the store yet. */
export async function readAdministratorPassword(store: string): Promise<string | null> {
  try {
    return (await readFile(administratorPasswordPath(store), 'utf8')).trimEnd() || null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
