// The identity store: who may connect, changed by commands, watched by a running broker.
import { type FSWatcher, watch as watchFolder } from 'node:fs';
import { revokeCertificates } from './certificates.ts';
import {
  checkIdentity,
  type Identity,
  type IdentityRecord,
  IdentityStoreError,
} from './identity.ts';
import { hashPassword, makePassword, PasswordChecker } from './password.ts';
import { ROLES, type Role } from './policy.ts';
import { type Identities, StoreFile } from './store-file.ts';

/** Where the system tells nothing (network file systems), changes are still seen this soon. */
const POLL_MS = 1000;

export interface IdentityStore {
  /** The roles that may be added. */
  readonly roles: readonly Role[];
  /** Adds an identity. The password is shown here and never again. */
  add(
    name: string,
    role: Role,
    options?: { readonly models?: readonly string[] },
  ): Promise<{ password: string }>;
  /** By name, without secrets, as last read. */
  list(): Identity[];
  /** A new password; the old one is void. */
  rotate(name: string): Promise<{ password: string }>;
  /** Takes the identity out, and revokes its certificates. */
  remove(name: string): Promise<void>;
  /**
   * Adds many identities with one write, all or none.
   * @returns their passwords, in the same order
   */
  addAll(identities: readonly Identity[]): Promise<{ name: string; password: string }[]>;
  /** The identity where the password is right, else `null`. Sees changes made a moment ago. */
  verify(name: string, password: string): Promise<Identity | null>;
  /** @throws {IdentityStoreError} `IDENTITY_UNKNOWN` */
  get(name: string): Identity;
  /** The identity, for whom a certificate vouches. Sees changes made a moment ago. */
  lookUp(name: string): Promise<Identity | null>;
  /** The identity as last read. It changes as an object exactly when its record does. */
  find(name: string): Identity | null;
  /** Calls back after every change, and with the error where the file broke (what was read last stays). */
  watch(onChange: (error: IdentityStoreError | null) => void): () => void;
}

/**
 * Opens the store in a folder, which is made where it is not there.
 * @param roles those that may be added
 * @throws {IdentityStoreError} where the folder or the file in it cannot be used
 */
export async function openIdentityStore(
  folder: string,
  roles: readonly Role[] = ROLES,
): Promise<IdentityStore> {
  const file = new StoreFile(folder);
  await file.prepare();
  const store = new FolderStore(file, roles);
  await store.refresh();
  return store;
}

class FolderStore implements IdentityStore {
  private readonly file: StoreFile;
  readonly roles: readonly Role[];
  private readonly passwords = new PasswordChecker();
  private records: Identities = new Map();
  private version: string | null | undefined = undefined;
  private reading: Promise<void> = Promise.resolve();
  /** Without the hash, the same object for as long as the record is the same. */
  private readonly shown = new WeakMap<IdentityRecord, Identity>();
  private readonly watchers = new Set<(error: IdentityStoreError | null) => void>();
  private stopWatching: (() => void) | null = null;

  constructor(file: StoreFile, roles: readonly Role[]) {
    this.file = file;
    this.roles = roles;
  }

  async add(name: string, role: Role, options: { readonly models?: readonly string[] } = {}) {
    const { models } = options;
    const [added] = await this.addAll([{ name, role, ...(models ? { models: [...models] } : {}) }]);
    return { password: added?.password ?? '' };
  }

  async addAll(identities: readonly Identity[]) {
    for (const identity of identities) checkIdentity(identity, this.roles);
    const added = await Promise.all(
      identities.map(async (identity) => {
        const password = makePassword();
        return { identity, password, hash: await hashPassword(password) };
      }),
    );
    await this.change((records) => {
      for (const { hash, identity } of added) {
        if (records.has(identity.name)) throw exists(identity.name);
        records.set(identity.name, { ...identity, password: hash });
      }
    });
    return added.map(({ identity, password }) => ({ name: identity.name, password }));
  }

  list(): Identity[] {
    return [...this.records.values()]
      .map((record) => this.show(record))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async rotate(name: string) {
    const password = makePassword();
    const hash = await hashPassword(password);
    await this.change((records) => {
      records.set(name, { ...this.known(records, name), password: hash });
    });
    return { password };
  }

  async remove(name: string) {
    await this.refresh();
    this.known(this.records, name);
    // First, so that what fails here can be done again.
    await revokeCertificates(this.file.folder, [name]);
    await this.change((records) => {
      this.known(records, name);
      records.delete(name);
    });
  }

  async verify(name: string, password: string): Promise<Identity | null> {
    // Broken or out of reach just now: what was read last holds; the watcher tells about it.
    await this.refresh().catch(() => undefined);
    const record = this.records.get(name);
    const right = await this.passwords.check(password, record?.password ?? null);
    // Removed or rotated while the hash was computed: the answer is about a record of the past.
    return right && record && this.records.get(name) === record ? this.show(record) : null;
  }

  get(name: string): Identity {
    return this.show(this.known(this.records, name));
  }

  async lookUp(name: string): Promise<Identity | null> {
    await this.refresh().catch(() => undefined);
    return this.find(name);
  }

  find(name: string): Identity | null {
    const record = this.records.get(name);
    return record ? this.show(record) : null;
  }

  watch(onChange: (error: IdentityStoreError | null) => void): () => void {
    this.watchers.add(onChange);
    this.stopWatching ??= this.startWatching();
    return () => {
      this.watchers.delete(onChange);
      if (this.watchers.size > 0) return;
      this.stopWatching?.();
      this.stopWatching = null;
    };
  }

  /** Reads the file where it is another than the one read last; never an answer from before the call. */
  refresh(): Promise<void> {
    const next = this.reading.then(() => this.read());
    this.reading = next.catch(() => undefined);
    return next;
  }

  private show(record: IdentityRecord): Identity {
    let identity = this.shown.get(record);
    if (!identity) {
      const { password: _, ...rest } = record;
      identity = Object.freeze(rest);
      this.shown.set(record, identity);
    }
    return identity;
  }

  private async read(): Promise<void> {
    const version = await this.file.version();
    if (version === this.version) return;
    try {
      const fresh = await this.file.read();
      if (version === null && this.records.size > 0) throw this.vanished();
      // A record that did not change stays the same object, so that others can compare.
      for (const [name, record] of fresh) {
        const before = this.records.get(name);
        if (before && sameRecord(before, record)) fresh.set(name, before);
      }
      this.records = fresh;
      this.tell(null);
    } catch (error) {
      if (error instanceof IdentityStoreError) this.tell(error);
      throw error;
    } finally {
      this.version = version;
    }
  }

  private tell(error: IdentityStoreError | null): void {
    for (const watcher of this.watchers) watcher(error);
  }

  private async change(change: (records: Identities) => void): Promise<void> {
    await this.file.update(change);
    await this.refresh();
  }

  private known(records: Identities, name: string): IdentityRecord {
    const record = records.get(name);
    if (record) return record;
    throw new IdentityStoreError(
      'IDENTITY_UNKNOWN',
      `there is no identity ${JSON.stringify(name)} in ${this.file.folder}`,
      'See who is there with: echolot identity list',
    );
  }

  private vanished(): IdentityStoreError {
    return new IdentityStoreError(
      'STORE_UNREADABLE',
      `${this.file.path} is gone`,
      'Bring it back from a backup; to lock everybody out, remove the identities one by one.',
    );
  }

  private startWatching(): () => void {
    const look = () => {
      this.refresh().catch(() => undefined);
    };
    let watcher: FSWatcher | null = null;
    try {
      watcher = watchFolder(this.file.folder, { persistent: false }, look);
      watcher.on('error', () => undefined);
    } catch {
      // The poll below sees changes as well, only later.
    }
    const timer = setInterval(look, POLL_MS).unref();
    return () => {
      watcher?.close();
      clearInterval(timer);
    };
  }
}

function exists(name: string): IdentityStoreError {
  return new IdentityStoreError(
    'IDENTITY_EXISTS',
    `${name} is in the store already`,
    `Choose another name, or give it a new password with: echolot identity rotate ${name}`,
  );
}

function sameRecord(a: IdentityRecord, b: IdentityRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
