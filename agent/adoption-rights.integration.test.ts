// Adoption with no more rights than a predictor has, on the Mosquitto that `policy render` makes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIdentityStore } from '../broker/identity-store.ts';
import {
  type RenderedMosquitto,
  startRenderedMosquitto,
} from '../broker/rendered-mosquitto.fixture.ts';
import { loadBundle } from '../models/bundle.ts';
import { decodeAdopting, decodeAnswer } from '../schemas/encode.ts';
import { QUICK, SHARE } from './adoption.fixture.ts';
import { type Agent, startAgent } from './agent.ts';
import { createOnnxClassifier } from './onnx-classifier.ts';
import { Inbox, MODEL_FOLDER, VALUES } from './serving.fixture.ts';
import { statusOf } from './status.fixture.ts';

const WHO = [
  ['dev-1', 'client'],
  ['edge-1', 'predictor'],
  ['edge-9', 'predictor'],
  ['op-1', 'operator'],
] as const;

let folder: string;
let broker: RenderedMosquitto;
let agent: Agent;
const passwords = new Map<string, string>();
const clients: MqttClient[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-adoption-'));
  const store = join(folder, 'store');
  const identities = await openIdentityStore(store);
  for (const [name, role] of WHO) passwords.set(name, (await identities.add(name, role)).password);
  broker = await startRenderedMosquitto(store);
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await agent.stop({ timeoutMs: 1000 });
  await broker.stop();
  await rm(folder, { recursive: true, force: true });
});

async function connect(name: string, more: mqtt.IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(name === 'dev-1' ? broker.clientsUrl : broker.innerUrl, {
    clientId: name,
    username: name,
    password: passwords.get(name) ?? '',
    reconnectPeriod: 0,
    ...more,
  });
  client.on('error', () => {});
  clients.push(client);
  return client;
}

describe.each([4, 5] as const)('a predictor with MQTT %i', (protocolVersion) => {
  it('may adopt another, and answers what waits there', async () => {
    agent = startAgent({
      agentId: 'edge-1',
      bus: {
        url: broker.innerUrl,
        password: passwords.get('edge-1') ?? '',
        protocol: protocolVersion === 5 ? '5' : '3.1.1',
      },
      classifiers: [await createOnnxClassifier(await loadBundle(MODEL_FOLDER))],
      namespace: 'echolot',
      group: 'predictors',
      log: pino({ level: 'silent' }),
      adoption: QUICK,
    });
    await Promise.race([agent.ready, agent.failed]);
    const topic = 'echolot/v1/agents/edge-9/status';
    const payload = statusOf('edge-9', { state: 'offline', reason: 'connection lost' });
    const dead = await connect('edge-9', {
      clean: false,
      protocolVersion,
      ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 300 } }),
      will: { topic, payload, qos: 1, retain: true },
    });
    dead.handleMessage = (_, done) => done(new Error('held'));
    await dead.subscribeAsync(SHARE, { qos: 1 });
    await dead.publishAsync(topic, statusOf('edge-9'), { qos: 1, retain: true });

    const operator = await connect('op-1');
    const heard = new Inbox(operator);
    await operator.subscribeAsync('echolot/v1/agents/+/adopting', { qos: 1 });
    const client = await connect('dev-1');
    const replies = new Inbox(client);
    await client.subscribeAsync('echolot/v1/replies/dev-1/+', { qos: 1 });
    const ask = (count: number, name: string) =>
      Promise.all(
        Array.from({ length: count }, (_, index) => {
          const text = JSON.stringify({ id: `${name}-${index}`, values: VALUES });
          return client.publishAsync('echolot/v1/readings/dev-1/sonar', text, { qos: 1 });
        }),
      );
    await ask(30, 'before');
    dead.stream.destroy();
    await ask(30, 'after');
    const answered = (all: Inbox['messages']) =>
      new Set(all.map((message) => decodeAnswer(message.payload)?.id)).size;
    await replies.until((all) => answered(all) === 60);
    const announcements = await heard.until((all) =>
      all.some((message) => decodeAdopting(message.payload)?.state === 'finished'),
    );
    const last = decodeAdopting(announcements.at(-1)?.payload ?? Buffer.alloc(0));
    expect(last).toMatchObject({ adopter: 'edge-1', agent: 'edge-9' });
    expect(last?.readings).toBeGreaterThan(0);
  });
});
