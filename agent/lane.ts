// One model's way from admitted readings to scores: whatever has arrived is classified in one run.
import { setImmediate } from 'node:timers/promises';
import type { DecodedReading } from '../schemas/decode-reading.ts';
import type { Books } from './books.ts';
import { type Classifier, WorkerDiedError } from './classifier.ts';
import { Intake, type IntakeLimits, type Sized } from './intake.ts';
import { Pace } from './pace.ts';
import type { Fingerprint } from './repeats.ts';

/** A reading that was admitted and waits for its scores. */
export interface Admitted extends Sized {
  readonly reading: DecodedReading;
  readonly fingerprint: () => Fingerprint;
  readonly arrivedMs: number;
  /** After this instant (the agent's clock) the answer is worthless; `null` for never. */
  readonly expiresMs: number | null;
  /** Called once with the scores of the run and the reading's first row in them. */
  onScores(scores: Float32Array, firstRow: number): void;
  onExpired(): void;
  onFailed(error: unknown): void;
}

/** What a run is made of, for whoever must know after the end of this process. */
export type RunEntry = Pick<Admitted, 'client' | 'reading' | 'fingerprint'>;

/** Knows which readings have ended this process before, and what is in a run in case one does again. */
export interface RunWatch {
  /** A `suspect` is run alone, a `condemned` one never. */
  standing(entry: RunEntry): 'free' | 'suspect' | 'condemned';
  /** A condemned one was answered with a problem, without the model. */
  refuse(entry: RunEntry): void;
  /** These are about to be computed. */
  begin(entries: readonly RunEntry[]): void;
  /** They were, and the process is alive. */
  end(entries: readonly RunEntry[]): void;
  close(): void;
}

interface LaneOptions {
  readonly classifier: Classifier;
  readonly limits: IntakeLimits;
  /** The most rows of one run, where several readings share it. */
  readonly batchRows: number;
  readonly books: Books;
  readonly clock: () => number;
  readonly watch?: RunWatch | undefined;
}

/**
 * How long a run should take at most, which bounds its rows. In this process nothing else happens
 * meanwhile, not even the answer to a ping; in another one, longer runs spare messages.
 */
const RUN_MS = { inline: 20, process: 50 } as const;
/**
 * No run is made smaller. On a busy machine the way to another process takes longer than a run should,
 * whatever its rows: shrinking it further would only cost throughput (seen: a quarter of it was left).
 */
const LEAST_ROWS = { inline: 1, process: 8 } as const;
/** But where so many rows would take longer than this, it is the model that is slow, and not the way. */
const LEAST_ROWS_MS = 5000;
/** So long the runs may follow each other without a turn of the event loop. */
const TURN_MS = 10;
/** The rows of the first run; how long they take is not known yet. */
const FIRST_ROWS = 16;
/** A reading that ended so many runs, the last of them alone, is not tried again. */
const MAX_DEATHS = 2;

/** Runs one model at a time and never waits for company: a lone reading goes at once. */
export class Lane {
  readonly classifier: Classifier;
  private readonly intake: Intake<Admitted>;
  private readonly options: LaneOptions;
  private readonly runMs: number;
  private readonly leastRows: number;
  private running = false;
  private readonly pace = new Pace();
  private rowLimit: number;
  private turnedMs = 0;

  constructor(options: LaneOptions) {
    this.classifier = options.classifier;
    this.options = options;
    this.intake = new Intake(options.limits);
    const place = options.classifier.inference?.place ?? 'inline';
    this.runMs = RUN_MS[place];
    this.leastRows = Math.min(LEAST_ROWS[place], options.batchRows);
    this.rowLimit = Math.min(FIRST_ROWS, options.batchRows);
  }

  /** False where there is no room; the entry is then not kept. */
  offer(entry: Admitted): boolean {
    if (!this.intake.offer(entry, this.backlogMs)) return false;
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
    const { waitingRows } = this.intake;
    return waitingRows === 0 ? 0 : Math.ceil(waitingRows * this.pace.millisecondsPerRow);
  }

  private async run(): Promise<void> {
    this.turnedMs = this.options.clock();
    let pacedMs = this.turnedMs;
    for (;;) {
      const taken = this.intake.take(this.rowLimit, (entry) => this.mayRun(entry));
      const suspects = taken.filter((entry) => this.standing(entry) === 'suspect');
      const entries =
        suspects.length === 0 ? taken : taken.filter((one) => !suspects.includes(one));
      if (entries.length > 0) await this.classifyAll(entries, 0);
      for (const suspect of suspects) await this.classifyAll([suspect], 0);
      if (taken.length > 0) pacedMs = this.recordPace(taken, pacedMs);
      if (this.intake.waitingRows === 0) break;
      await this.turn();
    }
    this.running = false;
  }

  /** At the end, when nothing is in hand. */
  close(): void {
    this.options.watch?.close();
  }

  private standing(entry: Admitted): 'free' | 'suspect' | 'condemned' {
    return this.options.watch?.standing(entry) ?? 'free';
  }

  private mayRun(entry: Admitted): boolean {
    if (!this.isInTime(entry)) return false;
    if (this.standing(entry) !== 'condemned') return true;
    this.options.watch?.refuse(entry);
    entry.onFailed(new Error('this reading has ended the agent twice and is not tried again'));
    return false;
  }

  private isInTime(entry: Admitted): boolean {
    if (entry.expiresMs === null || entry.expiresMs > this.options.clock()) return true;
    entry.onExpired();
    return false;
  }

  /** Lets the event loop turn where runs have kept it from it: pings and acknowledgements wait there. */
  private async turn(): Promise<void> {
    if (this.options.clock() - this.turnedMs < TURN_MS) return;
    await setImmediate();
    this.turnedMs = this.options.clock();
  }

  /** @param deaths how many runs with these entries the model's process has not survived */
  private async classifyAll(entries: readonly Admitted[], deaths: number): Promise<void> {
    const startedMs = this.options.clock();
    const rows = entries.reduce((sum, entry) => sum + entry.rows, 0);
    let scores: Float32Array;
    try {
      scores = await this.compute(entries, rows);
    } catch (error) {
      await this.afterFailure(entries, error, deaths + (error instanceof WorkerDiedError ? 1 : 0));
      return;
    }
    for (const entry of entries) this.options.books.recordQueue(startedMs - entry.arrivedMs);
    let firstRow = 0;
    for (const entry of entries) {
      try {
        // Its time may have run out meanwhile: an answer that is worthless must not look like one.
        if (this.isInTime(entry)) entry.onScores(scores, firstRow);
      } catch (error) {
        // One answer that cannot be written must not keep the others from theirs.
        entry.onFailed(error);
      }
      firstRow += entry.rows;
    }
  }

  private async afterFailure(
    entries: readonly Admitted[],
    error: unknown,
    deaths: number,
  ): Promise<void> {
    const died = error instanceof WorkerDiedError;
    // One reading may have spoilt the run for all: each gets a run of its own. A lone one whose process
    // died may have been there by chance, as when somebody killed it: it gets one more.
    const again = entries.length > 1 || (died && deaths < MAX_DEATHS);
    for (const entry of entries) {
      if (!again) entry.onFailed(error);
      else if (this.isInTime(entry)) await this.classifyAll([entry], deaths);
      await this.turn();
    }
  }

  /** Scores of all rows, from one run or, where that would take long, from several. */
  private async compute(entries: readonly Admitted[], rows: number): Promise<Float32Array> {
    const { watch } = this.options;
    watch?.begin(entries);
    try {
      const values = this.gather(entries, rows);
      if (rows <= this.rowLimit) return await this.computeOnce(values, rows);
      return await this.computeInParts(values, rows);
    } finally {
      watch?.end(entries);
    }
  }

  private async computeInParts(values: Float32Array, rows: number): Promise<Float32Array> {
    const { labels, limits } = this.classifier;
    const scores = new Float32Array(rows * labels.length);
    for (let done = 0; done < rows; ) {
      const some = Math.min(this.rowLimit, rows - done);
      const part = values.subarray(done * limits.width, (done + some) * limits.width);
      scores.set(await this.computeOnce(part, some), done * labels.length);
      done += some;
      await this.turn();
    }
    return scores;
  }

  private async computeOnce(values: Float32Array, rows: number): Promise<Float32Array> {
    const { books, clock } = this.options;
    const startedMs = clock();
    try {
      const scores = await this.classifier.classify(values, rows);
      const milliseconds = clock() - startedMs;
      books.recordRun(rows, milliseconds);
      this.adapt(rows, milliseconds);
      return scores;
    } catch (error) {
      // A run that was killed may have been too long for a slow model: a single row is the least.
      if (error instanceof WorkerDiedError) this.rowLimit = 1;
      throw error;
    }
  }

  /**
   * @param sinceMs when these could have begun
   * @returns when the next ones can
   */
  private recordPace(taken: readonly Admitted[], sinceMs: number): number {
    const nowMs = this.options.clock();
    const rows = taken.reduce((sum, entry) => sum + entry.rows, 0);
    this.pace.record(rows, nowMs - sinceMs);
    return nowMs;
  }

  private adapt(rows: number, milliseconds: number): void {
    if (milliseconds > this.runMs) {
      const isSlow = (milliseconds / rows) * this.leastRows > LEAST_ROWS_MS;
      const least = isSlow ? 1 : this.leastRows;
      this.rowLimit = Math.max(least, Math.floor((rows * this.runMs) / milliseconds));
    } else if (milliseconds < this.runMs / 2 && rows * 2 >= this.rowLimit) {
      this.rowLimit = Math.min(this.options.batchRows, this.rowLimit * 2);
    }
  }

  /** One row-major array of all rows; a lone reading is passed on without a copy. */
  private gather(entries: readonly Admitted[], rows: number): Float32Array {
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
