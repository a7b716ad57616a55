// The load: clients that ask, each at a fixed window (closed loop) or all together at a fixed rate (open loop).
import { once } from 'node:events';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { readSerial } from './frames.ts';
import type { Question } from './questions.ts';
import { type Login, WireClient } from './wire-client.ts';

/** How many readings may be on their way: a power of two. */
const RING = 1 << 20;
/** Who has not answered by then does not answer. */
const PATIENCE_MS = 5000;
const CONNECTING = 64;
/** Shorter beats of the open loop carry several readings each. */
const SHORTEST_PERIOD_MS = 0.5;

export interface Outcome {
  /** Messages answered with predictions before the time was up, and the time. */
  readonly answered: number;
  readonly durationMs: number;
  /** Messages answered with predictions, those after the time too. */
  readonly answeredAtLast: number;
  /** Messages answered with a problem, and messages that nobody answered. */
  readonly refused: number;
  readonly lost: number;
  /** Microseconds from when a reading was due until its answer. */
  readonly latencies: RecordableHistogram;
  /** Microseconds from when a reading was due until it was sent: the load's own share of them. */
  readonly lateness: RecordableHistogram;
}

export class Crowd {
  private readonly clients: readonly WireClient[];
  private readonly dueMs = new Float64Array(RING);
  private serial = 0;
  private onAnswer: (client: WireClient, serial: number, payload: Buffer) => void = () => undefined;

  private constructor(clients: readonly WireClient[]) {
    this.clients = clients;
    for (const client of clients) {
      client.onAnswer = (payload) => {
        const serial = readSerial(payload);
        if (serial !== null) this.onAnswer(client, serial, payload);
      };
    }
  }

  static async connect(url: string, logins: readonly Login[]): Promise<Crowd> {
    const clients: WireClient[] = [];
    for (let at = 0; at < logins.length; at += CONNECTING) {
      const some = logins.slice(at, at + CONNECTING);
      clients.push(...(await Promise.all(some.map((login) => WireClient.connect(url, login)))));
    }
    return new Crowd(clients);
  }

  /**
   * Asks again and again until somebody answers for the first time.
   * @throws {Error} where nobody does
   */
  async untilServed(question: Question, everyMs = 50, timeoutMs = 60_000): Promise<void> {
    const asker = this.clients[0] as WireClient;
    const first = this.serial + 1;
    await new Promise<void>((resolve, reject) => {
      const end = (settle: () => void) => {
        clearInterval(asking);
        clearTimeout(patience);
        settle();
      };
      this.onAnswer = (_client, serial, payload) => {
        // Not a late answer of who was there before.
        if (serial >= first && !question.isProblem(payload)) end(resolve);
      };
      const asking = setInterval(() => this.send(asker, question), everyMs);
      const patience = setTimeout(() => {
        end(() => reject(new Error(`nobody serves ${question.model}`)));
      }, timeoutMs);
    });
  }

  /** Each client keeps `window` readings unanswered, for so long. */
  run(question: Question, options: { window: number; durationMs: number }): Promise<Outcome> {
    return this.measure(question, options.durationMs, (ask) => {
      for (const client of this.clients) {
        for (let slot = 0; slot < options.window; slot += 1) ask(client, performance.now());
      }
      return (client) => ask(client, performance.now());
    });
  }

  /**
   * Readings at a fixed rate, from one client after the other, whether answers come or not. Latency counts from
   * when a reading was due, so that a stall shows in every reading that it met (coordinated omission).
   */
  async runOpen(
    question: Question,
    options: { ratePerSecond: number; durationMs: number },
  ): Promise<Outcome> {
    const { durationMs, ratePerSecond } = options;
    const each = Math.max(1, Math.ceil((SHORTEST_PERIOD_MS / 1000) * ratePerSecond));
    const periodMs = (each * 1000) / ratePerSecond;
    const metronome = new Worker(new URL('./metronome.worker.mjs', import.meta.url), {
      workerData: { periodMs, beats: Math.floor(durationMs / periodMs) },
    });
    await once(metronome, 'message');
    try {
      return await this.measure(question, durationMs, (ask) => {
        const offsetMs = performance.now() - Number(process.hrtime.bigint()) / 1e6;
        let turn = 0;
        metronome.on('message', (dueMs: number) => {
          for (let reading = 0; reading < each; reading += 1) {
            ask(this.clients[turn++ % this.clients.length] as WireClient, dueMs + offsetMs);
          }
        });
        metronome.postMessage('go');
        return () => undefined;
      });
    } finally {
      await metronome.terminate();
    }
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  /** @param start begins to ask; gives back what to do when a client has its answer */
  private async measure(
    question: Question,
    durationMs: number,
    start: (ask: (client: WireClient, dueMs: number) => void) => (client: WireClient) => void,
  ): Promise<Outcome> {
    const latencies = createHistogram({ figures: 3 });
    const lateness = createHistogram({ figures: 3 });
    const counts = { asked: 0, answered: 0, answeredAtLast: 0, refused: 0 };
    const first = this.serial + 1;
    const startMs = performance.now();
    let isOver = false;
    let again: (client: WireClient) => void = () => undefined;
    let wake: () => void = () => undefined;
    this.onAnswer = (client, serial, payload) => {
      const dueMs = this.dueMs[serial % RING] as number;
      // An answer to an earlier run, or a second one to the same reading.
      if (serial < first || dueMs === 0) return;
      this.dueMs[serial % RING] = 0;
      if (question.isProblem(payload)) counts.refused += 1;
      else {
        latencies.record(Math.max(1, Math.round((performance.now() - dueMs) * 1000)));
        counts.answeredAtLast += 1;
        if (!isOver) counts.answered += 1;
      }
      if (!isOver) again(client);
      else if (counts.answeredAtLast + counts.refused === counts.asked) wake();
    };
    again = start((client, dueMs) => {
      if (isOver) return;
      counts.asked += 1;
      lateness.record(Math.max(1, Math.round((performance.now() - dueMs) * 1000)));
      this.dueMs[(this.serial + 1) % RING] = dueMs;
      this.send(client, question);
    });
    await new Promise((resolve) => setTimeout(resolve, durationMs));
    isOver = true;
    const tookMs = performance.now() - startMs;
    if (counts.answeredAtLast + counts.refused < counts.asked) {
      await new Promise<void>((resolve) => {
        const patience = setTimeout(resolve, PATIENCE_MS);
        wake = () => {
          clearTimeout(patience);
          resolve();
        };
      });
    }
    const { answered, answeredAtLast, asked, refused } = counts;
    const lost = asked - answeredAtLast - refused;
    return { answered, durationMs: tookMs, answeredAtLast, refused, lost, latencies, lateness };
  }

  private send(client: WireClient, question: Question): void {
    this.serial += 1;
    client.publish(question.templateOf(client.name, this.serial), this.serial);
  }
}
