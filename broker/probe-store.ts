// The probe identities in a store: made where they are missing, their passwords in files of mode 0600.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from './atomic-file.ts';
import { certificatePaths, issueCertificates } from './certificates.ts';
import { openIdentityStore } from './identity-store.ts';
import { PROBES } from './probes.ts';

/** Where the password of a probe is; nothing is read. */
export function probePasswordPath(store: string, name: string): string {
  return join(store, 'probes', `${name}.password`);
}

/**
 * Sees to it that every probe is in the store with a password in its file, and, in a store that has an
 * authority, with a certificate. Probes that are there already stay as they are.
 * @param store the folder of the identities
 * @throws {IdentityStoreError | CertificateError} the store cannot be read or written
 */
export async function ensureProbes(store: string): Promise<void> {
  const identities = await openIdentityStore(store);
  await mkdir(join(store, 'probes'), { recursive: true, mode: 0o700 });
  for (const { name, role } of PROBES) {
    const path = probePasswordPath(store, name);
    const known = await readIfThere(path);
    if (known !== null && (await identities.verify(name, known.trimEnd()))) continue;
    const { password } = identities.find(name)
      ? await identities.rotate(name)
      : await identities.add(name, role);
    await writeFileAtomically(path, `${password}\n`, 0o600);
  }
  await ensureCertificates(store);
}

async function ensureCertificates(store: string): Promise<void> {
  const paths = certificatePaths(store);
  if ((await readIfThere(paths.ca)) === null) return;
  const missing = [];
  for (const probe of PROBES) {
    if ((await readIfThere(paths.client(probe.name).key)) === null) missing.push(probe);
  }
  if (missing.length > 0) await issueCertificates(store, missing);
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
