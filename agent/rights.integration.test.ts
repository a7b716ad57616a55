// An agent whose rights are too small says which one is missing and ends with 77; it never asks the live group.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedBroker } from '../broker/embedded-broker.ts';
import { type IdentityStore, openIdentityStore } from '../broker/identity-store.ts';
import { hashPassword } from '../broker/password.ts';
import { startMosquitto } from '../bus/mosquitto.fixture.ts';
import type { BusOptions } from '../bus/types.ts';
import { loadBundle } from '../models/bundle.ts';
import { startAgent } from './agent.ts';
import { createOnnxClassifier } from './onnx-classifier.ts';
import { Inbox, MODEL_FOLDER } from './serving.fixture.ts';

const R = 'echolot/v1';
const READINGS = `${R}/readings/+/sonar`;
const SELF_CHECK = `${R}/readings/edge-1/self-check`;
const REPLY = `${R}/replies/edge-1/self-check`;
const STATUS = `${R}/agents/edge-1/status`;
const log = pino({ level: 'silent' });

let folder: string;
const stops: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-rights-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await rm(folder, { recursive: true, force: true });
});

/** The error that ends the agent. */
async function refusalOf(agentId: string, bus: BusOptionsOfAgent): Promise<unknown> {
  const agent = startAgent({
    agentId,
    bus,
    classifiers: [await createOnnxClassifier(await loadBundle(MODEL_FOLDER))],
    namespace: 'echolot',
    group: 'predictors',
    log,
    selfCheckTimeoutMs: 1000,
  });
  stops.push(() => agent.stop({ timeoutMs: 500 }));
  return Promise.race([agent.failed, agent.ready.then(() => 'ready')]).catch((error) => error);
}

type BusOptionsOfAgent = Pick<BusOptions, 'url' | 'username' | 'password' | 'protocol'>;

const refused = (message: string, remedy: string) =>
  expect.objectContaining({
    code: 'BROKER_REFUSED',
    exitCode: 77,
    message: expect.stringContaining(message),
    remedy: expect.stringContaining(remedy),
  });

describe('an agent on the embedded broker', () => {
  let store: IdentityStore;
  let url: string;

  beforeEach(async () => {
    store = await openIdentityStore(folder);
    const broker = await startEmbeddedBroker({ store, port: 0, wsPort: null, log });
    stops.push(() => broker.stop());
    url = `mqtt://127.0.0.1:${broker.port}`;
  });

  const bus = async (
    username: string,
    ...more: [role: 'client' | 'predictor', models?: string[]]
  ) => {
    const [role, models] = more;
    const { password } = await store.add(username, role, models ? { models } : {});
    return { url, username, password };
  };

  it('names the subscription that a client may not have', async () => {
    const error = await refusalOf('edge-1', await bus('edge-1', 'client'));
    expect(error).toEqual(refused(SELF_CHECK, 'role predictor'));
  });

  it('names the shared subscription of a model that its identity is not for', async () => {
    const error = await refusalOf('edge-1', await bus('edge-1', 'predictor', ['iris']));
    expect(error).toEqual(refused(`$share/predictors/${R}/readings/+/sonar`, 'role predictor'));
  });

  it('names the status topic of an agent id that is not its username', async () => {
    const error = await refusalOf('edge-1', await bus('edge-2', 'predictor'));
    expect(error).toEqual(refused(`nothing came back on ${STATUS}`, `publish to ${STATUS}`));
  });

  it('serves with the rights of a predictor', async () => {
    expect(await refusalOf('edge-1', await bus('edge-1', 'predictor', ['sonar']))).toBe('ready');
  });
});

/** What a predictor needs of an ACL file, one line each. */
const RIGHTS = [
  `read ${R}/readings/+/sonar`,
  `readwrite ${SELF_CHECK}`,
  `write ${R}/replies/+/sonar`,
  `readwrite ${REPLY}`,
  `write ${R}/agents/edge-1/#`,
  `read ${R}/agents/+/status`,
];

describe.each(['3.1.1', '5'] as const)('an agent on Mosquitto with MQTT %s', (protocol) => {
  const startWith = async (rights: readonly string[]) => {
    const acl = join(folder, 'acl');
    const passwords = join(folder, 'passwords');
    const lines = rights.map((right) => `topic ${right}\n`).join('');
    await writeFile(acl, `user edge-1\n${lines}\nuser peer\ntopic readwrite #\n`);
    const hash = await hashPassword('secret');
    await writeFile(passwords, `edge-1:${hash}\npeer:${hash}\n`);
    const mosquitto = await startMosquitto({
      anonymous: false,
      config: [`acl_file ${acl}`, `password_file ${passwords}`],
    });
    stops.push(() => mosquitto.stop());
    return { url: mosquitto.url, username: 'edge-1', password: 'secret', protocol };
  };
  const without = (right: string, instead?: string) => {
    expect(RIGHTS).toContain(right);
    return RIGHTS.flatMap((each) => (each === right ? (instead ?? []) : each));
  };

  it('serves where nothing is missing', async () => {
    expect(await refusalOf('edge-1', await startWith(RIGHTS))).toBe('ready');
  });

  it.each([
    ['publish its self-check', `readwrite ${SELF_CHECK}`, `read ${SELF_CHECK}`, SELF_CHECK],
    ['receive its self-check', `readwrite ${SELF_CHECK}`, `write ${SELF_CHECK}`, SELF_CHECK],
    ['publish a reply', `readwrite ${REPLY}`, `read ${REPLY}`, REPLY],
    ['receive its reply', `readwrite ${REPLY}`, `write ${REPLY}`, REPLY],
    ['publish its status', `write ${R}/agents/edge-1/#`, undefined, STATUS],
  ])('that may not %s says so', async (_, right, instead, topic) => {
    const error = await refusalOf('edge-1', await startWith(without(right, instead)));
    expect(error).toEqual(refused(topic, `publish to ${topic}`));
  });

  it('takes no reading from its group before it has proved its rights', async () => {
    const bus = await startWith(without(`readwrite ${REPLY}`));
    const login = { username: 'peer', password: 'secret', reconnectPeriod: 0 };
    const peer = await mqtt.connectAsync(bus.url, login);
    stops.push(() => peer.endAsync(true));
    const inbox = new Inbox(peer);
    await peer.subscribeAsync([`$share/predictors/${READINGS}`, SELF_CHECK], { qos: 1 });
    const ended = refusalOf('edge-1', bus);
    await inbox.until((all) => all.some(({ topic }) => topic === SELF_CHECK));
    for (let sent = 0; sent < 20; sent += 1) {
      await peer.publishAsync(`${R}/readings/buoy-7/sonar`, String(sent), { qos: 1 });
    }
    expect(await ended).toEqual(refused(REPLY, `publish to ${REPLY}`));
    const all = await inbox.until((some) => some.some(({ payload }) => String(payload) === '19'));
    expect(all.filter(({ topic }) => topic !== SELF_CHECK)).toHaveLength(20);
  });
});
