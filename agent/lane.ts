// One model's way from admitted readings to scores: whatever has arrived is classified in one run.
import type { DecodedReading } from '../schemas/decode-reading.ts';
import type { Books } from './books.ts';
import type { Classifier } from './classifier.ts';
import { Intake, type IntakeLimits, type Sized } from './intake.ts';

/** A reading that was admitted and waits for its scores. */
export interface Admitted extends Sized {
  readonly reading: DecodedReading;
  readonly arrivedMs: number;
  /** After this instant (the agent's clock) the answer is worthless; `null` for never. */
  readonly expiresMs: number | null;
  /** Called once with the scores of the run and the reading's first row in them. */
  onScores(scores: Float32Array, firstRow: number): void;
  onExpired(): void;
  onFailed(error: unknown): void;
}

interface LaneOptions {
  readonly classifier: Classifier;
  readonly limits: IntakeLimits;
  /** The most rows of one run, where several readings share it. */
  readonly batchRows: number;
  readonly books: Books;
  readonly clock: () => number;
}

/** Runs one model at a time and never waits for company: a lone reading goes at once. */
export class Lane {
  readonly classifier: Classifier;
  private readonly intake: Intake<Admitted>;
  private readonly options: LaneOptions;
  private running = false;
  private millisecondsPerRow = 0.01;

  constructor(options: LaneOptions) {
    this.classifier = options.classifier;
    this.options = options;
    this.intake = new Intake(options.limits);
  }

  /** False where there is no room; the entry is then not kept. */
  offer(entry: Admitted): boolean {
    if (!this.intake.offer(entry)) return false;
    if (!this.running) {
      this.running = true;
      // Microtasks run once mqtt.js has handed over the whole socket chunk (it goes from packet to packet
      // by process.nextTick): what came together shares the run, and nothing waits for a turn of the loop.
      queueMicrotask(() => void this.run());
    }
    return true;
  }

  /** How long the work that waits will take, for `retryAfterMs`. */
  get backlogMs(): number {
    return Math.ceil(this.intake.waitingRows * this.millisecondsPerRow);
  }

  private async run(): Promise<void> {
    for (;;) {
      const entries = this.intake
        .take(this.options.batchRows)
        .filter((entry) => this.isInTime(entry));
      if (entries.length > 0) await this.classifyAll(entries);
      if (this.intake.waitingRows === 0) break;
    }
    this.running = false;
  }

  private isInTime(entry: Admitted): boolean {
    if (entry.expiresMs === null || entry.expiresMs > this.options.clock()) return true;
    entry.onExpired();
    return false;
  }

  private async classifyAll(entries: Admitted[]): Promise<void> {
    const startedMs = this.options.clock();
    const rows = entries.reduce((sum, entry) => sum + entry.rows, 0);
    let scores: Float32Array;
    try {
      scores = await this.classifier.classify(this.gather(entries, rows), rows);
    } catch (error) {
      if (entries.length === 1) entries[0]?.onFailed(error);
      // One reading may have spoilt the run for all: each gets a run of its own.
      else for (const entry of entries) await this.classifyAll([entry]);
      return;
    }
    this.record(entries, rows, startedMs);
    let firstRow = 0;
    for (const entry of entries) {
      entry.onScores(scores, firstRow);
      firstRow += entry.rows;
    }
  }

  private record(entries: Admitted[], rows: number, startedMs: number): void {
    const { books, clock } = this.options;
    const milliseconds = clock() - startedMs;
    this.millisecondsPerRow += 0.1 * (milliseconds / rows - this.millisecondsPerRow);
    books.recordRun(rows, milliseconds);
    for (const entry of entries) books.recordQueue(startedMs - entry.arrivedMs);
  }

  /** One row-major array of all rows; a lone reading is passed on without a copy. */
  private gather(entries: Admitted[], rows: number): Float32Array {
    const [first] = entries;
    if (first && entries.length === 1) return first.reading.values;
    const values = new Float32Array(rows * this.classifier.limits.width);
    let offset = 0;
    for (const { reading } of entries) {
      values.set(reading.values, offset);
      offset += reading.values.length;
    }
    return values;
  }
}
