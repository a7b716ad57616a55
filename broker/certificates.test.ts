import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CertificateAuthority } from './certificate-authority.ts';
import {
  certificatePaths,
  ensureServerCertificate,
  issueCertificate,
  issueCertificates,
  revokeCertificates,
} from './certificates.ts';
import { revokedSerials } from './revocation-list.ts';
import { handshake, readPair } from './tls.fixture.ts';

let store: string;

beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), 'echolot-certificates-'));
});
afterEach(() => rm(store, { recursive: true, force: true }));

const serialIn = (text: string) => new X509Certificate(text).serialNumber.toLowerCase();

describe('the certificates of a store', () => {
  it('come from an authority of the store, P-256, with the name as the common name', async () => {
    const files = await issueCertificate(store, 'edge-1', { role: 'predictor' });

    const certificate = new X509Certificate(await readFile(files.certificate));
    const authority = new X509Certificate(await readFile(certificatePaths(store).ca));
    expect(certificate.subject).toBe('OU=predictor\nCN=edge-1');
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(authority.ca).toBe(true);
    expect(createPublicKey(await readFile(files.key)).asymmetricKeyDetails).toEqual({
      namedCurve: 'prime256v1',
    });
    expect(files).toMatchObject({
      certificate: join(store, 'certificates', 'edge-1.crt'),
      key: join(store, 'certificates', 'edge-1.key'),
    });
  });

  it('keep every private key and the ledger to their owner', async () => {
    const { key } = await issueCertificate(store, 'edge-1', { role: 'predictor' });
    const server = await ensureServerCertificate(store);
    const { caKey, ledger } = certificatePaths(store);
    for (const path of [key, server.key, caKey, ledger]) {
      expect((await stat(path)).mode & 0o777, path).toBe(0o600);
    }
  });

  it.each(['', 'a/b', '../edge-1', 'a b', 'a\n', '+', 'é', 'x'.repeat(65)])(
    'are refused for %j, which is no name',
    async (name) => {
      await expect(issueCertificate(store, name, { role: 'client' })).rejects.toMatchObject({
        code: 'CERTIFICATE_INVALID',
        remedy: expect.stringContaining('a letter or digit'),
      });
      expect(await readdir(store)).toEqual([]);
    },
  );

  it.each([0, -1, 1.5, Number.NaN, 7301])('are refused for %d days', async (days) => {
    const refused = issueCertificate(store, 'edge-1', { role: 'client', days });
    await expect(refused).rejects.toThrow(`${days} days`);
  });

  it('are renewed by issuing again, which revokes the one before', async () => {
    const first = await readFile(
      (await issueCertificate(store, 'edge-1', { role: 'client' })).certificate,
      'utf8',
    );
    const second = await readFile(
      (await issueCertificate(store, 'edge-1', { role: 'client' })).certificate,
      'utf8',
    );
    const revoked = revokedSerials(await readFile(certificatePaths(store).crl, 'utf8'));
    expect([...revoked]).toEqual([serialIn(first)]);
    expect(revoked.has(serialIn(second))).toBe(false);
  });

  it('are revoked with their files, also when these were moved away before', async () => {
    const files = await issueCertificate(store, 'edge-1', { role: 'client' });
    const serial = serialIn(await readFile(files.certificate, 'utf8'));
    await issueCertificate(store, 'edge-2', { role: 'client' });
    await rm(files.certificate);

    expect(await revokeCertificates(store, ['edge-1'])).toBe(1);

    const revoked = revokedSerials(await readFile(certificatePaths(store).crl, 'utf8'));
    expect([...revoked]).toEqual([serial]);
    expect((await readdir(join(store, 'certificates'))).sort()).toEqual([
      'edge-2.crt',
      'edge-2.key',
    ]);
    expect(await revokeCertificates(store, ['edge-1', 'nobody'])).toBe(0);
  });

  it('are nothing to revoke in a store without an authority', async () => {
    expect(await revokeCertificates(store, ['edge-1'])).toBe(0);
    expect(await readdir(store)).toEqual([]);
  });

  it('are all listed where several processes issue at once', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `edge-${index}`);
    await Promise.all(names.map((name) => issueCertificate(store, name, { role: 'client' })));
    expect(await revokeCertificates(store, names)).toBe(names.length);
  });

  it('are issued to many names at once', async () => {
    const owners = Array.from({ length: 50 }, (_, index) => ({
      name: `d${index}`,
      role: 'client',
    }));
    const files = await issueCertificates(store, owners, { days: 30 });
    expect(files).toHaveLength(50);
    expect(Date.parse(files[0]?.notAfter ?? '') - Date.now()).toBeLessThan(30 * 86_400_000 + 1);
  });

  it('name the broker by its hosts, and are kept until a host is missing', async () => {
    const first = await ensureServerCertificate(store, ['broker.example', '10.0.0.7']);
    const text = await readFile(first.certificate, 'utf8');
    const certificate = new X509Certificate(text);
    for (const host of ['localhost', 'broker.example']) {
      expect(certificate.checkHost(host), host).toBe(host);
    }
    for (const address of ['127.0.0.1', '::1', '10.0.0.7']) {
      expect(certificate.checkIP(address), address).toBe(address);
    }
    expect(certificate.checkHost('other.example')).toBeUndefined();

    await ensureServerCertificate(store, ['broker.example']);
    expect(await readFile(first.certificate, 'utf8')).toBe(text);
    await ensureServerCertificate(store, ['second.example']);
    expect(await readFile(first.certificate, 'utf8')).not.toBe(text);
  });

  it('of the broker are renewed a month before they run out', async () => {
    const { certificate } = await ensureServerCertificate(store, [], 29);
    const text = await readFile(certificate, 'utf8');
    await ensureServerCertificate(store, [], 29);
    expect(await readFile(certificate, 'utf8')).not.toBe(text);
  });

  it.each(['mqtt://a', 'a b', '*.example', ''])('are refused for the host %j', async (host) => {
    await expect(ensureServerCertificate(store, [host])).rejects.toThrow('is not a host');
  });

  it('never outlive their authority', () => {
    const authority = CertificateAuthority.create(new Date(Date.now() - 7290 * 86_400_000));
    const issued = authority.issue(
      { kind: 'client', name: 'edge-1', role: 'client', days: 365 },
      new Date(),
    );
    expect(Date.parse(issued.notAfter)).toBe(
      Date.parse(new X509Certificate(authority.pair.certificate).validTo),
    );
  });

  it('are not issued by an authority whose key is not its own', async () => {
    await issueCertificate(store, 'edge-1', { role: 'client' });
    const { caKey } = certificatePaths(store);
    await writeFile(caKey, CertificateAuthority.create(new Date()).pair.key);
    await expect(issueCertificate(store, 'edge-2', { role: 'client' })).rejects.toMatchObject({
      code: 'CERTIFICATE_INVALID',
      message: expect.stringContaining('belongs to another'),
      remedy: expect.stringContaining('backup'),
    });
  });

  it('are not issued on a damaged ledger, since what it forgets could not be revoked', async () => {
    await issueCertificate(store, 'edge-1', { role: 'client' });
    await writeFile(certificatePaths(store).ledger, '{"version":1,"certificates":[{}]}');
    await expect(issueCertificate(store, 'edge-2', { role: 'client' })).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringContaining('issued.json is damaged'),
    });
  });
});

describe('a TLS handshake', () => {
  it('succeeds both ways with the certificates of one store', async () => {
    const client = await readPair(await issueCertificate(store, 'edge-1', { role: 'client' }));
    expect(await handshake(store, { ...client, host: 'localhost' })).toEqual({
      client: 'connected',
      server: 'authorized as edge-1',
    });
  });

  it('is refused by Node once the certificate is revoked', async () => {
    const client = await readPair(await issueCertificate(store, 'edge-1', { role: 'client' }));
    await revokeCertificates(store, ['edge-1']);
    const { server } = await handshake(store, { ...client, host: 'localhost' });
    expect(server).toBe('CERT_REVOKED');
  });

  it('is refused for a certificate of another authority', async () => {
    const other = CertificateAuthority.create(new Date());
    const { certificate, key } = other.issue(
      { kind: 'client', name: 'edge-1', role: 'client', days: 1 },
      new Date(),
    );
    const { server } = await handshake(store, { cert: certificate, key, host: 'localhost' });
    expect(server).toMatch(/^(UNABLE_TO_|UNABLE_TO_GET_CRL)/);
  });

  it('is refused by the client where a device shows its own certificate as a broker', async () => {
    const device = await issueCertificate(store, 'localhost', { role: 'client' });
    const { client } = await handshake(store, { host: 'localhost', server: device });
    expect(client).toBe('INVALID_PURPOSE');
  });

  it('is refused by the client for a host that the certificate does not name', async () => {
    const { client } = await handshake(store, { host: 'other.example' });
    expect(client).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });
});
