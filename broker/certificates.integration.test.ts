// A second opinion on the certificates: openssl, which Mosquitto uses too.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  certificatePaths,
  ensureServerCertificate,
  issueCertificate,
  revokeCertificates,
} from './certificates.ts';

const run = promisify(execFile);
let store: string;

beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), 'echolot-openssl-'));
});
afterEach(() => rm(store, { recursive: true, force: true }));

/** What openssl prints, be the verdict good or bad. */
async function openssl(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run('openssl', args).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return stdout + stderr;
}

function verify(purpose: 'sslclient' | 'sslserver', certificate: string): Promise<string> {
  const { ca, crl } = certificatePaths(store);
  const rules = ['-x509_strict', '-crl_check_all', '-purpose', purpose];
  return openssl('verify', ...rules, '-CAfile', ca, '-CRLfile', crl, certificate);
}

describe('openssl', () => {
  it('verifies certificates against the revocation list, empty or not', async () => {
    const one = await issueCertificate(store, 'edge-1', { role: 'client' });
    const server = await ensureServerCertificate(store);
    expect(await verify('sslclient', one.certificate)).toBe(`${one.certificate}: OK\n`);

    await issueCertificate(store, 'edge-2', { role: 'client' });
    await revokeCertificates(store, ['edge-2']);
    expect(await verify('sslclient', one.certificate)).toBe(`${one.certificate}: OK\n`);
    expect(await verify('sslserver', server.certificate)).toBe(`${server.certificate}: OK\n`);
  });

  it('refuses a certificate that was replaced by a newer one', async () => {
    const { certificate } = await issueCertificate(store, 'edge-1', { role: 'client' });
    const old = join(store, 'old.crt');
    await run('cp', [certificate, old]);
    await issueCertificate(store, 'edge-1', { role: 'client' });
    expect(await verify('sslclient', old)).toContain('certificate revoked');
    expect(await verify('sslclient', certificate)).toContain('OK');
  });

  it('takes a device certificate for no broker, and the other way round', async () => {
    const client = await issueCertificate(store, 'edge-1', { role: 'client' });
    const server = await ensureServerCertificate(store);
    expect(await verify('sslserver', client.certificate)).toContain('unsuitable');
    expect(await verify('sslclient', server.certificate)).toContain('unsuitable');
  });

  it('reads who was revoked when and why', async () => {
    const { certificate } = await issueCertificate(store, 'edge-1', { role: 'client' });
    const serial = (await openssl('x509', '-in', certificate, '-noout', '-serial')).split('=')[1];
    await revokeCertificates(store, ['edge-1']);
    const text = await openssl('crl', '-in', certificatePaths(store).crl, '-noout', '-text');
    expect(text).toContain(`Serial Number: ${serial}`);
    expect(text).toContain('Cessation Of Operation');
  });
});
