// How the probes log in: by the passwords and certificates that their store has.
import { readFile } from 'node:fs/promises';
import { certificatePaths } from '../certificates.ts';
import { ensureProbes, probePasswordPath } from '../probe-store.ts';
import { PROBES } from '../probes.ts';
import type { Credentials } from './actor.ts';

export type LoginBy = 'password' | 'certificate' | 'both';

/** The store has no certificates to log in with. Exit 78. */
export class ProbeCertificateError extends Error {
  readonly code = 'PROBE_CERTIFICATE_MISSING';
  readonly exitCode = 78;
  readonly remedy =
    'Make an authority first: echolot identity add NAME --role client --certificate. Then render again.';
}

/**
 * The credentials of every probe by its name; probes that are missing in the store are made.
 * @param ca what is trusted of the broker; `null`: the authority of the store, where it has one
 * @throws {ProbeCertificateError | IdentityStoreError}
 */
export async function loadProbeCredentials(
  store: string,
  { by, ca }: { readonly by: LoginBy; readonly ca: Buffer | null },
): Promise<Map<string, Credentials>> {
  await ensureProbes(store);
  const paths = certificatePaths(store);
  const trusted = ca ?? (await readIfThere(paths.ca));
  const all = PROBES.map(async ({ name }): Promise<[string, Credentials]> => {
    const { certificate, key } = paths.client(name);
    const own =
      by === 'password' ? {} : { cert: await readOwn(certificate), key: await readOwn(key) };
    const tls = { ...(trusted && { ca: trusted }), ...own };
    const login = by === 'certificate' ? {} : await passwordOf(store, name);
    return [name, { ...login, tls }];
  });
  return new Map(await Promise.all(all));
}

async function passwordOf(store: string, name: string) {
  const password = (await readFile(probePasswordPath(store, name), 'utf8')).trimEnd();
  return { username: name, password };
}

async function readOwn(path: string): Promise<Buffer> {
  const file = await readIfThere(path);
  if (file) return file;
  throw new ProbeCertificateError(`the probes have no certificates: ${path} is missing`);
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
