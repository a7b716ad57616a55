import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createBus } from '../bus/bus.ts';
import { freePort, type Mosquitto, startMosquitto } from '../bus/mosquitto.fixture.ts';
import type { Bus } from '../bus/types.ts';
import { decodeReading } from '../schemas/decode-reading.ts';
import { encodeMessage } from '../schemas/encode.ts';
import type { Status } from '../schemas/messages.ts';
import { type Client, type ClientEvent, type ClientOptions, createClient } from './client.ts';
import { MODEL } from './fake-bus.fixture.ts';
import { scoreCsv } from './score-csv.ts';
import { startSimulator } from './simulator.ts';
import { startWatch } from './watch.ts';
import type { WatchEvent } from './watch-events.ts';

const LIMITS = { width: 2, minimum: 0, maximum: 1 };
const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function mosquitto(config: string[] = []): Promise<Mosquitto> {
  const broker = await startMosquitto({ config });
  toClose.push(() => broker.stop());
  return broker;
}

/** Says `metal` where the first of two values is the larger, in the form of the question. */
async function responder(url: string, { silentTimes = 0 } = {}): Promise<Bus> {
  let toIgnore = silentTimes;
  let ready: () => void = () => {};
  const standing = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const bus = createBus(
    {
      url,
      clientId: 'edge-1',
      cleanSession: true,
      subscriptions: [{ filter: '$share/predictors/echolot/v1/readings/+/sonar', qos: 1 }],
    },
    {
      onMessage(message) {
        const { topic, payload } = message;
        message.settle();
        if (toIgnore > 0) {
          toIgnore -= 1;
          return;
        }
        const decoded = decodeReading(payload, LIMITS, 1e6);
        const { encoding } = decoded.ok ? decoded.value : decoded;
        const body = decoded.ok
          ? answer(decoded.value)
          : { id: decoded.id, problem: decoded.problem };
        const reply = encodeMessage({ ...body, agent: 'edge-1' }, encoding);
        bus.publish(topic.replace('/readings/', '/replies/'), reply, { qos: 1 });
      },
      onReady() {
        const status: Status = {
          state: 'online',
          reason: 'serving',
          agent: 'edge-1',
          epoch: '1',
          heartbeatAt: new Date().toISOString(),
          protocol: '5',
          group: 'predictors',
          models: [MODEL],
        };
        const payload = encodeMessage(status, 'json');
        bus.publish('echolot/v1/agents/edge-1/status', payload, { qos: 1, retain: true }, ready);
      },
      onLost() {},
      onUnreachable() {},
      onRefused() {},
    },
  );
  bus.start();
  toClose.push(() => bus.stop());
  await standing;
  return bus;
}

function answer({
  id,
  form,
  rows,
  values,
}: Extract<ReturnType<typeof decodeReading>, { ok: true }>['value']) {
  const scores = Array.from({ length: rows }, (_, row) =>
    (values[2 * row] as number) > (values[2 * row + 1] as number) ? 0.75 : 0.25,
  );
  if (form === 'typed') {
    const typed = Float32Array.from(scores.flatMap((score) => [score, 1 - score]));
    return { id, labels: ['metal', 'rock'], scores: typed, model: MODEL };
  }
  const predictions = scores.map((score) => ({
    label: score > 0.5 ? 'metal' : 'rock',
    score: Math.max(score, 1 - score),
    scores: { metal: score, rock: 1 - score },
  }));
  return form === 'batch'
    ? { id, predictions, model: MODEL }
    : { id, ...predictions[0], model: MODEL };
}

function client(url: string, options: Partial<ClientOptions> = {}): Client {
  const created = createClient({ url, clientId: 'buoy-1', ...options });
  toClose.push(() => created.close());
  return created;
}

describe.each(['3.1.1', '5'] as const)('a client on Mosquitto over MQTT %s', (protocol) => {
  it.each(['json', 'cbor'] as const)(
    'is answered in %s: one, many, typed, and problems',
    async (encoding) => {
      const { url } = await mosquitto();
      await responder(url);
      const asker = client(url, { protocol, encoding });
      expect(await asker.classify([0.5, 0.1])).toMatchObject({
        ok: true,
        prediction: { label: 'metal', score: 0.75, agent: 'edge-1', model: MODEL },
      });
      const rows = [
        [0.5, 0.1],
        [0.1, 0.5],
      ];
      const labels = [{ label: 'metal' }, { label: 'rock' }];
      expect(await asker.classifyBatch(rows)).toMatchObject({ ok: true, predictions: labels });
      const typed = Float32Array.from(rows.flat());
      expect(await asker.classifyBatch(typed, { width: 2 })).toMatchObject({
        ok: true,
        predictions: labels,
      });
      expect(await asker.classify([1, 2, 3])).toMatchObject({
        problem: { code: 'VALUES_WRONG_LENGTH' },
      });
      expect(await asker.classify([7, 0])).toMatchObject({
        problem: { code: 'VALUES_OUT_OF_RANGE' },
      });
      expect(await asker.classify([0, 0], { model: 'whales' })).toMatchObject({
        problem: { code: 'MODEL_UNKNOWN' },
      });
      expect(asker.models()).toEqual([
        { name: 'sonar', agents: [{ agent: 'edge-1', model: MODEL }] },
      ]);
      expect(asker.counts).toMatchObject({ ignored: 0, inFlight: 0, waiting: 0 });
    },
  );
});

describe('a client', () => {
  it('gets a thousand answers through 64 places, each its own', async () => {
    const { url } = await mosquitto();
    await responder(url);
    const asker = client(url);
    const asked = Array.from({ length: 1000 }, (_, at) => (at % 3 ? [0.5, 0.1] : [0.1, 0.5]));
    const results = await Promise.all(asked.map((values) => asker.classify(values)));
    expect(results.map((result) => result.ok && result.prediction.label)).toEqual(
      asked.map((_, at) => (at % 3 ? 'metal' : 'rock')),
    );
  });

  it('repeats what was not answered', async () => {
    const { url } = await mosquitto();
    await responder(url, { silentTimes: 2 });
    const asker = client(url);
    expect(await asker.classify([0.5, 0.1], { timeoutMs: 10_000 })).toMatchObject({ ok: true });
    expect(asker.counts).toMatchObject({ published: 1, repeated: 2, answered: 1 });
  });

  it('waits for a broker that comes later, and survives one that goes', async () => {
    const broker = await mosquitto();
    await broker.pause();
    const events: ClientEvent['type'][] = [];
    const asker = client(broker.url, { onEvent: ({ type }) => events.push(type) });
    const early = asker.publish({ values: [0.5, 0.1] });
    await expect.poll(() => events).toEqual(['unreachable']);
    await broker.start();
    await responder(broker.url);
    expect(await early).toMatchObject({ ok: true });
    await broker.kill();
    await expect.poll(() => events.slice(0, 3)).toEqual(['unreachable', 'connected', 'lost']);
    const later = asker.publish({ values: [0.1, 0.5] });
    await broker.start();
    expect(await later).toMatchObject({ ok: true, prediction: { label: 'rock' } });
  });

  it('tells in time that nobody is there', async () => {
    const asker = client(`mqtt://127.0.0.1:${await freePort()}`);
    expect(await asker.classify([0, 0], { timeoutMs: 300 })).toMatchObject({
      problem: { code: 'NOT_CONNECTED', detail: expect.stringContaining('within 300 ms') },
    });
  });

  it('tells in time where a server accepts and never speaks', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    toClose.push(() => server.close());
    const { port } = server.address() as { port: number };
    const asker = client(`mqtt://127.0.0.1:${port}`);
    expect(await asker.classify([0, 0], { timeoutMs: 300 })).toMatchObject({
      problem: { code: 'NOT_CONNECTED' },
    });
  });

  it('tells of a wrong password at once, and who must act', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'echolot-client-')), 'passwords');
    await writeFile(file, '');
    const { url } = await mosquitto(['allow_anonymous false', `password_file ${file}`]);
    const asker = client(url, { password: 'wrong' });
    const result = await asker.classify([0, 0], { timeoutMs: 60_000 });
    const error = await asker.failed;
    expect(error).toMatchObject({ code: 'BROKER_REFUSED', exitCode: 77 });
    expect(result).toMatchObject({
      problem: { code: 'NOT_CONNECTED', detail: expect.stringContaining(error.message) },
    });
  });
});

describe('on one broker', () => {
  it('the simulator replays, the watcher sees every prediction, and a file is scored', async () => {
    const { url } = await mosquitto();
    await responder(url);
    const seen: WatchEvent[] = [];
    let connected: () => void = () => {};
    const watching = new Promise<void>((resolve) => {
      connected = resolve;
    });
    const watch = startWatch({
      url,
      clientId: 'operator-1',
      namespace: 'echolot',
      onEvent(event) {
        seen.push(event);
        if (event.type === 'connected') connected();
      },
    });
    toClose.push(() => watch.stop());
    await watching;

    const ids: string[] = [];
    const simulator = startSimulator({
      url,
      devices: [{ clientId: 'sim-1' }, { clientId: 'sim-2' }],
      rows: [
        { values: [0.9, 0.1], label: 'metal' },
        { values: [0.1, 0.9], label: 'rock' },
      ],
      rate: 100,
      noise: 0.05,
      limit: 20,
      onPrediction({ id, correct }) {
        expect(correct).toBe(true);
        ids.push(id);
      },
    });
    toClose.push(() => simulator.stop());
    await simulator.done;
    expect(ids).toHaveLength(40);

    const folder = mkdtempSync(join(tmpdir(), 'echolot-score-'));
    const [input, output] = [join(folder, 'in.csv'), join(folder, 'out.csv')];
    const lines = Array.from(
      { length: 20_000 },
      (_, at) => `r${at},${at % 2 ? '0.9,0.1,metal' : '0.1,0.9,rock'}`,
    );
    lines[77] = 'r77,0.9,7,metal';
    await writeFile(input, `id,a,b,label\n${lines.join('\n')}\n`);
    const scorer = client(url, { clientId: 'scorer', encoding: 'cbor' });
    const summary = await scoreCsv({ input, output, client: scorer });
    expect(summary).toMatchObject({
      rows: 20_000,
      classified: 19_999,
      accuracy: 1,
      problems: { VALUES_OUT_OF_RANGE: 1 },
    });
    expect((await readFile(output, 'utf8')).split('\n')).toHaveLength(20_002);

    const watched = () =>
      seen.filter((event) => event.type === 'prediction' && event.client.startsWith('sim-'));
    // The scorer's answers came after the simulator's: once the last of them is seen, so are all.
    await expect
      .poll(() => seen.some((event) => event.type === 'prediction' && event.client === 'scorer'))
      .toBe(true);
    expect(new Set(watched().map((event) => event.type === 'prediction' && event.id))).toEqual(
      new Set(ids),
    );
    expect(seen.some((event) => event.type === 'status')).toBe(true);
  });
});
