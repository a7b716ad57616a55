// Ten million readings through one agent process: its memory stays flat.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { afterEach, expect, it } from 'vitest';
import { buildTopic } from '../schemas/topics.ts';
import { type Rig, startRig } from './rig.fixture.ts';
import { VALUES } from './serving.fixture.ts';

const READINGS = 10_000_000;
/** Heap, caches and the memory of repeats have their size by then. */
const WARM_UP = 2_000_000;
const WINDOW = 256;
/** In megabytes per million readings. */
const STEEPEST = 1;
const STALLED_MS = 30_000;
const MEGABYTE = 2 ** 20;
const MILLION = 1_000_000;

const CLIENT = 'buoy-1';
const TOPIC = buildTopic('echolot', { kind: 'reading', client: CLIENT, model: 'sonar' });
const REST = `","values":${JSON.stringify(VALUES)}}`;
const BEFORE_ID = '{"id":"'.length;
const QUOTE = 0x22;
const ZERO = 0x30;

let rig: Rig | null = null;
afterEach(async () => {
  await rig?.stop();
  rig = null;
});

/** Asks one reading a message, every second one at QoS 1; each must be answered with a prediction. */
class Pump {
  answered = 0;
  odd = 0;
  private sent = 0;
  private readonly seen = new Uint8Array(READINGS);
  private readonly client: MqttClient;

  constructor(client: MqttClient) {
    this.client = client;
    client.on('message', (_, payload) => this.receive(payload));
  }

  fill(): void {
    while (this.sent < READINGS && this.sent - this.answered < WINDOW) {
      this.client.publish(TOPIC, `{"id":"${this.sent}${REST}`, {
        qos: this.sent % 2 === 0 ? 0 : 1,
      });
      this.sent += 1;
    }
  }

  private receive(payload: Buffer): void {
    let number = 0;
    let at = BEFORE_ID;
    for (; payload[at] !== QUOTE && at < payload.length; at += 1) {
      number = number * 10 + (payload[at] ?? 0) - ZERO;
    }
    const isPrediction = payload.includes('"label"', at);
    if (!isPrediction || this.seen[number] !== 0) this.odd += 1;
    if (this.seen[number] === 0) {
      this.seen[number] = 1;
      this.answered += 1;
    }
    if (this.sent - this.answered <= WINDOW / 2) this.fill();
  }
}

it('serves ten million single readings with flat memory', async () => {
  rig = await startRig({ agents: ['edge-1'], clients: [CLIENT] });
  const { connect, startAgent, stats } = rig;
  startAgent('edge-1');
  await rig.untilOnline(1);
  const client = await connect(CLIENT);
  await client.subscribeAsync(`echolot/v1/replies/${CLIENT}/+`, { qos: 1 });
  const pump = new Pump(client);
  const startedMs = performance.now();
  pump.fill();
  let last = { answered: 0, atMs: startedMs };
  while (pump.answered < READINGS && performance.now() - last.atMs < STALLED_MS) {
    await sleep(1000);
    if (pump.answered > last.answered) last = { answered: pump.answered, atMs: performance.now() };
  }
  const perSecond = (pump.answered * 1000) / (last.atMs - startedMs);

  const samples = stats.filter(({ received }) => received >= WARM_UP);
  const slopeOf = (bytes: (sample: (typeof samples)[number]) => number) =>
    slope(samples.map((each) => [each.received / MILLION, bytes(each) / MEGABYTE]));
  const rss = slopeOf(({ memory }) => memory.rssBytes);
  const heap = slopeOf(({ memory }) => memory.heapUsedBytes);
  const at = (millions: number) => {
    const sample = stats.find(({ received }) => received >= millions * MILLION) ?? stats.at(-1);
    return `${((sample?.memory.rssBytes ?? 0) / MEGABYTE).toFixed(0)}`;
  };
  console.log(
    `memory | ${pump.answered} single readings answered, half of them at QoS 1, ${perSecond.toFixed(0)}/s | odd ${pump.odd}` +
      ` | ${samples.length} samples after ${WARM_UP} | rss ${rss.toFixed(3)} MB per million` +
      ` (${[0.1, 1, 2, 4, 6, 8, 10].map(at).join(', ')} MB at 0.1, 1, 2, 4, 6, 8, 10 million)` +
      ` | heap ${heap.toFixed(3)} MB per million`,
  );
  expect({ answered: pump.answered, odd: pump.odd }).toEqual({ answered: READINGS, odd: 0 });
  expect(samples.length).toBeGreaterThan(20);
  expect(rss).toBeLessThan(STEEPEST);
});

/** Least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
