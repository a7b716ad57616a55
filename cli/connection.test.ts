import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { certificatePaths, issueCertificate } from '../broker/certificates.ts';
import { readConnection } from './connection.ts';

const NONE = {
  brokerUrl: 'mqtts://localhost',
  username: null,
  passwordFile: null,
  ca: null,
  cert: null,
  key: null,
  protocol: 'auto',
} as const;

let folder: string;
let warnings: string[];
const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(line) });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-connection-'));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function issued(name: string) {
  const { certificate: cert, key } = await issueCertificate(folder, name, { role: 'client' });
  return { cert, key, ca: certificatePaths(folder).ca };
}

describe('a connection with certificates', () => {
  it('carries the texts of the three files', async () => {
    const connection = readConnection({ ...NONE, ...(await issued('dev-1')) }, 'dev-1', log);
    const texts = Object.values(connection.tls ?? {}).map((text) => text.toString().split('\n')[0]);
    expect(texts).toEqual([
      '-----BEGIN CERTIFICATE-----',
      '-----BEGIN CERTIFICATE-----',
      '-----BEGIN PRIVATE KEY-----',
    ]);
    expect(warnings).toEqual([]);
  });

  it.each(['mqtt://localhost:1883', 'ws://localhost'])(
    'is refused for %s, which would send a password in clear',
    async (brokerUrl) => {
      const settings = { ...NONE, ...(await issued('dev-1')), brokerUrl };
      expect(() => readConnection(settings, 'dev-1', log)).toThrow(
        expect.objectContaining({ exitCode: 78, code: 'CERTIFICATES_UNUSED' }),
      );
    },
  );

  it('is refused where certificate and key are of two identities', async () => {
    const [one, two] = [await issued('dev-1'), await issued('dev-2')];
    expect(() => readConnection({ ...NONE, ...one, key: two.key }, 'dev-1', log)).toThrow(
      expect.objectContaining({ exitCode: 78, remedy: expect.stringContaining('same identity') }),
    );
  });

  it.each(['ca', 'cert', 'key'])('is refused where the file of --%s is no PEM', async (which) => {
    const path = join(folder, 'noise');
    await writeFile(path, 'noise', { mode: 0o600 });
    const settings = { ...NONE, ...(await issued('dev-1')), [which]: path };
    expect(() => readConnection(settings, 'dev-1', log)).toThrow(
      expect.objectContaining({ code: 'FILE_UNREADABLE', exitCode: 78 }),
    );
  });

  it.each([
    ['cert', '--key is given without --cert'],
    ['key', '--cert is given without --key'],
  ])('is refused without the %s of a pair', async (which, message) => {
    const settings = { ...NONE, ...(await issued('dev-1')), [which]: null };
    expect(() => readConnection(settings, 'dev-1', log)).toThrow(message);
  });

  it('warns where others may read the private key', async () => {
    const files = await issued('dev-1');
    await chmod(files.key, 0o644);
    readConnection({ ...NONE, ...files }, 'dev-1', log);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('others may read the private key');
  });
});
