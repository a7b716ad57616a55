// The outbox over real brokers: away while readings are captured, then back.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { type EmbeddedBroker, startEmbeddedBroker } from '../broker/embedded-broker.ts';
import { openIdentityStore } from '../broker/identity-store.ts';
import { createBus } from '../bus/bus.ts';
import { freePort, type Mosquitto, startMosquitto } from '../bus/mosquitto.fixture.ts';
import type { Bus } from '../bus/types.ts';
import { encodeMessage } from '../schemas/encode.ts';
import { createClient, type PublishedOutcome } from './client.ts';
import { MODEL } from './fake-bus.fixture.ts';
import { listOutbox } from './outbox-listing.ts';

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'echolot-outbox-test-'));
  toClose.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A broker that can go away and come back under the same address. */
interface Host {
  readonly url: string;
  readonly passwords: Readonly<Record<string, string>>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

async function onMosquitto(): Promise<Host> {
  const port = await freePort();
  let broker: Mosquitto | null = null;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    passwords: {},
    async start() {
      broker = await startMosquitto({ port });
    },
    async stop() {
      await broker?.stop();
      broker = null;
    },
  };
}

async function embedded(): Promise<Host> {
  const port = await freePort();
  const store = await openIdentityStore(join(makeFolder(), 'store'));
  const passwords: Record<string, string> = {};
  for (const [name, role] of [
    ['buoy-1', 'client'],
    ['edge-1', 'predictor'],
  ] as const) {
    passwords[name] = (await store.add(name, role)).password;
  }
  let broker: EmbeddedBroker | null = null;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    passwords,
    async start() {
      broker = await startEmbeddedBroker({
        store,
        port,
        wsPort: null,
        log: pino({ level: 'silent' }),
      });
    },
    async stop() {
      await broker?.stop();
      broker = null;
    },
  };
}

function loginOf({ passwords }: Host, name: string) {
  const password = passwords[name];
  return password === undefined ? {} : { username: name, password };
}

/** Answers everything; gives the ids in the order of their first arrival. */
function startResponder(host: Host) {
  const arrived = new Set<string>();
  const bus: Bus = createBus(
    {
      url: host.url,
      clientId: 'edge-1',
      ...loginOf(host, 'edge-1'),
      cleanSession: true,
      subscriptions: [{ filter: '$share/predictors/echolot/v1/readings/+/sonar', qos: 1 }],
    },
    {
      onMessage(message) {
        const { payload, topic } = message;
        message.settle();
        const { id } = JSON.parse(payload.toString()) as { id: string };
        arrived.add(id);
        const scores = { metal: 1, rock: 0 };
        const answer = { id, label: 'metal', score: 1, scores, model: MODEL, agent: 'edge-1' };
        const reply = topic.replace('/readings/', '/replies/');
        bus.publish(reply, encodeMessage(answer, 'json'), { qos: 1 });
      },
      onReady: () => void announce('online'),
      onLost() {},
      onUnreachable() {},
      onRefused() {},
    },
  );
  function announce(state: 'online' | 'offline'): Promise<void> {
    const status = {
      state,
      reason: 'as the test wants it',
      agent: 'edge-1',
      epoch: '1',
      heartbeatAt: new Date().toISOString(),
      protocol: '5',
      group: 'predictors',
      models: [MODEL],
    };
    const payload = encodeMessage(status, 'json');
    return new Promise((resolve) => {
      const topic = 'echolot/v1/agents/edge-1/status';
      bus.publish(topic, payload, { qos: 1, retain: true }, () => resolve());
    });
  }
  bus.start();
  toClose.push(() => bus.stop());
  return { arrived, announce };
}

const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${prefix}-${at}`);

it.each([
  ['Mosquitto', onMosquitto],
  ['the embedded broker', embedded],
] as const)(
  'what was captured while %s was away is published first, in order, and answered once',
  async (_, makeHost) => {
    const host = await makeHost();
    await host.start();
    toClose.push(() => host.stop());
    const { announce, arrived } = startResponder(host);
    const folder = join(makeFolder(), 'outbox');
    const outcomes: PublishedOutcome[] = [];
    let wake = () => {};
    const client = createClient({
      url: host.url,
      clientId: 'buoy-1',
      ...loginOf(host, 'buoy-1'),
      outbox: { folder },
      onAnswer: (outcome) => {
        outcomes.push(outcome);
        wake();
      },
      onEvent: () => wake(),
    });
    toClose.push(() => client.close());
    const until = async (isSo: () => boolean) => {
      while (!isSo()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    const publish = async (ids: readonly string[]) => {
      const taken = await Promise.all(
        ids.map((id) => client.publish({ id, values: [0.25, 0.75] })),
      );
      expect(taken.every(({ ok }) => ok)).toBe(true);
    };

    await publish(names('early', 3));
    await until(() => outcomes.length === 3);
    // So that after the restart nobody is asked before the responder has subscribed again.
    await announce('offline');
    await host.stop();
    await until(() => !client.connected);
    await publish(names('away', 2000));
    expect(client.counts.outbox.kept).toBe(2000);
    await host.start();
    await until(() => client.connected);
    await publish(names('late', 10));
    await until(() => outcomes.length === 2013);

    const expected = [...names('early', 3), ...names('away', 2000), ...names('late', 10)];
    expect([...arrived]).toEqual(expected);
    expect(outcomes.map(({ id }) => id).sort()).toEqual(expected.toSorted());
    expect(outcomes.every(({ result }) => result.ok)).toBe(true);
    await client.close();
    expect(await listOutbox(folder)).toMatchObject({ count: 0, attempts: 0, damage: null });
    expect(outcomes).toHaveLength(2013);
  },
);
