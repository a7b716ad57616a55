// TLS and mutual TLS on the embedded broker: who is let in, as whom, and for how long.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CertificateAuthority } from './certificate-authority.ts';
import {
  certificatePaths,
  ensureServerCertificate,
  issueCertificate,
  revokeCertificates,
} from './certificates.ts';
import { type EmbeddedBroker, startEmbeddedBroker } from './embedded-broker.ts';
import { type IdentityStore, openIdentityStore } from './identity-store.ts';
import { readPair } from './tls.fixture.ts';

type Pair = { readonly cert: string; readonly key: string };

let folder: string;
let store: IdentityStore;
let broker: EmbeddedBroker;
let lines: Record<string, unknown>[];
const clients: MqttClient[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-mtls-'));
  store = await openIdentityStore(folder);
  lines = [];
  const { certificate: cert, key } = await ensureServerCertificate(folder);
  const { ca, crl } = certificatePaths(folder);
  broker = await startEmbeddedBroker({
    store: folder,
    port: 0,
    wsPort: null,
    tls: { cert, key, ca, crl, port: 0, wsPort: 0 },
    log: pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }),
  });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await broker.stop();
  await rm(folder, { recursive: true, force: true });
});

async function enrol(name: string, role: 'client' | 'predictor' = 'client'): Promise<Pair> {
  await store.add(name, role);
  return readPair(await issueCertificate(folder, name, { role }));
}

/** Connects with TLS; a refusal rejects with the CONNACK's code. */
async function connect(name: string, options: IClientOptions = {}, scheme = 'mqtts') {
  const port = scheme === 'wss' ? broker.tlsWsPort : broker.tlsPort;
  const ca = await readFile(certificatePaths(folder).ca);
  const own: IClientOptions = { clientId: name, username: name, reconnectPeriod: 0, ca };
  const client = await mqtt.connectAsync(`${scheme}://localhost:${port}`, { ...own, ...options });
  clients.push(client);
  return client;
}

async function refusal(name: string, options: IClientOptions): Promise<unknown> {
  return connect(name, options).then(
    () => 'let in',
    (error: { code: unknown }) => error.code,
  );
}

const reasons = () => lines.map(({ reason }) => reason);

function ended(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('close', resolve));
}

describe('a client certificate on the embedded broker', () => {
  it.each(['mqtts', 'wss'])(
    'is a login over %s without a password, as its name',
    async (scheme) => {
      const client = await connect('dev-1', await enrol('dev-1'), scheme);
      const agent = await connect('edge-1', await enrol('edge-1', 'predictor'), scheme);
      const topic = (who: string) => `echolot/v1/replies/${who}/sonar`;
      const received: string[] = [];
      const fence = new Promise<void>((resolve) => {
        client.on('message', (to, payload) => {
          received.push(to);
          if (String(payload) === 'fence') resolve();
        });
      });
      await client.subscribeAsync(`echolot/v1/replies/dev-1/+`, { qos: 1 });
      // Not its right, password or certificate: acknowledged and dropped.
      await client.publishAsync(topic('dev-1'), 'forged', { qos: 1 });
      await agent.publishAsync(topic('dev-1'), 'fence', { qos: 1 });
      await fence;
      expect(received).toEqual([topic('dev-1')]);
    },
  );

  it('needs no username, and is refused under another one', async () => {
    const pair = await enrol('dev-1');
    await store.add('dev-2', 'client');
    const ca = await readFile(certificatePaths(folder).ca);
    const url = `mqtts://localhost:${broker.tlsPort}`;
    clients.push(await mqtt.connectAsync(url, { ...pair, ca, clientId: 'dev-1' }));
    expect(await refusal('dev-2', pair)).toBe(4);
    expect(await refusal('dev-1', { ...pair, clientId: 'dev-2' })).toBe(2);
    expect(reasons()).toContain('the username is not that of the certificate');
  });

  it('does not help where its name has been removed, and removal ends its connection', async () => {
    const pair = await enrol('dev-1');
    const client = await connect('dev-1', pair);
    const close = ended(client);
    await store.remove('dev-1');
    await close;
    expect(await refusal('dev-1', pair)).toBe(5);
    // Also not under an identity that is new under the same name.
    await store.add('dev-1', 'client');
    expect(await refusal('dev-1', pair)).toBe(5);
    expect(reasons()).toContain('the certificate is revoked');
  });

  it('that names nobody in the store is refused', async () => {
    const pair = await readPair(await issueCertificate(folder, 'stranger', { role: 'client' }));
    expect(await refusal('stranger', pair)).toBe(5);
    expect(reasons()).toContain('the certificate is of nobody in the store');
  });

  it('that is revoked ends its connection, and no other, without a restart', async () => {
    const [one, two] = [await enrol('dev-1'), await enrol('dev-2')];
    const [first, second] = [await connect('dev-1', one), await connect('dev-2', two)];
    const close = ended(first);
    await revokeCertificates(folder, ['dev-1']);
    await close;
    expect(await refusal('dev-1', one)).toBe(5);
    expect(second.connected).toBe(true);
    await second.publishAsync('echolot/v1/readings/dev-2/sonar', '{}', { qos: 1 });
  });

  it('that is renewed counts from then on, and the one before no more', async () => {
    const old = await enrol('dev-1');
    const client = await connect('dev-1', old);
    const close = ended(client);
    const fresh = await readPair(await issueCertificate(folder, 'dev-1', { role: 'client' }));
    await close;
    expect(await refusal('dev-1', old)).toBe(5);
    expect(await refusal('dev-1', fresh)).toBe('let in');
  });

  it.each([
    ['expired', new Date(Date.now() - 3 * 86_400_000)],
    ['of a foreign authority', new Date()],
  ])('that is %s is refused, right password or not', async (what, when) => {
    const { password } = await store.add('dev-1', 'client');
    const { ca, caKey } = certificatePaths(folder);
    const own = new CertificateAuthority({
      certificate: await readFile(ca, 'utf8'),
      key: await readFile(caKey, 'utf8'),
    });
    const authority = what === 'expired' ? own : CertificateAuthority.create(new Date());
    const request = { kind: 'client', name: 'dev-1', role: 'client', days: 1 } as const;
    const { certificate: cert, key } = authority.issue(request, when);
    expect(await refusal('dev-1', { cert, key })).toBe(5);
    expect(await refusal('dev-1', { cert, key, password })).toBe(5);
  });
});

describe('a TLS listener of the embedded broker', () => {
  it('takes a password where no certificate is shown', async () => {
    const { password } = await store.add('dev-1', 'client');
    expect(await refusal('dev-1', { password })).toBe('let in');
    expect(await refusal('dev-1', { password: 'wrong' })).toBe(4);
    expect(await refusal('dev-1', {})).toBe(5);
  });

  it('is renewed with the files, for connections to come', async () => {
    const { password } = await store.add('dev-1', 'client');
    const before = await connect('dev-1', { password });
    const { server } = certificatePaths(folder);
    await rm(server.certificate);
    await ensureServerCertificate(folder, ['renewed.example']);
    await until(() => lines.some(({ msg }) => msg === 'certificates read anew'));
    const client = await connect('dev-1', { password, servername: 'renewed.example' });
    expect(client.connected).toBe(true);
    expect(before).not.toBe(client);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
