// The books: every reading that comes in is in exactly one column, and the columns always add up.
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Stats } from '../schemas/messages.ts';

/** Where a reading ends. `received` is the sum of these and of what is in hand. */
export type Column = 'answered' | 'rejected' | 'shed' | 'expired' | 'repeated';

type Counts = Pick<
  Stats,
  'received' | Column | 'inHand' | 'unanswerable' | 'repliesRefused' | 'repliesLost'
>;
type Sample = Counts & Pick<Stats, 'rate' | 'latencyMs' | 'batchRows'>;

/** Counts readings (a batch of n counts n) and keeps latencies of the current sample period. */
export class Books {
  private received = 0;
  private readonly settled: Record<Column, number> = {
    answered: 0,
    rejected: 0,
    shed: 0,
    expired: 0,
    repeated: 0,
  };
  private unanswerable = 0;
  private repliesRefused = 0;
  private repliesLost = 0;
  private readonly queue = new Percentiles();
  private readonly model = new Percentiles();
  private readonly total = new Percentiles();
  private readonly batchRows = new Percentiles();
  private last = { at: 0, received: 0, answered: 0 };

  constructor(nowMs: number) {
    this.last.at = nowMs;
  }

  /** Readings since the start. */
  get count(): number {
    return this.received;
  }

  get inHand(): number {
    const { answered, rejected, shed, expired, repeated } = this.settled;
    return this.received - answered - rejected - shed - expired - repeated;
  }

  receive(rows: number): void {
    this.received += rows;
  }

  settle(column: Column, rows: number): void {
    this.settled[column] += rows;
  }

  countUnanswerable(): void {
    this.unanswerable += 1;
  }

  /** The broker refused an answer, or it could not be handed over at all. */
  countReplyRefused(): void {
    this.repliesRefused += 1;
  }

  /** The connection ended before the broker had taken an answer; the reading comes again. */
  countReplyLost(): void {
    this.repliesLost += 1;
  }

  recordRun(rows: number, milliseconds: number): void {
    this.batchRows.record(rows);
    this.model.record(milliseconds);
  }

  recordQueue(milliseconds: number): void {
    this.queue.record(milliseconds);
  }

  recordTotal(milliseconds: number): void {
    this.total.record(milliseconds);
  }

  /** The counts since the start, with rates and percentiles since the last sample. */
  sample(nowMs: number): Sample {
    const seconds = Math.max((nowMs - this.last.at) / 1000, 0.001);
    const { answered } = this.settled;
    const rate = {
      receivedPerSecond: round((this.received - this.last.received) / seconds),
      answeredPerSecond: round((answered - this.last.answered) / seconds),
    };
    this.last = { at: nowMs, received: this.received, answered };
    return {
      received: this.received,
      ...this.settled,
      inHand: this.inHand,
      unanswerable: this.unanswerable,
      repliesRefused: this.repliesRefused,
      repliesLost: this.repliesLost,
      rate,
      latencyMs: {
        queue: this.queue.drain(),
        model: this.model.drain(),
        total: this.total.drain(),
      },
      batchRows: this.batchRows.drain(),
    };
  }
}

/** A high dynamic range histogram of non-negative numbers, three digits after the point. */
class Percentiles {
  private readonly histogram: RecordableHistogram = createHistogram({ figures: 3 });
  /** Not yet in the histogram: entering many together is cheaper than each for itself. */
  private readonly recent = new Float64Array(1024);
  private count = 0;

  record(value: number): void {
    this.recent[this.count] = value;
    this.count += 1;
    if (this.count === this.recent.length) this.enter();
  }

  private enter(): void {
    for (const value of this.recent.subarray(0, this.count)) {
      this.histogram.record(Math.max(1, Math.round(value * 1000)));
    }
    this.count = 0;
  }

  drain(): { p50: number; p95: number; p99: number; max: number } {
    this.enter();
    const at = (percentile: number) =>
      this.histogram.count === 0 ? 0 : this.histogram.percentile(percentile) / 1000;
    const result = {
      p50: at(50),
      p95: at(95),
      p99: at(99),
      max: this.histogram.count === 0 ? 0 : this.histogram.max / 1000,
    };
    this.histogram.reset();
    return result;
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
