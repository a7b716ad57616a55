// For tests: plain MQTT clients that flood, without an outbox and without a repeat, and what became of each reading.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { decodeAnswer } from '../schemas/encode.ts';
import { buildTopic } from '../schemas/topics.ts';
import { VALUES } from './serving.fixture.ts';

/** Different readings with different scores, so that an answer to another's values shows. */
const ROWS = Array.from({ length: 16 }, (_, shift) =>
  VALUES.map((_, index) => VALUES[(index * (shift + 1) + shift) % VALUES.length] ?? 0),
);

export interface Sent {
  readonly sentMs: number;
  /** When the broker's PUBACK came, without which the broker promised nothing. */
  takenMs: number | null;
  /** The first answer, `prediction` or the problem's code. */
  outcome: string | null;
  answeredMs: number;
  answers: number;
}

export interface PlainClientOptions {
  readonly name: string;
  /** Default: the shipped one, of 60 values. */
  readonly model?: { readonly name: string; readonly width: number };
  /** Written into each reading as its deadline, so long after it is sent. */
  readonly deadlineAfterMs?: number;
}

/** Readings of one client at QoS 1, by number. */
export class PlainClient {
  readonly sent: Sent[] = [];
  /** Answers that were not to a reading of ours, or with other scores than the same values had before. */
  wrong = 0;
  answered = 0;
  private readonly client: MqttClient;
  private readonly topic: string;
  private readonly options: PlainClientOptions;
  private readonly rows: readonly (readonly number[])[];
  private readonly scores: (number | undefined)[] = [];

  private constructor(client: MqttClient, options: PlainClientOptions) {
    const { model = { name: 'sonar', width: 60 }, name } = options;
    this.client = client;
    this.options = options;
    this.topic = buildTopic('echolot', { kind: 'reading', client: name, model: model.name });
    this.rows = ROWS.map((row) => row.slice(0, model.width));
    client.on('message', (_, payload) => this.receive(payload));
  }

  static async start(client: MqttClient, options: PlainClientOptions): Promise<PlainClient> {
    const plain = new PlainClient(client, options);
    await client.subscribeAsync(`echolot/v1/replies/${options.name}/+`, { qos: 1 });
    return plain;
  }

  send(): void {
    const { deadlineAfterMs } = this.options;
    const number = this.sent.length;
    const reading = {
      id: String(number),
      values: this.rows[number % ROWS.length],
      ...(deadlineAfterMs !== undefined && {
        deadline: new Date(Date.now() + deadlineAfterMs).toISOString(),
      }),
    };
    const sentMs = performance.now();
    const entry: Sent = { sentMs, takenMs: null, outcome: null, answeredMs: 0, answers: 0 };
    this.sent.push(entry);
    this.client.publish(this.topic, JSON.stringify(reading), { qos: 1 }, (error) => {
      if (!error) entry.takenMs = performance.now();
    });
  }

  private receive(payload: Buffer): void {
    const answer = decodeAnswer(payload);
    const number = Number(answer?.id ?? Number.NaN);
    const entry = this.sent[number];
    if (!answer || !entry) {
      this.wrong += 1;
      return;
    }
    entry.answers += 1;
    if ('score' in answer) {
      const row = number % ROWS.length;
      this.scores[row] ??= answer.score;
      // Different sizes of a run may round differently.
      if (Math.abs(answer.score - (this.scores[row] ?? 0)) > 1e-4) this.wrong += 1;
    }
    if (entry.outcome !== null) return;
    entry.outcome = 'problem' in answer ? answer.problem.code : 'prediction';
    entry.answeredMs = performance.now();
    this.answered += 1;
  }
}

/** Sends at a rate whatever comes back: what is late because this process was, is made up for at once. */
export async function openLoop(
  perSecond: number,
  durationMs: number,
  send: (number: number) => void,
): Promise<{ reachedPerSecond: number; latestMs: number }> {
  const total = Math.round((perSecond * durationMs) / 1000);
  const startedMs = performance.now();
  let latestMs = 0;
  for (let sent = 0; sent < total; ) {
    const elapsedMs = performance.now() - startedMs;
    latestMs = Math.max(latestMs, elapsedMs - (sent * 1000) / perSecond);
    const due = Math.min(total, Math.floor((elapsedMs * perSecond) / 1000));
    for (; sent < due; sent += 1) send(sent);
    await sleep(2);
  }
  return { reachedPerSecond: (total * 1000) / (performance.now() - startedMs), latestMs };
}

/** Keeps `window` readings unanswered for so long, and gives the predictions per second of the last four fifths. */
export async function measureCapacity(
  client: PlainClient,
  window: number,
  durationMs: number,
): Promise<number> {
  const startedMs = performance.now();
  const fromMs = startedMs + durationMs / 5;
  const untilMs = startedMs + durationMs;
  while (performance.now() < untilMs) {
    while (client.sent.length - client.answered < window) client.send();
    await sleep(1);
  }
  return (predictionsBetween(client.sent, fromMs, untilMs) * 1000) / (untilMs - fromMs);
}

export function predictionsBetween(sent: readonly Sent[], fromMs: number, untilMs: number): number {
  return sent.filter(
    ({ answeredMs, outcome }) =>
      outcome === 'prediction' && answeredMs >= fromMs && answeredMs < untilMs,
  ).length;
}

/** Waits until everything is answered, or nothing new has come for `quietMs`. */
export async function untilAnswered(
  clients: readonly PlainClient[],
  quietMs: number,
): Promise<void> {
  const count = () => clients.reduce((sum, { answered }) => sum + answered, 0);
  const total = clients.reduce((sum, { sent }) => sum + sent.length, 0);
  let last = { count: count(), atMs: performance.now() };
  while (count() < total && performance.now() - last.atMs < quietMs) {
    await sleep(100);
    if (count() > last.count) last = { count: count(), atMs: performance.now() };
  }
}

/** How often each outcome, `null` for none yet. */
export function tally(sent: readonly Sent[]): Map<string | null, number> {
  const counts = new Map<string | null, number>();
  for (const { outcome } of sent) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return counts;
}

/** The value below which `share` (0 to 1) of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
