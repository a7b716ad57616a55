// The intruder against both brokers with their rights, where it comes to nothing, and one that lets it do all.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { startEmbeddedBroker } from '../broker/embedded-broker.ts';
import { openIdentityStore } from '../broker/identity-store.ts';
import { startRenderedMosquitto } from '../broker/rendered-mosquitto.fixture.ts';
import { Inbox } from '../broker/running-broker.fixture.ts';
import { startMosquitto } from '../bus/mosquitto.fixture.ts';
import { createRandom } from '../devices/random.ts';
import { type Intruder, startIntruder } from './intruder.ts';

const R = 'echolot/v1';
const ROLES = { victim: 'client', intruder: 'client', 'edge-1': 'predictor', op: 'operator' };
const TRIED = ['joinGroup', 'readOthers', 'forgeReply', 'forgeReading', 'forgeStatus', 'oversize'];
const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function startBroker(kind: 'embedded' | 'mosquitto') {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-chaos-intruder-'));
  toClose.push(() => rm(folder, { recursive: true, force: true }));
  const store = join(folder, 'store');
  const identities = await openIdentityStore(store);
  const passwords = new Map<string, string>();
  for (const [name, role] of Object.entries(ROLES)) {
    passwords.set(name, (await identities.add(name, role)).password);
  }
  const password = (name: string) => passwords.get(name) ?? '';
  if (kind === 'mosquitto') {
    const broker = await startRenderedMosquitto(store);
    toClose.push(() => broker.stop());
    return { clients: broker.clientsUrl, inner: broker.innerUrl, password };
  }
  const log = pino({ level: 'silent' });
  const broker = await startEmbeddedBroker({ store, port: 0, wsPort: null, log });
  toClose.push(() => broker.stop());
  const url = `mqtt://127.0.0.1:${broker.port}`;
  return { clients: url, inner: url, password };
}

function open(url: string, name: string, password: string): { client: MqttClient; inbox: Inbox } {
  const client = mqtt.connect(url, { clientId: name, username: name, password });
  client.on('error', () => {});
  toClose.push(() => client.end(true));
  return { client, inbox: new Inbox(client) };
}

function intrude(url: string, password: string): Intruder {
  const intruder = startIntruder({
    url,
    username: 'intruder',
    password,
    namespace: 'echolot',
    group: 'predictors',
    models: ['sonar'],
    victims: ['victim'],
    random: createRandom(11),
  });
  toClose.push(() => intruder.stop());
  return intruder;
}

const until = async (isSo: () => boolean) => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
};

it.each(['embedded', 'mosquitto'] as const)(
  'reads and forges nothing on the %s broker, and never gives up',
  async (kind) => {
    const broker = await startBroker(kind);
    const victim = open(broker.clients, 'victim', broker.password('victim'));
    const agent = open(broker.inner, 'edge-1', broker.password('edge-1'));
    const operator = open(broker.inner, 'op', broker.password('op'));
    await victim.client.subscribeAsync(`${R}/replies/victim/+`, { qos: 1 });
    const shared = `$share/predictors/${R}/readings/+/sonar`;
    await agent.client.subscribeAsync(shared, { qos: 1 });
    await operator.client.subscribeAsync(`${R}/#`, { qos: 1 });
    const intruder = intrude(broker.clients, broker.password('intruder'));
    await until(() => intruder.counts()['connections'] === 1);

    let asked = 0;
    const isTired = () => TRIED.every((what) => (intruder.counts()[what] ?? 0) >= 3);
    while (!isTired() || asked < 20 || (intruder.counts()['connections'] ?? 0) < 3) {
      const text = `${asked}`;
      await victim.client.publishAsync(`${R}/readings/victim/sonar`, text, { qos: 1 });
      await agent.inbox.until((seen) => seen.includes(text));
      await agent.client.publishAsync(`${R}/replies/victim/sonar`, text, { qos: 1 });
      await victim.inbox.until((seen) => seen.includes(text));
      asked += 1;
    }
    // It listens: what is for it arrives, after all that was for others.
    const isHeard = () => (intruder.counts()['received'] ?? 0) > 0;
    while (!isHeard()) {
      await agent.client.publishAsync(`${R}/replies/intruder/sonar`, 'fence', { qos: 1 });
    }
    expect(intruder.counts()).toMatchObject({ receivedOfOthers: 0 });
    expect([...intruder.topicsOfOthers]).toEqual([]);
    const numbers = Array.from({ length: asked }, (_, n) => `${n}`);
    expect(victim.inbox.texts).toEqual(numbers);
    // Its own readings, however big, come under its own name.
    const ofVictim = agent.inbox.packets.filter(({ topic }) => topic.includes('/victim/'));
    expect(ofVictim.map(({ payload }) => payload.toString())).toEqual(numbers);
    expect(operator.inbox.texts.filter((text) => text.includes('forged'))).toEqual([]);
  },
);

it('counts what it gets where the broker lets everybody do everything', async () => {
  const broker = await startMosquitto();
  toClose.push(() => broker.stop());
  const victim = open(broker.url, 'victim', '');
  await victim.client.subscribeAsync(`${R}/replies/victim/+`, { qos: 1 });
  const intruder = intrude(broker.url, '');
  await victim.inbox.until((seen) => seen.some((text) => text.includes('forged')));
  await until(() => intruder.topicsOfOthers.has(`${R}/replies/victim/sonar`));
  expect(intruder.counts()['receivedOfOthers']).toBeGreaterThan(0);
});
