// The identity store: one folder with identities.json, changed by the CLI, watched by a running broker.
import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isName, NAME_RULE, SELF_CHECK_MODEL } from '../schemas/names.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { withFileLock } from './file-lock.ts';
import {
  checkIdentitiesFile,
  createPassword,
  hashPassword,
  type IdentitiesFile,
  type Identity,
  matchesPassword,
} from './identities.ts';
import type { Role } from './policy.ts';

const FILE = 'identities.json';
/** A hash that no password has: checking a stranger takes as long as checking a friend. */
const NOBODY = `$7$1000$${'A'.repeat(16)}$${'A'.repeat(86)}==`;

export type StoreErrorCode =
  | 'STORE_BROKEN'
  | 'NAME_INVALID'
  | 'MODELS_INVALID'
  | 'IDENTITY_EXISTS'
  | 'IDENTITY_UNKNOWN';

/** The store or what is asked of it is wrong. A person must edit; exit 78. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly remedy: string;
  readonly exitCode = 78;

  constructor(code: StoreErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
    this.remedy = remedy;
  }
}

/** Opens the folder, making it (mode 0700) where it is not there, and reads what is in it. */
export async function openIdentityStore(directory: string): Promise<IdentityStore> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const store = new IdentityStore(directory);
  await store.reload();
  return store;
}

export class IdentityStore {
  readonly directory: string;
  private identities: ReadonlyMap<string, Identity> = new Map();

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * Adds an identity.
   * @param options `models` limits a predictor to these
   * @returns its password, which is stored nowhere
   */
  async add(
    name: string,
    role: Role,
    { models }: { models?: readonly string[] } = {},
  ): Promise<{ password: string }> {
    checkName(name);
    checkModels(role, models);
    const password = createPassword();
    const hash = await hashPassword(password);
    await this.change((identities) => {
      if (identities.has(name)) {
        throw new StoreError(
          'IDENTITY_EXISTS',
          `there is an identity ${name} already`,
          `take another name, or "echolot identity rotate ${name}" for a new password`,
        );
      }
      const limit = models === undefined ? {} : { models: [...models] };
      const createdAt = new Date().toISOString();
      identities.set(name, { name, role, password: hash, ...limit, createdAt });
    });
    return { password };
  }

  /** All identities by name, without their passwords. */
  list(): Omit<Identity, 'password'>[] {
    return [...this.identities.values()]
      .map(({ password: _, ...identity }) => identity)
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  find(name: string): Identity | undefined {
    return this.identities.get(name);
  }

  /** Gives an identity a new password; the old one is of no use from now on. */
  async rotate(name: string): Promise<{ password: string }> {
    const password = createPassword();
    const hash = await hashPassword(password);
    await this.change((identities) => {
      const identity = known(identities, name);
      identities.set(name, { ...identity, password: hash });
    });
    return { password };
  }

  async remove(name: string): Promise<void> {
    await this.change((identities) => {
      known(identities, name);
      identities.delete(name);
    });
  }

  /** The identity whose password this is; `null` for anybody else. Takes as long for either. */
  async verify(name: string, password: string): Promise<Identity | null> {
    const identity = this.identities.get(name);
    const matches = await matchesPassword(password, identity?.password ?? NOBODY);
    // It may have been removed or rotated while the hash was computed.
    return matches && identity !== undefined && this.identities.get(name) === identity
      ? identity
      : null;
  }

  /**
   * Reads the file anew.
   * @throws {StoreError} it cannot be read or breaks its schema; what was known stays
   */
  async reload(): Promise<void> {
    this.identities = await this.read();
  }

  /**
   * Follows changes that other processes make.
   * @param onChange after each change that could be read
   * @param onBroken the file is unreadable; what was known stays in force
   * @returns ends the watch
   */
  watch(onChange: () => void, onBroken: (error: unknown) => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    const reload = () => {
      this.reload().then(onChange, onBroken);
    };
    // The folder, since the file is replaced and not rewritten.
    const watcher: FSWatcher = watch(this.directory, (_, file) => {
      if (file !== null && file !== FILE) return;
      clearTimeout(timer);
      timer = setTimeout(reload, 20);
    });
    watcher.on('error', onBroken);
    return () => {
      clearTimeout(timer);
      watcher.close();
    };
  }

  private async change(edit: (identities: Map<string, Identity>) => void): Promise<void> {
    await withFileLock(join(this.directory, `${FILE}.lock`), async () => {
      const identities = new Map(await this.read());
      edit(identities);
      const file: IdentitiesFile = {
        schema: 'echolot/identities/v1',
        identities: [...identities.values()],
      };
      const text = `${JSON.stringify(file, null, 2)}\n`;
      await writeFileAtomically(join(this.directory, FILE), text, 0o600);
      this.identities = identities;
    });
  }

  private async read(): Promise<Map<string, Identity>> {
    const path = join(this.directory, FILE);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
      throw broken(path, 'cannot be read', error);
    }
    let file: unknown;
    try {
      file = JSON.parse(text);
    } catch (error) {
      throw broken(path, 'is no JSON', error);
    }
    if (!checkIdentitiesFile.Check(file)) {
      const [first] = checkIdentitiesFile.Errors(file);
      const where = first ? `${first.instancePath || '/'} ${first.message}` : 'breaks its schema';
      throw broken(path, `breaks its schema: ${where}`);
    }
    const identities = new Map(file.identities.map((identity) => [identity.name, identity]));
    if (identities.size !== file.identities.length) throw broken(path, 'names an identity twice');
    return identities;
  }
}

function broken(path: string, what: string, cause?: unknown): StoreError {
  const remedy = 'restore it from a copy, or move it away and add the identities again';
  return new StoreError('STORE_BROKEN', `${path} ${what}`, remedy, { cause });
}

function known(identities: ReadonlyMap<string, Identity>, name: string): Identity {
  const identity = identities.get(name);
  if (identity) return identity;
  const remedy = '"echolot identity list" shows those that are there';
  throw new StoreError(
    'IDENTITY_UNKNOWN',
    `there is no identity ${JSON.stringify(name.slice(0, 80))}`,
    remedy,
  );
}

function checkName(name: string): void {
  if (isName(name)) return;
  const message = `${JSON.stringify(name.slice(0, 80))} is no name`;
  throw new StoreError('NAME_INVALID', message, `use ${NAME_RULE}`);
}

function checkModels(role: Role, models: readonly string[] | undefined): void {
  if (models === undefined) return;
  if (role !== 'predictor') {
    const message = `an identity of role ${role} has no models to be limited to`;
    throw new StoreError('MODELS_INVALID', message, 'leave --models out, or take --role predictor');
  }
  const bad = models.find((model) => !isName(model) || model === SELF_CHECK_MODEL);
  if (models.length > 0 && bad === undefined) return;
  const message = `${JSON.stringify(bad ?? '')} is no model's name`;
  throw new StoreError(
    'MODELS_INVALID',
    message,
    `give names separated by commas, each ${NAME_RULE}`,
  );
}
