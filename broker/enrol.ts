// Adds a whole list of identities: a CSV goes in, a CSV with their passwords comes out.
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { formatPasswordCsv, parseIdentityCsv } from './identity-csv.ts';
import { IdentityStoreError } from './identity.ts';
import type { IdentityStore } from './identity-store.ts';

/**
 * Adds every identity of a list, all or none, and writes their passwords into a new file (mode 0600).
 * @param listPath columns name, role and models
 * @param passwordsPath must not be there yet: it may hold passwords that are nowhere else
 * @returns how many were added
 * @throws {IdentityCsvError | IdentityStoreError} each with a remedy; nobody was added then, unless
 *   the message says otherwise
 */
export async function enrolList(
  store: IdentityStore,
  listPath: string,
  passwordsPath: string,
): Promise<number> {
  const identities = parseIdentityCsv(await readFile(listPath, 'utf8'), store.roles);
  const file = await create(passwordsPath);
  try {
    const added = await store.addAll(identities);
    await file.writeFile(formatPasswordCsv(added)).catch((cause: unknown) => {
      throw unwritten(passwordsPath, cause);
    });
    await file.sync();
    return added.length;
  } catch (error) {
    await rm(passwordsPath, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new IdentityStoreError(
      'STORE_UNREADABLE',
      `${path} cannot be made for the passwords: ${(cause as Error).message}`,
      isThere ? 'Name a file that is not there yet.' : 'Check the path and who may write there.',
      { cause },
    );
  }
}

function unwritten(path: string, cause: unknown): IdentityStoreError {
  return new IdentityStoreError(
    'STORE_UNREADABLE',
    `the identities are added, but ${path} could not be written: ${(cause as Error).message}`,
    'Give each a password that can be seen with: echolot identity rotate NAME',
    { cause },
  );
}
