// The certificates of a store: its authority, what it issued, and the revocation list beside them.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { isName, NAME_RULE } from '../schemas/names.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { CertificateAuthority, type Issued, type KeyPair } from './certificate-authority.ts';
import { CertificateError } from './certificate-error.ts';
import {
  type LedgerEntry,
  readLedger,
  revocationsIn,
  withIssued,
  withRevoked,
  writeLedger,
} from './certificate-ledger.ts';
import { withFileLock } from './file-lock.ts';
import { isHostName } from './hosts.ts';

const CLIENT_DAYS = 365;
const SERVER_DAYS = 825;
const RENEWED_BEFORE_MS = 30 * 86_400_000;

/** Where a certificate and its key are; the key's mode is 0600. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Where things are in a store. Nothing is read. */
export function certificatePaths(store: string) {
  const ca = join(store, 'ca');
  return {
    /** The certificate of the authority: what both sides trust. */
    ca: join(ca, 'ca.crt'),
    caKey: join(ca, 'ca.key'),
    /** The revocation list, there as long as the authority, empty or not. */
    crl: join(ca, 'ca.crl'),
    ledger: join(ca, 'issued.json'),
    lock: join(ca, 'lock'),
    server: pairIn(join(store, 'server'), 'broker'),
    /** @throws {CertificateError} not a name */
    client: (name: string): CertificateFiles => pairIn(join(store, 'certificates'), checked(name)),
  };
}

/**
 * A client certificate with the name as its CN, in `certificates/NAME.crt` and `.key`. What was issued
 * to the name before is revoked: this is also how a certificate is renewed.
 * @throws {CertificateError} the name or the days cannot be used, or the store's files are damaged
 */
export async function issueCertificate(
  store: string,
  name: string,
  options: { readonly role: string; readonly days?: number },
): Promise<CertificateFiles & { readonly notAfter: string }> {
  const { days = CLIENT_DAYS, role } = options;
  const [issued] = await issueCertificates(store, [{ name, role }], { days });
  if (issued === undefined) throw new Error('nothing was issued');
  return issued;
}

/** As `issueCertificate`, for many names with one write of the ledger and the revocation list. */
export async function issueCertificates(
  store: string,
  owners: readonly { readonly name: string; readonly role: string }[],
  { days = CLIENT_DAYS }: { readonly days?: number } = {},
): Promise<(CertificateFiles & { readonly notAfter: string })[]> {
  const paths = certificatePaths(store);
  for (const { name } of owners) checked(name);
  return withAuthority(store, async (authority) => {
    const now = new Date();
    const issued = new Map<string, Issued>();
    for (const { name, role } of owners) {
      issued.set(name, authority.issue({ kind: 'client', name, role, days }, now));
    }
    // Listed before it is handed out: no valid certificate is ever unknown to the ledger.
    const entries = withIssued(await readLedger(paths.ledger), issued, now);
    await writeRegister(store, authority, entries, now);
    await mkdir(join(store, 'certificates'), { recursive: true, mode: 0o700 });
    const files = [];
    for (const [name, pair] of issued) {
      files.push({ ...(await writePair(paths.client(name), pair)), notAfter: pair.notAfter });
    }
    return files;
  });
}

/**
 * Revokes whatever was issued to these names and deletes their files. Does nothing in a store without
 * an authority.
 * @returns how many certificates count no more
 */
export async function revokeCertificates(store: string, names: readonly string[]): Promise<number> {
  const paths = certificatePaths(store);
  if ((await readIfThere(paths.ca)) === null) return 0;
  return withAuthority(store, async (authority) => {
    const now = new Date();
    const before = await readLedger(paths.ledger);
    const after = withRevoked(before, new Set(names), 'removed', now);
    await writeRegister(store, authority, after, now);
    for (const { certificate, key } of names.map(paths.client)) {
      await rm(key, { force: true });
      await rm(certificate, { force: true });
    }
    const stamp = now.toISOString();
    return after.filter(({ revoked }) => revoked?.reason === 'removed' && revoked.at === stamp)
      .length;
  });
}

/**
 * The broker's own certificate, in `server/broker.crt` and `.key`: the one that is there if it covers
 * all hosts for 30 days more, else a new one.
 * @param extraHosts beside localhost, 127.0.0.1, ::1 and this machine's name
 */
export async function ensureServerCertificate(
  store: string,
  extraHosts: readonly string[] = [],
  days = SERVER_DAYS,
): Promise<CertificateFiles> {
  const { server } = certificatePaths(store);
  const own = isHostName(hostname()) ? [hostname()] : [];
  const hosts = [...new Set(['localhost', '127.0.0.1', '::1', ...own, ...extraHosts])];
  return withAuthority(store, async (authority) => {
    const now = new Date();
    const there = await readIfThere(server.certificate);
    const key = await readIfThere(server.key);
    if (there && key && isGoodFor(there, hosts, authority.pair, now)) return server;
    await mkdir(join(store, 'server'), { recursive: true, mode: 0o700 });
    return writePair(server, authority.issue({ kind: 'server', hosts, days }, now));
  });
}

/** Creates the authority and its empty revocation list where there is none yet. */
export async function ensureAuthority(store: string): Promise<void> {
  await withAuthority(store, async () => {});
}

async function withAuthority<Result>(
  store: string,
  work: (authority: CertificateAuthority) => Promise<Result>,
): Promise<Result> {
  const paths = certificatePaths(store);
  await mkdir(join(store, 'ca'), { recursive: true, mode: 0o700 });
  return withFileLock(paths.lock, async () => {
    const certificate = await readIfThere(paths.ca);
    const key = await readIfThere(paths.caKey);
    // A key alone is a creation that was cut short; one that has issued is not replaced.
    if (certificate !== null || (await readLedger(paths.ledger)).length > 0) {
      return work(new CertificateAuthority({ certificate: certificate ?? '', key: key ?? '' }));
    }
    const now = new Date();
    const authority = CertificateAuthority.create(now);
    await writeFileAtomically(paths.caKey, authority.pair.key, 0o600);
    await writeFileAtomically(paths.crl, authority.revocationList([], now), 0o644);
    await writeFileAtomically(paths.ca, authority.pair.certificate, 0o644);
    return work(authority);
  });
}

async function writeRegister(
  store: string,
  authority: CertificateAuthority,
  entries: readonly LedgerEntry[],
  now: Date,
): Promise<void> {
  const { crl, ledger } = certificatePaths(store);
  await writeLedger(ledger, entries);
  await writeFileAtomically(crl, authority.revocationList(revocationsIn(entries), now), 0o644);
}

async function writePair(files: CertificateFiles, pair: KeyPair): Promise<CertificateFiles> {
  await writeFileAtomically(files.key, pair.key, 0o600);
  await writeFileAtomically(files.certificate, pair.certificate, 0o644);
  return files;
}

function isGoodFor(text: string, hosts: readonly string[], authority: KeyPair, now: Date): boolean {
  const certificate = new X509Certificate(text);
  const covers = (host: string) =>
    isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host);
  return (
    certificate.verify(new X509Certificate(authority.certificate).publicKey) &&
    Date.parse(certificate.validTo) - now.getTime() > RENEWED_BEFORE_MS &&
    hosts.every((host) => covers(host) !== undefined)
  );
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function pairIn(folder: string, name: string): CertificateFiles {
  return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

function checked(name: string): string {
  if (isName(name)) return name;
  throw new CertificateError(
    `${JSON.stringify(name)} cannot be the name in a certificate`,
    `A name is ${NAME_RULE}.`,
  );
}
