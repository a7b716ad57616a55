// The rendered folder starts a real Mosquitto, on which agents and clients work and the forbidden fails.
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Agent, startAgent } from '../agent/agent.ts';
import { createOnnxClassifier } from '../agent/onnx-classifier.ts';
import { Inbox, MODEL_FOLDER, VALUES } from '../agent/serving.fixture.ts';
import { startMosquitto } from '../bus/mosquitto.fixture.ts';
import type { BusOptions } from '../bus/types.ts';
import { loadBundle } from '../models/bundle.ts';
import { decodeAnswer } from '../schemas/encode.ts';
import { certificatePaths, issueCertificate } from './certificates.ts';
import { openIdentityStore } from './identity-store.ts';
import { createPolicy, type Policy, type Role } from './policy.ts';
import { parsePolicyFile } from './policy-file.ts';
import { type RenderedMosquitto, startRenderedMosquitto } from './rendered-mosquitto.fixture.ts';

const R = 'echolot/v1';
const SHARE = `$share/predictors/${R}/readings/+/sonar`;
const WHO: readonly (readonly [string, Role])[] = [
  ['dev-1', 'client'],
  ['dev-2', 'client'],
  ['edge-1', 'predictor'],
  ['op-1', 'operator'],
];

let folder: string;
let store: string;
let broker: RenderedMosquitto | null = null;
const passwords = new Map<string, string>();
const clients: MqttClient[] = [];
const agents: Agent[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-render-'));
  store = join(folder, 'store');
  const identities = await openIdentityStore(store);
  for (const [name, role] of WHO) {
    passwords.set(name, (await identities.add(name, role)).password);
  }
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  for (const agent of agents.splice(0)) await agent.stop({ timeoutMs: 1000 });
  await broker?.stop();
  await rm(folder, { recursive: true, force: true });
});

type Way = 'password' | 'certificate';

async function login(
  way: Way,
  name: string,
): Promise<Pick<BusOptions, 'url' | 'tls' | 'password'>> {
  const { certificatesUrl, clientsUrl, innerUrl } = broker as RenderedMosquitto;
  if (way === 'password') {
    const url = name.startsWith('dev') ? clientsUrl : innerUrl;
    return { url, password: passwords.get(name) ?? '' };
  }
  const { ca, client } = certificatePaths(store);
  const { certificate, key } = client(name);
  const tls = {
    ca: await readFile(ca),
    cert: await readFile(certificate),
    key: await readFile(key),
  };
  return { url: certificatesUrl, tls };
}

async function start(way: Way, more: { innerHost?: string; policy?: Policy } = {}): Promise<void> {
  if (way === 'certificate') {
    for (const [name, role] of WHO) await issueCertificate(store, name, { role });
  }
  broker = await startRenderedMosquitto(store, more);
}

async function connect(way: Way, name: string, more: IClientOptions = {}) {
  const { password, tls, url } = await login(way, name);
  const client = await mqtt.connectAsync(
    url,
    {
      clientId: name,
      ...(password === undefined ? {} : { username: name, password }),
      ...tls,
      reconnectPeriod: 0,
      ...more,
    },
    false,
  );
  client.on('error', () => undefined);
  clients.push(client);
  return { client, inbox: new Inbox(client) };
}

async function serve(way: Way, protocol: BusOptions['protocol']): Promise<void> {
  const agent = startAgent({
    agentId: 'edge-1',
    bus: { username: 'edge-1', ...(await login(way, 'edge-1')), ...(protocol && { protocol }) },
    classifiers: [await createOnnxClassifier(await loadBundle(MODEL_FOLDER))],
    namespace: 'echolot',
    group: 'predictors',
    log: pino({ level: 'silent' }),
  });
  agents.push(agent);
  await Promise.race([agent.ready, agent.failed]);
}

/** What a SUBSCRIBE is answered with: the granted QoS, or 128 where it is refused. */
async function granted(client: MqttClient, filter: string): Promise<number> {
  return new Promise((resolve) => {
    client.subscribe(filter, { qos: 1 }, (error, grants) => {
      resolve(error ? 128 : (grants?.[0]?.qos ?? -1));
    });
  });
}

const reading = (id: string) => JSON.stringify({ id, values: VALUES });

describe.each<[Way, 4 | 5]>([
  ['password', 4],
  ['password', 5],
  ['certificate', 4],
  ['certificate', 5],
])('the rendered Mosquitto, by %s under protocol %i', (way, protocolVersion) => {
  it('lets an agent answer a client, and an operator see it', async () => {
    await start(way);
    await serve(way, protocolVersion === 5 ? '5' : '3.1.1');
    const operator = await connect(way, 'op-1', { protocolVersion });
    expect(await granted(operator.client, 'echolot/#')).toBe(1);
    const { client, inbox } = await connect(way, 'dev-1', { protocolVersion });
    expect(await granted(client, `${R}/replies/dev-1/+`)).toBe(1);
    await client.publishAsync(`${R}/readings/dev-1/sonar`, reading('r-1'), { qos: 1 });
    const [answer] = await inbox.until(({ length }) => length > 0);
    expect(decodeAnswer(answer?.payload ?? Buffer.alloc(0))).toMatchObject({
      id: 'r-1',
      agent: 'edge-1',
    });
    const seen = await operator.inbox.until((all) =>
      all.some(({ topic }) => /replies/.test(topic)),
    );
    expect(seen.map(({ topic }) => topic)).toContain(`${R}/readings/dev-1/sonar`);
  });

  it('refuses a client what is not its own', async () => {
    await start(way);
    const operator = await connect(way, 'op-1', { protocolVersion });
    await granted(operator.client, 'echolot/#');
    const { client } = await connect(way, 'dev-1', { protocolVersion });
    for (const filter of [
      '#',
      'echolot/#',
      '$SYS/#',
      `${R}/replies/dev-2/+`,
      `${R}/replies/+/+`,
      `${R}/readings/+/sonar`,
      SHARE,
      `$share/others/${R}/readings/+/sonar`,
      `$share/x/${R}/replies/dev-1/+`,
    ]) {
      expect([filter, await granted(client, filter)]).toEqual([filter, 128]);
    }
    for (const topic of [
      `${R}/readings/dev-2/sonar`,
      `${R}/replies/dev-2/sonar`,
      `${R}/replies/dev-1/sonar`,
      `${R}/agents/edge-1/status`,
      `${R}/readings/dev-1/sonar/more`,
    ]) {
      await client
        .publishAsync(topic, 'forbidden', { qos: 1, retain: true })
        .catch(() => undefined);
    }
    await client.publishAsync(`${R}/readings/dev-1/fence`, 'fence', { qos: 1 });
    const seen = await operator.inbox.until((all) => all.some(({ topic }) => /fence/.test(topic)));
    expect(seen.map(({ payload }) => payload.toString())).toEqual(['fence']);
  });

  it('ties a client to its id, and lets nobody take it there', async () => {
    await start(way);
    const { client, inbox } = await connect(way, 'dev-1', { protocolVersion });
    await granted(client, `${R}/replies/dev-1/+`);
    // Whatever id it asks for, it is dev-2.
    const other = await connect(way, 'dev-2', { protocolVersion, clientId: 'dev-1' });
    expect(await granted(other.client, `${R}/replies/dev-2/+`)).toBe(1);
    await serve(way, protocolVersion === 5 ? '5' : '3.1.1');
    await client.publishAsync(`${R}/readings/dev-1/sonar`, reading('still-here'), { qos: 1 });
    expect(await inbox.until(({ length }) => length > 0)).toHaveLength(1);
  });
});

describe('the rendered Mosquitto', () => {
  it('refuses a client on the inner listener under an id that is not its name', async () => {
    await start('password');
    const password = passwords.get('dev-2') ?? '';
    const ask = mqtt.connectAsync(
      (broker as RenderedMosquitto).innerUrl,
      { clientId: 'dev-1', username: 'dev-2', password, reconnectPeriod: 0 },
      false,
    );
    await expect(ask).rejects.toThrow(/not authorized/i);
  });

  it('asks on an inner listener beyond loopback for a certificate and the password', async () => {
    await start('certificate', { innerHost: '0.0.0.0' });
    const url = (broker as RenderedMosquitto).innerUrl;
    const { tls } = await login('certificate', 'edge-1');
    const password = passwords.get('edge-1') ?? '';
    const ask = (options: IClientOptions) =>
      mqtt
        .connectAsync(url, { reconnectPeriod: 0, ca: tls?.ca ?? [], ...options }, false)
        .then((client) => client.endAsync(true))
        .then(
          () => 'connected',
          () => 'refused',
        );
    const own = { ...tls, username: 'edge-1', password };
    expect(await ask({ ...own, clientId: 'edge-2-adopted' })).toBe('connected');
    expect(await ask({ ...tls, clientId: 'edge-1' })).toBe('refused');
    expect(await ask({ username: 'edge-1', password, clientId: 'edge-1' })).toBe('refused');
    const device = { username: 'dev-1', password: passwords.get('dev-1') ?? '' };
    const asDevice = { ...(await login('certificate', 'dev-1')).tls, ...device };
    expect(await ask({ ...asDevice, clientId: 'dev-1' })).toBe('connected');
    expect(await ask({ ...asDevice, clientId: 'edge-1' })).toBe('refused');
  });

  it('knows nobody by a wrong password, by none, or by a revoked certificate', async () => {
    await start('certificate');
    const { password: _, ...bare } = await login('certificate', 'dev-1');
    await (await openIdentityStore(store)).remove('dev-1');
    await broker?.end();
    await broker?.render();
    await broker?.start();
    const revoked = mqtt.connectAsync(bare.url, { ...bare.tls, reconnectPeriod: 0 }, false);
    await expect(revoked).rejects.toThrow(/revoked/);
    const { ca } = certificatePaths(store);
    const url = (broker as RenderedMosquitto).clientsUrl;
    for (const wrong of [{ username: 'dev-2', password: 'x' }, { username: 'dev-2' }, {}]) {
      const options = { ...wrong, ca: await readFile(ca), reconnectPeriod: 0 };
      await expect(mqtt.connectAsync(url, options, false)).rejects.toThrow(/not authorized/i);
    }
  });

  it('keeps sessions and rights over a restart', async () => {
    await start('password');
    const { client } = await connect('password', 'dev-1', { clean: false });
    await granted(client, `${R}/replies/dev-1/+`);
    await client.endAsync();
    await broker?.end();
    await broker?.start();
    const again = await connect('password', 'dev-1', { clean: false });
    expect(await granted(again.client, `${R}/replies/dev-2/+`)).toBe(0x80);
    await serve('password', '5');
    await again.client.publishAsync(`${R}/readings/dev-1/sonar`, reading('r-2'), { qos: 1 });
    expect(await again.inbox.until(({ length }) => length > 0)).toHaveLength(1);
  });

  it('leaves shedding to the agent: a burst above every default limit is answered whole', async () => {
    await start('password');
    await serve('password', '5');
    const { client, inbox } = await connect('password', 'dev-1', { protocolVersion: 4 });
    await granted(client, `${R}/replies/dev-1/+`);
    const count = 3000;
    for (let id = 0; id < count; id++) {
      client.publish(`${R}/readings/dev-1/sonar`, reading(String(id)), { qos: 1 });
    }
    const answers = await inbox.until(({ length }) => length >= count);
    const ids = new Set(answers.map(({ payload }) => decodeAnswer(payload)?.id));
    expect(ids.size).toBe(count);
  });

  it('follows the custom roles of a policy file', async () => {
    const rules = [{ role: 'auditor', verb: 'receive', filter: '{root}/replies/+/+' }];
    const text = JSON.stringify({ version: 1, roles: [{ name: 'auditor' }], rules });
    const policy = createPolicy({ extension: parsePolicyFile(text, 'extra.json') });
    const identities = await openIdentityStore(store, policy.roles);
    passwords.set('aud-1', (await identities.add('aud-1', 'auditor')).password);
    await start('password', { policy });
    const { client } = await connect('password', 'aud-1');
    expect(await granted(client, `${R}/replies/+/+`)).toBe(1);
    expect(await granted(client, `${R}/readings/+/+`)).toBe(128);
  });

  it('lets no client take a reading away: of 1,000 readings 1,000 are answered', async () => {
    await start('password');
    await serve('password', '5');
    const intruder = await connect('password', 'dev-2');
    for (const group of ['predictors', 'others', 'policy-probes']) {
      for (const filter of [`${R}/readings/+/sonar`, `${R}/readings/#`, '#']) {
        expect(await granted(intruder.client, `$share/${group}/${filter}`)).toBe(128);
        expect(await granted(intruder.client, filter)).toBe(128);
      }
    }
    const { client, inbox } = await connect('password', 'dev-1');
    await granted(client, `${R}/replies/dev-1/+`);
    const count = 1000;
    for (let id = 0; id < count; id++) {
      client.publish(`${R}/readings/dev-1/sonar`, reading(String(id)), { qos: 1 });
    }
    const answers = await inbox.until(({ length }) => length >= count);
    expect(new Set(answers.map(({ payload }) => decodeAnswer(payload)?.id)).size).toBe(count);
    await granted(intruder.client, `${R}/replies/dev-2/+`);
    await intruder.client.publishAsync(`${R}/readings/dev-2/sonar`, reading('own'), { qos: 1 });
    const [first] = await intruder.inbox.until(({ length }) => length > 0);
    expect(decodeAnswer(first?.payload ?? Buffer.alloc(0))?.id).toBe('own');
  });

  it.each([
    ['edge-1', `$share/predictors/${R}/readings/+/sonar`, 1],
    ['edge-1', `$share/predictors/${R}/readings/+/lidar`, 128],
    ['edge-1', `$share/predictors/${R}/readings/+/+`, 128],
    ['edge-1', `$share/predictors/${R}/readings/dev-1/sonar`, 128],
    ['edge-1', `$share/predictors/${R}/readings/#`, 128],
    ['edge-1', `$share/others/${R}/readings/+/sonar`, 128],
    ['edge-1', `${R}/readings/+/sonar`, 128],
    ['edge-1', `${R}/replies/+/+`, 128],
    ['edge-1', `${R}/replies/edge-1/self-check`, 1],
    ['edge-1', '$CONTROL/dynamic-security/v1/response', 128],
    ['op-1', 'echolot/#', 1],
    ['op-1', '$SYS/#', 1],
    ['op-1', `$share/predictors/${R}/readings/+/sonar`, 128],
    ['op-1', '$CONTROL/#', 128],
    ['op-1', '#', 128],
  ])('answers %s, who subscribes to %s, with %i', async (name, filter, expected) => {
    await start('password');
    const { client } = await connect('password', name);
    expect(await granted(client, filter)).toBe(expected);
  });

  it('leaves open by the ACL file what its head says, and nothing else', async () => {
    await start('password');
    const { folder: rendered } = broker as RenderedMosquitto;
    const config = [
      `acl_file ${join(rendered, 'acl')}`,
      `password_file ${join(rendered, 'passwords')}`,
    ];
    const plain = await startMosquitto({ anonymous: false, config });
    const open = async (name: string) => {
      const password = passwords.get(name) ?? '';
      const client = await mqtt.connectAsync(plain.url, {
        clientId: name,
        username: name,
        password,
      });
      clients.push(client);
      return { client, inbox: new Inbox(client) };
    };
    const operator = await open('op-1');
    await operator.client.subscribeAsync('echolot/#', { qos: 1 });
    const { client } = await open('dev-1');
    await client.publishAsync(`${R}/readings/dev-2/sonar`, 'forbidden', { qos: 1 });
    await client.publishAsync(`${R}/replies/dev-2/sonar`, 'forbidden', { qos: 1 });
    await client.publishAsync(`${R}/readings/dev-1/fence`, 'fence', { qos: 1 });
    const seen = await operator.inbox.until(({ length }) => length > 0);
    expect(seen.map(({ payload }) => payload.toString())).toEqual(['fence']);
    expect(await granted(client, SHARE)).toBe(1);
    await plain.stop();
  });

  it('has files that only their owner reads', async () => {
    await start('certificate');
    const rendered = (broker as RenderedMosquitto).folder;
    expect((await stat(rendered)).mode & 0o777).toBe(0o700);
    for (const file of [
      'mosquitto.conf',
      'dynamic-security.json',
      'passwords',
      'broker.key',
      'acl',
    ]) {
      expect([file, (await stat(join(rendered, file))).mode & 0o777]).toEqual([file, 0o600]);
    }
  });
});
