// Brings a running Mosquitto to what would be rendered from a store: by commands, without a restart.
import { readFile } from 'node:fs/promises';
import { PasswordChecker } from './password.ts';
import { ADMINISTRATOR, readAdministratorPassword } from './administrator.ts';
import { diffDynamicSecurity, type Difference } from './dynamic-security-diff.ts';
import { connectControl } from './dynamic-security-control.ts';
import { IdentityCsvError, parsePasswordCsv } from './identity-csv.ts';
import { IdentityStoreError } from './identity.ts';
import { probePasswordPath } from './probe-store.ts';
import { probeRole } from './probes.ts';
import { renderDynamicSecurity } from './render-dynamic-security.ts';
import type { RenderInput } from './rendering.ts';

type Broker = Omit<Parameters<typeof connectControl>[0], 'password'>;

export interface ApplyOptions {
  /** The folder of the identities, with the administrator's password. */
  readonly store: string;
  readonly broker: Broker;
  readonly input: RenderInput;
  /** A CSV of names and passwords, as `identity add --csv` writes it. */
  readonly passwordsPath?: string | undefined;
}

/**
 * Compares, lets `decide` look at the difference, and tells it to the broker where it says so.
 * @throws {BrokerRefusedError | ControlError | IdentityStoreError | IdentityCsvError} each with a remedy
 */
export async function applyPolicy(
  { broker, input, passwordsPath, store }: ApplyOptions,
  decide: (difference: Difference) => boolean,
): Promise<void> {
  const password = await readAdministratorPassword(store);
  if (password === null) throw unrendered(store);
  const given = await readPasswords(input, passwordsPath);
  const control = await connectControl({ ...broker, password });
  try {
    const deployed = await control.list();
    const clients = deployed.clients.filter(({ username }) => username !== ADMINISTRATOR);
    const probes = await readProbes(store, input, new Set(clients.map(({ username }) => username)));
    const difference = diffDynamicSecurity(
      renderDynamicSecurity(input, null),
      { ...deployed, clients },
      new Map([...probes, ...given]),
    );
    if (decide(difference)) await control.apply(difference.changes);
  } finally {
    await control.close();
  }
}

/** Only the right passwords of identities of the store. */
async function readPasswords(
  { identities }: RenderInput,
  path: string | undefined,
): Promise<Map<string, string>> {
  if (path === undefined) return new Map();
  const passwords = parsePasswordCsv(await readText(path));
  const checker = new PasswordChecker();
  const hashes = new Map(identities.map(({ name, password }) => [name, password]));
  const complaints: string[] = [];
  for (const [name, password] of passwords) {
    const hash = hashes.get(name);
    if (hash === undefined) complaints.push(`${name} is not in the store`);
    else if (!(await checker.check(password, hash))) complaints.push(`that of ${name} is wrong`);
  }
  if (complaints.length > 0) throw new IdentityCsvError(complaints, 'passwords');
  return passwords;
}

/** The passwords of probes that the broker does not know yet; they lie in the store. */
async function readProbes(
  store: string,
  { identities }: RenderInput,
  there: ReadonlySet<string>,
): Promise<[string, string][]> {
  const missing = identities.filter(({ name }) => probeRole(name) !== null && !there.has(name));
  return Promise.all(
    missing.map(async ({ name }): Promise<[string, string]> => {
      const password = await readFile(probePasswordPath(store, name), 'utf8');
      return [name, password.trimEnd()];
    }),
  );
}

function unrendered(store: string): IdentityStoreError {
  return new IdentityStoreError(
    'STORE_UNREADABLE',
    `the store ${store} has no administrator's password`,
    'Name the store from which the broker was rendered: echolot policy render mosquitto makes it.',
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new IdentityStoreError(
      'STORE_UNREADABLE',
      `${path} cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`,
      'Check the path and who may read it.',
      { cause },
    );
  }
}
