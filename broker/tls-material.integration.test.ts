import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CertificateAuthority } from './certificate-authority.ts';
import {
  certificatePaths,
  ensureServerCertificate,
  issueCertificate,
  revokeCertificates,
} from './certificates.ts';
import { readPair } from './tls.fixture.ts';
import { TlsMaterial } from './tls-material.ts';

const run = promisify(execFile);
let store: string;
let material: TlsMaterial;
let server: Server;
const cleanups: (() => void)[] = [];

beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), 'echolot-material-'));
  const { certificate: cert, key } = await ensureServerCertificate(store);
  const { ca, crl } = certificatePaths(store);
  material = new TlsMaterial({ cert, key, ca, crl });
  const flags = { requestCert: true, rejectUnauthorized: false };
  server = createServer({ ...material.context, ...flags }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  server.close();
  await rm(store, { recursive: true, force: true });
});

/** Connects, and gives the server's socket. */
async function accept(pair?: { cert: string; key: string }): Promise<TLSSocket> {
  const ca = await readFile(certificatePaths(store).ca);
  const accepted = once(server, 'secureConnection');
  const { port } = server.address() as AddressInfo;
  const client = connect({ ...pair, ca, port, host: '127.0.0.1' });
  client.on('error', () => {});
  cleanups.push(() => client.destroy());
  const [socket] = (await accepted) as [TLSSocket];
  socket.on('error', () => {});
  return socket;
}

async function issue(name: string) {
  return readPair(await issueCertificate(store, name, { role: 'client' }));
}

/** A certificate that only a careless administrator would sign. */
async function issueByHand(subject: string) {
  const { ca, caKey } = certificatePaths(store);
  const [key, request, cert] = ['hand.key', 'hand.csr', 'hand.crt'].map((name) =>
    join(store, name),
  );
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const from = ['req', '-new', ...curve, '-subj', subject];
  await run('openssl', [...from, '-keyout', String(key), '-out', String(request)]);
  const sign = ['x509', '-req', '-in', String(request), '-CA', ca, '-CAkey', caKey, '-days', '9'];
  await run('openssl', [...sign, '-CAcreateserial', '-out', String(cert)]);
  return readPair({ certificate: String(cert), key: String(key) });
}

describe('the judgement of a client certificate', () => {
  it('is its common name', async () => {
    const socket = await accept(await issue('edge-1'));
    expect(material.judge(socket)).toEqual({ kind: 'valid', name: 'edge-1' });
  });

  it('is none where none is shown, and for a socket without TLS', async () => {
    expect(material.judge(await accept())).toEqual({ kind: 'none' });
    expect(material.judge({})).toEqual({ kind: 'none' });
  });

  it('is a refusal for one of a foreign authority, run out or of a server', async () => {
    const now = new Date();
    const request = { kind: 'client', name: 'edge-1', role: 'client', days: 1 } as const;
    const foreign = CertificateAuthority.create(now).issue(request, now);
    const verdict = material.judge(await accept({ cert: foreign.certificate, key: foreign.key }));
    expect(verdict).toMatchObject({ reason: expect.stringContaining('not of an authority') });

    const { ca, caKey, server: own } = certificatePaths(store);
    const authority = new CertificateAuthority({
      certificate: await readFile(ca, 'utf8'),
      key: await readFile(caKey, 'utf8'),
    });
    const old = authority.issue(request, new Date(now.getTime() - 3 * 86_400_000));
    expect(material.judge(await accept({ cert: old.certificate, key: old.key }))).toEqual({
      kind: 'refused',
      reason: 'the certificate has expired',
    });
    expect(material.judge(await accept(await readPair(own)))).toEqual({
      kind: 'refused',
      reason: 'the certificate is not one of a client',
    });
  });

  it.each(['/CN=dev\\/x', '/CN=+', '/CN=#', '/CN=dev-1/CN=admin', '/O=nobody'])(
    'is a refusal for the subject %s',
    async (subject) => {
      expect(material.judge(await accept(await issueByHand(subject)))).toEqual({
        kind: 'refused',
        reason: 'the common name of the certificate is no name',
      });
    },
  );

  it('changes for a connection that stands once its certificate is revoked', async () => {
    const [one, two] = [await accept(await issue('one')), await accept(await issue('two'))];
    const changed = new Promise<void>((resolve, reject) => {
      cleanups.push(material.watch(resolve, reject));
    });
    await revokeCertificates(store, ['two']);
    await changed;
    expect(material.judge(one)).toEqual({ kind: 'valid', name: 'one' });
    expect(material.judge(two)).toEqual({ kind: 'refused', reason: 'the certificate is revoked' });
  });

  it('is a refusal for a revoked certificate on a listener that took the new list', async () => {
    const pair = await issue('edge-1');
    const changed = new Promise<void>((resolve, reject) => {
      cleanups.push(material.watch(resolve, reject));
    });
    await revokeCertificates(store, ['edge-1']);
    await changed;
    server.setSecureContext(material.context);
    const socket = await accept(pair);
    expect(socket.authorized).toBe(false);
    expect(material.judge(socket)).toMatchObject({ reason: 'the certificate is revoked' });
  });

  it('stays as it was while a file is broken, and the breakage is told', async () => {
    const socket = await accept(await issue('edge-1'));
    const broken = new Promise<unknown>((resolve) => {
      cleanups.push(material.watch(() => {}, resolve));
    });
    await writeFile(certificatePaths(store).crl, 'no list');
    expect(await broken).toMatchObject({ code: 'CERTIFICATE_INVALID', exitCode: 78 });
    expect(material.judge(socket)).toEqual({ kind: 'valid', name: 'edge-1' });
  });
});

describe('the material of TLS', () => {
  it('is refused with the file and a remedy where a file is missing or does not fit', async () => {
    const { ca, server: own } = certificatePaths(store);
    const { certificate: cert, key } = own;
    const other = await issueCertificate(store, 'edge-1', { role: 'client' });
    const missing = join(store, 'missing.crt');
    for (const files of [
      { cert: missing, key },
      { cert, key, crl: missing, ca },
    ]) {
      expect(() => new TlsMaterial(files)).toThrow('missing.crt cannot be read: ENOENT');
    }
    expect(() => new TlsMaterial({ cert, key: other.key })).toThrow(/cannot be used for TLS/);
    expect(() => new TlsMaterial({ cert, key, ca, crl: ca })).toThrow();
  });
});
