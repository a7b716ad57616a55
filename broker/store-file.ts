// The folder of the identity store: read, written atomically, one writer at a time.
import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from './atomic-file.ts';
import { LockedError, withFileLock } from './file-lock.ts';
import {
  formatIdentities,
  type IdentityRecord,
  IdentityStoreError,
  parseIdentities,
} from './identity.ts';

export type Identities = Map<string, IdentityRecord>;

export class StoreFile {
  readonly folder: string;
  readonly path: string;
  private readonly lockPath: string;

  constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, 'identities.json');
    this.lockPath = join(folder, 'identities.lock');
  }

  /** Makes the folder where it is not there; nobody else may look into it. */
  async prepare(): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await chmod(this.folder, 0o700);
    } catch (error) {
      throw this.unusable('cannot be used', error);
    }
  }

  /** Changes whenever the file does; `null` where there is none. */
  async version(): Promise<string | null> {
    try {
      const { ino, mtimeNs, size } = await stat(this.path, { bigint: true });
      return `${ino}:${mtimeNs}:${size}`;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw this.unusable('cannot be read', error);
    }
  }

  /** @throws {IdentityStoreError} `STORE_UNREADABLE`, `STORE_INVALID` */
  async read(): Promise<Identities> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new Map();
      throw this.unusable('cannot be read', error);
    }
    return parseIdentities(text, this.path);
  }

  /**
   * Reads, lets `change` work on it, and writes the result; no other process writes in between.
   * @throws {IdentityStoreError | LockedError}
   */
  async update(change: (identities: Identities) => void): Promise<void> {
    await this.prepare();
    try {
      await withFileLock(this.lockPath, async () => {
        const identities = await this.read();
        change(identities);
        await writeFileAtomically(this.path, formatIdentities(identities), 0o600);
      });
    } catch (error) {
      if (error instanceof IdentityStoreError || error instanceof LockedError) throw error;
      throw this.unusable('cannot be written', error);
    }
  }

  private unusable(what: string, cause: unknown): IdentityStoreError {
    return new IdentityStoreError(
      'STORE_UNREADABLE',
      `the identity store ${this.folder} ${what} (${codeOf(cause) ?? String(cause)})`,
      'Give this user the rights to the folder, or name another one as store.',
      { cause },
    );
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}
