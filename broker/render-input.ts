// From a store to what the renderers are given: identities with their hashes, probes, certificates.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { certificatePaths, ensureServerCertificate } from './certificates.ts';
import type { Policy } from './policy.ts';
import { ensureProbes } from './probe-store.ts';
import { probeRole } from './probes.ts';
import type { RenderedTls } from './render-mosquitto.ts';
import type { RenderInput } from './rendering.ts';
import { StoreFile } from './store-file.ts';

/**
 * Reads what is rendered of a store, sorted by name.
 * @param options.probes `true` makes the probes where they are missing, `false` leaves them out
 * @throws {IdentityStoreError | CertificateError} the store cannot be used
 */
export async function loadRenderInput(
  store: string,
  options: {
    readonly policy: Policy;
    readonly models: readonly string[];
    readonly probes: boolean;
  },
): Promise<RenderInput> {
  const { models, policy, probes } = options;
  if (probes) await ensureProbes(store);
  const identities = [...(await new StoreFile(store).read()).values()]
    .filter(({ name }) => probes || probeRole(name) === null)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  return { policy, models, identities };
}

/**
 * The broker's certificate with what it trusts; `null` in a store that has no authority.
 * @param hosts more names for the certificate, which is renewed where it lacks one
 * @throws {CertificateError} a name cannot be used, or the store's files are damaged
 */
export async function loadRenderedTls(
  store: string,
  hosts: readonly string[],
): Promise<RenderedTls | null> {
  const { ca, crl } = certificatePaths(store);
  if (!existsSync(ca)) return null;
  const { certificate, key } = await ensureServerCertificate(store, hosts);
  const read = (path: string) => readFile(path, 'utf8');
  return {
    ca: await read(ca),
    crl: await read(crl),
    cert: await read(certificate),
    key: await read(key),
  };
}
