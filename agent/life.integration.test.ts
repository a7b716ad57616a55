// Starts and stops that cross each other: a connection lost in the first check, a stop in it, a check that fails.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import mqtt, { type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashPassword } from '../broker/password.ts';
import { type Mosquitto, startMosquitto } from '../bus/mosquitto.fixture.ts';
import { loadBundle } from '../models/bundle.ts';
import { decodeStatus } from '../schemas/encode.ts';
import { type Agent, startAgent } from './agent.ts';
import type { Classifier } from './classifier.ts';
import { hasSession } from './adoption.fixture.ts';
import { heldClassifier } from './held-classifier.fixture.ts';
import { createOnnxClassifier } from './onnx-classifier.ts';
import { Inbox, MODEL_FOLDER, VALUES } from './serving.fixture.ts';
import { statusOf } from './status.fixture.ts';

const STATUS = 'echolot/v1/agents/edge-1/status';
const SELF_CHECK = 'echolot/v1/readings/edge-1/self-check';

let mosquitto: Mosquitto;
const clients: MqttClient[] = [];
const agents: Agent[] = [];

beforeEach(async () => {
  mosquitto = await startMosquitto();
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop({ timeoutMs: 500 });
  for (const client of clients.splice(0)) await client.endAsync(true);
  await mosquitto.stop();
});

async function connect(options: mqtt.IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(mosquitto.url, { reconnectPeriod: 0, ...options });
  clients.push(client);
  return client;
}

function start(classifier: Classifier, agentId = 'edge-1') {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const agent = startAgent({
    agentId,
    bus: { url: mosquitto.url },
    classifiers: [classifier],
    namespace: 'echolot',
    group: 'predictors',
    log,
    selfCheckTimeoutMs: 60_000,
  });
  agents.push(agent);
  return { agent, lines, log };
}

/** Publishes one reading, whose answer comes into the inbox. */
async function ask(): Promise<Inbox> {
  const client = await connect();
  const replies = new Inbox(client);
  await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });
  const payload = JSON.stringify({ id: 'r-1', values: VALUES });
  await client.publishAsync('echolot/v1/readings/buoy-7/sonar', payload, { qos: 1 });
  return replies;
}

describe('an agent', () => {
  it('says what becomes of each reading from when on its log has the level debug', async () => {
    const classifier = await createOnnxClassifier(await loadBundle(MODEL_FOLDER));
    const { agent, lines, log } = start(classifier);
    await agent.ready;
    await (await ask()).until(({ length }) => length > 0);
    while ((await agent.health(5000)).inHand > 0);
    log.level = 'debug';
    await (await ask()).until(({ length }) => length > 0);
    await agent.stop();
    const settled = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'reading settled');
    expect(settled).toEqual([
      expect.objectContaining({ client: 'buoy-7', id: 'r-1', rows: 1, outcome: 'repeated' }),
    ]);
  });

  it('that loses its connection in its first check joins once, on the connection that stands', async () => {
    const watcher = await connect();
    const inbox = new Inbox(watcher);
    await watcher.subscribeAsync([SELF_CHECK, STATUS], { qos: 1 });
    const { classifier, hold, release } = await heldClassifier();
    hold();
    const { agent, lines } = start(classifier);
    const asked = (messages: Inbox['messages']) =>
      messages.filter(({ topic }) => topic === SELF_CHECK).length;
    await inbox.until((all) => asked(all) === 1);
    // Takes the agent's id, and so its connection.
    const thief = await connect({ clientId: 'edge-1', clean: false });
    await inbox.until((all) => asked(all) === 2);
    await thief.endAsync(true);
    release();
    await agent.ready;

    const replies = await ask();
    await replies.until(({ length }) => length === 1);
    const messages = lines.map((line) => JSON.parse(line).msg);
    expect(messages.filter((text) => text === 'subscribed')).toHaveLength(1);
    expect(messages.filter((text) => text === 'serving')).toHaveLength(1);
  });

  it('that is stopped in its first check is never announced as serving, and joins nothing', async () => {
    const watcher = await connect();
    const inbox = new Inbox(watcher);
    await watcher.subscribeAsync([SELF_CHECK, STATUS], { qos: 1 });
    const { classifier, hold, release } = await heldClassifier();
    hold();
    const { agent } = start(classifier);
    await inbox.until(({ length }) => length === 1);
    const stopped = agent.stop();
    const states = (messages: Inbox['messages']) =>
      messages.flatMap(({ topic, payload }) =>
        topic === STATUS ? (decodeStatus(payload)?.state ?? []) : [],
      );
    await inbox.until((all) => states(all).includes('draining'));
    release();
    await stopped;
    await watcher.publishAsync(STATUS, 'fence', { qos: 1 });
    await inbox.until((all) => all.some(({ payload }) => payload.toString() === 'fence'));
    expect(states(inbox.messages)).toEqual(['draining', 'offline']);
    expect(await hasSession(mosquitto.url, 'edge-1')).toBe(false);
  });

  it.each([
    ['says that it has ended its session', false, 'stopped, session ended'],
    ['keeps its session where its connection was lost meanwhile', true, 'stopped, session kept'],
  ])('that is stopped where another serves %s', async (_, isLost, reason) => {
    const watcher = await connect();
    const inbox = new Inbox(watcher);
    await watcher.subscribeAsync(STATUS, { qos: 1 });
    const payload = statusOf('edge-2');
    await watcher.publishAsync('echolot/v1/agents/edge-2/status', payload, { retain: true });
    const { asked, classifier, hold, release } = await heldClassifier();
    const { agent } = start(classifier);
    await agent.ready;
    hold();
    await ask();
    await asked();
    const stopped = agent.stop();
    const statuses = (messages: Inbox['messages']) =>
      messages.flatMap((message) => decodeStatus(message.payload) ?? []);
    const states = (messages: Inbox['messages']) => statuses(messages).map(({ state }) => state);
    await inbox.until((all) => states(all).includes('draining'));
    if (isLost) {
      const thief = await connect({ clientId: 'edge-1', clean: false });
      await new Promise<void>((resolve) => thief.once('close', () => resolve()));
      // It is thrown out itself, and the agent answers again, if only with a problem.
      await watcher.subscribeAsync('echolot/v1/replies/edge-1/self-check', { qos: 1 });
      await watcher.publishAsync(SELF_CHECK, '{}', { qos: 1 });
      await inbox.until((all) => all.some(({ topic }) => topic.startsWith('echolot/v1/replies')));
    }
    release();
    await stopped;
    await watcher.publishAsync(STATUS, 'fence', { qos: 1 });
    await inbox.until((all) => all.some((message) => message.payload.toString() === 'fence'));
    expect(statuses(inbox.messages).at(-1)).toMatchObject({ state: 'offline', reason });
    expect(await hasSession(mosquitto.url, 'edge-1')).toBe(isLost);
  });

  it('keeps its session where its connection was away at the stop and comes back meanwhile', async () => {
    const watcher = await connect();
    const inbox = new Inbox(watcher);
    await watcher.subscribeAsync('echolot/v1/replies/edge-1/self-check', { qos: 1 });
    const payload = statusOf('edge-2');
    await watcher.publishAsync('echolot/v1/agents/edge-2/status', payload, { retain: true });
    const { asked, classifier, hold, release } = await heldClassifier();
    const { agent, lines } = start(classifier);
    await agent.ready;
    hold();
    await ask();
    await asked();
    const thief = await connect({ clientId: 'edge-1', clean: false });
    const evicted = new Promise<void>((resolve) => thief.once('close', () => resolve()));
    while (!lines.some((line) => line.includes('connection lost'))) await setImmediate();
    const stopped = agent.stop();
    await evicted;
    const known = inbox.messages.length;
    await watcher.publishAsync(SELF_CHECK, '{}', { qos: 1 });
    await inbox.until(({ length }) => length > known);
    release();
    await stopped;
    expect(await hasSession(mosquitto.url, 'edge-1')).toBe(true);
  });

  it.each([1, 2])(
    'keeps its session where question %i to itself at the stop fails',
    async (nth) => {
      const watcher = await connect();
      const payload = statusOf('edge-2');
      await watcher.publishAsync('echolot/v1/agents/edge-2/status', payload, { retain: true });
      const { classifier } = await heldClassifier();
      let left = Number.POSITIVE_INFINITY;
      const { agent } = start({
        ...classifier,
        classify(values, rows) {
          left -= 1;
          return left === 0
            ? Promise.reject(new Error('broken'))
            : classifier.classify(values, rows);
        },
      });
      await agent.ready;
      left = nth;
      await agent.stop();
      expect(await hasSession(mosquitto.url, 'edge-1')).toBe(true);
    },
  );

  it('keeps one session where all agents of the group are stopped at once', async () => {
    const watcher = await connect();
    const inbox = new Inbox(watcher);
    const ids = ['edge-1', 'edge-2'];
    for (const id of ids) {
      await watcher.subscribeAsync(`echolot/v1/replies/${id}/self-check`, { qos: 1 });
      const { agent } = start((await heldClassifier()).classifier, id);
      await agent.ready;
    }
    // By its answer each has seen the other's birth, which was there before.
    const known = inbox.messages.length;
    for (const id of ids) {
      await watcher.publishAsync(`echolot/v1/readings/${id}/self-check`, '{}', { qos: 1 });
    }
    await inbox.until(({ length }) => length === known + ids.length);
    await Promise.all(agents.map((agent) => agent.stop()));
    const kept = await Promise.all(ids.map((id) => hasSession(mosquitto.url, id)));
    expect(kept).toContain(true);
  });

  it('believes nobody who speaks in the name of another', async () => {
    const watcher = await connect();
    const payload = statusOf('edge-2');
    await watcher.publishAsync('echolot/v1/agents/edge-3/status', payload, { retain: true });
    const { agent } = start((await heldClassifier()).classifier);
    await agent.ready;
    await agent.stop();
    // Nobody is known to serve, so it stays for itself.
    expect(await hasSession(mosquitto.url, 'edge-1')).toBe(true);
  });

  it('whose announcement fails after it has joined leaves no session behind', async () => {
    const acl = join(mosquitto.folder, 'acl');
    const passwords = join(mosquitto.folder, 'passwords');
    const rights = [
      'read echolot/v1/readings/+/sonar',
      `readwrite ${SELF_CHECK}`,
      'readwrite echolot/v1/replies/#',
      'read echolot/v1/agents/#',
    ];
    await writeFile(acl, `user edge-1\n${rights.map((right) => `topic ${right}\n`).join('')}`);
    await writeFile(passwords, `edge-1:${await hashPassword('secret')}\n`);
    const config = [`acl_file ${acl}`, `password_file ${passwords}`];
    const strict = await startMosquitto({ anonymous: false, config });
    try {
      const login = { username: 'edge-1', password: 'secret' };
      const agent = startAgent({
        agentId: 'edge-1',
        bus: { url: strict.url, ...login },
        classifiers: [await createOnnxClassifier(await loadBundle(MODEL_FOLDER))],
        namespace: 'echolot',
        group: 'predictors',
        log: pino({ level: 'silent' }),
        selfCheckTimeoutMs: 500,
      });
      await expect(agent.failed).rejects.toThrow('the announcement failed');
      await agent.stop();
      expect(await hasSession(strict.url, 'edge-1', login)).toBe(false);
    } finally {
      await strict.stop();
    }
  });
});
