// TLS and mutual TLS on Mosquitto: who is let in, and what a person reads where one side is not trusted.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority, type Issued } from '../broker/certificate-authority.ts';
import {
  certificatePaths,
  ensureServerCertificate,
  issueCertificate,
  revokeCertificates,
} from '../broker/certificates.ts';
import { createBus } from './bus.ts';
import { freePort, type Mosquitto, startMosquitto } from './mosquitto.fixture.ts';
import { BrokerRefusedError, type BusOptions } from './types.ts';

let store: string;
let other: CertificateAuthority;
const brokers: Mosquitto[] = [];
let mutual: number;
let mutualWs: number;
let expired: number;
let elsewhere: number;
let impostor: number;
const pairs = new Map<string, { cert: Buffer; key: Buffer }>();

const day = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * day);
const asBuffers = ({ certificate, key }: Issued) => ({
  cert: Buffer.from(certificate),
  key: Buffer.from(key),
});

async function startTls(cert: string, key: string, more: readonly string[]): Promise<number> {
  const port = await freePort();
  const { ca } = certificatePaths(store);
  const listener = [`listener ${port} 127.0.0.1`, `cafile ${ca}`, `certfile ${cert}`];
  const config = [...listener, `keyfile ${key}`, ...more];
  brokers.push(await startMosquitto({ port, config }));
  return port;
}

async function startServer(name: string, issued: Issued): Promise<number> {
  const [cert, key] = [join(store, `${name}.crt`), join(store, `${name}.key`)];
  await writeFile(cert, issued.certificate);
  await writeFile(key, issued.key);
  return startTls(cert, key, []);
}

beforeAll(async () => {
  store = await mkdtemp(join(tmpdir(), 'echolot-tls-'));
  for (const name of ['edge-1', 'gone']) {
    const { certificate, key } = await issueCertificate(store, name, { role: 'client' });
    pairs.set(name, { cert: await readFile(certificate), key: await readFile(key) });
  }
  await revokeCertificates(store, ['gone']);
  const { ca, caKey, crl } = certificatePaths(store);
  const own = new CertificateAuthority({
    certificate: await readFile(ca, 'utf8'),
    key: await readFile(caKey, 'utf8'),
  });
  const client = { kind: 'client', name: 'edge-1', role: 'client', days: 1 } as const;
  pairs.set('old', asBuffers(own.issue(client, daysAgo(3))));
  other = CertificateAuthority.create(new Date());
  pairs.set('foreign', asBuffers(other.issue(client, new Date())));
  const server = await ensureServerCertificate(store);
  const rules = [`crlfile ${crl}`, 'require_certificate true', 'use_identity_as_username true'];
  mutualWs = await freePort();
  mutual = await startTls(server.certificate, server.key, [
    ...rules,
    `listener ${mutualWs} 127.0.0.1`,
    'protocol websockets',
    `cafile ${ca}`,
    `certfile ${server.certificate}`,
    `keyfile ${server.key}`,
    ...rules,
  ]);
  const hosts = ['localhost', '127.0.0.1'];
  expired = await startServer('expired', own.issue({ kind: 'server', hosts, days: 1 }, daysAgo(3)));
  elsewhere = await startServer(
    'elsewhere',
    own.issue({ kind: 'server', hosts: ['other.example'], days: 1 }, new Date()),
  );
  impostor = await startServer(
    'impostor',
    own.issue({ kind: 'client', name: 'localhost', role: 'client', days: 1 }, new Date()),
  );
});
afterAll(async () => {
  for (const broker of brokers) await broker.stop();
  await rm(store, { recursive: true, force: true });
});

/** Connects once: the protocol, or the refusal, or why the broker is unreachable. */
async function attempt(
  url: string,
  who: string | null,
  tls: { ca?: Buffer } = {},
  protocol: BusOptions['protocol'] = 'auto',
): Promise<string | BrokerRefusedError> {
  const ca = await readFile(certificatePaths(store).ca);
  let tell: (outcome: string | BrokerRefusedError) => void = () => {};
  const outcome = new Promise<string | BrokerRefusedError>((resolve) => {
    tell = resolve;
  });
  const bus = createBus(
    {
      url,
      clientId: 'edge-1',
      username: 'edge-1',
      cleanSession: true,
      protocol,
      subscriptions: [{ filter: 'a/b', qos: 1 }],
      tls: { ca, ...(who === null ? {} : pairs.get(who)), ...tls },
    },
    {
      onMessage: () => {},
      onReady: ({ protocol: spoken }) => tell(spoken),
      onLost: tell,
      onUnreachable: (detail) => tell(`unreachable: ${detail}`),
      onRefused: tell,
    },
  );
  bus.start();
  const result = await outcome;
  await bus.stop();
  return result;
}

/** Both lines that a person reads. */
function words(outcome: string | BrokerRefusedError): string {
  return outcome instanceof BrokerRefusedError
    ? `${outcome.exitCode}: ${outcome.message}\n${outcome.remedy}`
    : outcome;
}

describe('a connection with certificates', () => {
  it.each(['3.1.1', '5'] as const)('stands on MQTT %s without a password', async (protocol) => {
    expect(await attempt(`mqtts://localhost:${mutual}`, 'edge-1', {}, protocol)).toBe(protocol);
  });

  it('stands over WebSocket and by address as well', async () => {
    expect(await attempt(`wss://localhost:${mutualWs}`, 'edge-1')).toBe('5');
    expect(await attempt(`mqtts://127.0.0.1:${mutual}`, 'edge-1')).toBe('5');
  });

  it.each(['mqtts', 'wss'])(
    'is refused over %s by us where the broker is of a foreign authority',
    async (scheme) => {
      const port = scheme === 'wss' ? mutualWs : mutual;
      const tls = { ca: Buffer.from(other.pair.certificate) };
      const text = words(await attempt(`${scheme}://localhost:${port}`, 'edge-1', tls));
      expect(text).toMatch(/^77: .*not of an authority that we trust\n.*--ca/);
    },
  );

  it('is refused by us where the certificate has run out, also in spite of the environment', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const text = words(await attempt(`mqtts://localhost:${expired}`, null));
      expect(text).toMatch(/^77: .*the broker's certificate has expired\n.*clocks/);
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });

  it('is refused by us where the certificate does not name the host', async () => {
    const text = words(await attempt(`mqtts://localhost:${elsewhere}`, null));
    expect(text).toMatch(/^77: .*does not name the host of the URL\n.*host/);
  });

  it('is refused by us where a device answers with its own certificate', async () => {
    const text = words(await attempt(`mqtts://localhost:${impostor}`, null));
    expect(text).toMatch(/^77: .*not one of a server/);
  });

  it.each([
    ['gone', 'our certificate is revoked'],
    ['old', 'our certificate has expired'],
    ['foreign', 'does not trust the authority of our certificate'],
    [null, 'asks for a certificate, and we have none'],
  ])('is refused by the broker for the certificate %j, which says: %s', async (who, words_) => {
    const text = words(await attempt(`mqtts://localhost:${mutual}`, who));
    expect(text).toContain(words_);
    expect(text).toMatch(/^77: .*\n.*--cert/);
  });
});
