// One model's way from admitted readings to scores: whatever has arrived is classified in one run.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DecodedReading } from '../schemas/decode-reading.ts';
import type { Books } from './books.ts';
import { type Classifier, WorkerDiedError } from './classifier.ts';
import { DividedWork } from './divided-work.ts';
import { Intake, type IntakeLimits, type Sized } from './intake.ts';
import { Pace } from './pace.ts';
import type { Fingerprint } from './repeats.ts';
import { RowLimit } from './row-limit.ts';

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
  /** Of a classifier that takes one run at a time. */
  readonly watch?: RunWatch | undefined;
}

/** So long the runs in this process may follow each other without a turn of the event loop. */
const TURN_MS = 10;
/** From so many rows on, to copy a reading into a run of several costs as much as a run of its own. */
const APART_ROWS = 256;
/** A reading that ended so many runs, the last of them alone, is not tried again. */
const MAX_DEATHS = 2;

/**
 * Keeps as many runs under way as the classifier takes at once, and never waits for company: a lone reading
 * goes at once. All runs are filled from one intake, each with those whose turn it is.
 */
export class Lane {
  readonly classifier: Classifier;
  private readonly intake: Intake<Admitted>;
  private readonly options: LaneOptions;
  private readonly isInline: boolean;
  private readonly slots: number;
  private readonly limit: RowLimit;
  private readonly pace: Pace;
  /** How many runs could begin now. */
  private free: number;
  private isWoken = false;
  private turnedMs = 0;
  /** When a run last came to its end. */
  private endedMs = 0;
  /** Of those taken last, who are to run alone. */
  private apart: Admitted[] = [];

  constructor(options: LaneOptions) {
    const { batchRows, classifier, limits } = options;
    const { inference = { place: 'inline' }, workers = 1 } = classifier;
    this.classifier = classifier;
    this.options = options;
    this.intake = new Intake(limits);
    this.isInline = inference.place === 'inline';
    this.slots = workers;
    this.free = workers;
    this.limit = new RowLimit(inference, batchRows);
    this.pace = new Pace(workers);
  }

  /** False where there is no room; the entry is then not kept. */
  offer(entry: Admitted): boolean {
    if (!this.intake.offer(entry, this.backlogMs)) return false;
    if (this.free > 0 && !this.isWoken) {
      this.isWoken = true;
      // Microtasks run once mqtt.js has handed over the whole socket chunk (it goes from packet to packet
      // by process.nextTick): what came together shares the run, and nothing waits for a turn of the loop.
      queueMicrotask(this.wake);
    }
    return true;
  }

  /** How long the work that waits will take, for `retryAfterMs`. */
  get backlogMs(): number {
    const { waitingRows } = this.intake;
    return waitingRows === 0 ? 0 : Math.ceil(waitingRows * this.pace.millisecondsPerRow);
  }

  /** At the end, when nothing is in hand. */
  close(): void {
    this.options.watch?.close();
  }

  private readonly wake = (): void => {
    this.isWoken = false;
    this.turnedMs = this.options.clock();
    this.pace.begin(this.turnedMs);
    this.proceed(this.turnedMs);
  };

  /** Begins runs while something waits that could run. */
  private proceed(nowMs: number): void {
    while (this.free > 0 && this.intake.waitingRows > 0) {
      if (this.isTurnDue(nowMs)) {
        this.isWoken = true;
        setImmediate(this.wake);
        return;
      }
      this.apart = [];
      const taken = this.intake.take(this.share, this.mayRun);
      if (taken.length === 0) continue;
      this.free -= 1;
      const rows = rowsOf(taken);
      const served =
        taken.length === 1 || this.apart.length === 0
          ? this.serve(taken, rows, nowMs, 0)
          : this.serveApart(taken, this.apart);
      void served.then(() => this.release(rows));
    }
    if (this.free === this.slots) this.pace.rest();
  }

  private release(rows: number): void {
    this.free += 1;
    const nowMs = this.intake.waitingRows > 0 ? this.options.clock() : this.endedMs;
    this.pace.record(rows, nowMs);
    if (!this.isWoken) this.proceed(nowMs);
  }

  /** Of what waits, the rows that one run may take: where others are free too, each takes its part. */
  private get share(): number {
    if (this.free === 1) return this.limit.rows;
    return Math.min(this.limit.rows, Math.ceil(this.intake.waitingRows / this.free));
  }

  private readonly mayRun = (entry: Admitted): boolean => {
    if (!this.isInTime(entry)) return false;
    const standing = this.options.watch?.standing(entry) ?? 'free';
    if (standing === 'condemned') {
      this.options.watch?.refuse(entry);
      entry.onFailed(new Error('this reading has ended the agent twice and is not tried again'));
      return false;
    }
    if (standing === 'suspect' || entry.rows >= APART_ROWS) this.apart.push(entry);
    return true;
  };

  private isInTime(entry: Admitted): boolean {
    if (entry.expiresMs === null || entry.expiresMs > this.options.clock()) return true;
    entry.onExpired();
    return false;
  }

  /** Runs in this process keep the event loop from turning: pings and acknowledgements wait there. */
  private isTurnDue(nowMs: number): boolean {
    return this.isInline && nowMs - this.turnedMs >= TURN_MS;
  }

  private async turnIfDue(): Promise<void> {
    if (!this.isTurnDue(this.options.clock())) return;
    await nextTurn();
    this.turnedMs = this.options.clock();
  }

  private async serveApart(taken: readonly Admitted[], apart: readonly Admitted[]): Promise<void> {
    const others = taken.filter((entry) => !apart.includes(entry));
    const runs = [...(others.length > 0 ? [others] : []), ...apart.map((one) => [one])];
    for (const run of runs) {
      await this.serve(run, rowsOf(run), this.options.clock(), 0);
      await this.turnIfDue();
    }
  }

  /**
   * One run, and the answers. A lone reading passes here with a single wait, that for its scores.
   * @param deaths how many runs with these entries the model's process has not survived
   */
  private async serve(
    entries: readonly Admitted[],
    rows: number,
    startedMs: number,
    deaths: number,
  ): Promise<void> {
    const { watch } = this.options;
    watch?.begin(entries);
    let scores: Float32Array;
    try {
      const values = this.gather(entries, rows);
      if (rows > this.limit.rows) scores = await this.computeInParts(values, rows);
      else {
        scores = await this.classifier.classify(values, rows);
        this.note(rows, startedMs);
      }
    } catch (error) {
      watch?.end(entries);
      await this.afterFailure(entries, error, deaths);
      return;
    }
    watch?.end(entries);
    this.answer(entries, scores, startedMs);
  }

  private answer(entries: readonly Admitted[], scores: Float32Array, startedMs: number): void {
    const { books } = this.options;
    let firstRow = 0;
    for (const entry of entries) {
      books.recordQueue(startedMs - entry.arrivedMs);
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
    deathsBefore: number,
  ): Promise<void> {
    this.endedMs = this.options.clock();
    const died = error instanceof WorkerDiedError;
    const deaths = deathsBefore + (died ? 1 : 0);
    if (died) this.limit.fallBack();
    // One reading may have spoilt the run for all: each gets a run of its own. A lone one whose process
    // died may have been there by chance, as when somebody killed it: it gets one more.
    const again = entries.length > 1 || (died && deaths < MAX_DEATHS);
    for (const entry of entries) {
      if (!again) entry.onFailed(error);
      else if (this.isInTime(entry)) {
        await this.serve([entry], entry.rows, this.options.clock(), deaths);
      }
      await this.turnIfDue();
    }
  }

  /** Scores of all rows, from several runs; at once, where others are free and nobody waits for them. */
  private async computeInParts(values: Float32Array, rows: number): Promise<Float32Array> {
    const { labels, limits } = this.classifier;
    const scores = new Float32Array(rows * labels.length);
    const work = new DividedWork(rows, async (from, some) => {
      const part = values.subarray(from * limits.width, (from + some) * limits.width);
      const startedMs = this.options.clock();
      scores.set(await this.classifier.classify(part, some), from * labels.length);
      this.note(some, startedMs);
    });
    const helpers: Promise<void>[] = [];
    while (work.hasMore) {
      const own = work.computeNext(this.limit.rows);
      while (work.hasMore && this.mayHelp) helpers.push(this.help(work));
      await own;
      await this.turnIfDue();
    }
    await Promise.all(helpers);
    work.check();
    return scores;
  }

  private get mayHelp(): boolean {
    return this.free > 0 && this.intake.waitingRows === 0;
  }

  private async help(work: DividedWork): Promise<void> {
    this.free -= 1;
    do await work.computeNext(this.limit.rows);
    while (work.hasMore && this.intake.waitingRows === 0);
    this.free += 1;
    if (!this.isWoken) this.proceed(this.options.clock());
  }

  /** A run has come to its end. */
  private note(rows: number, startedMs: number): void {
    this.endedMs = this.options.clock();
    const milliseconds = this.endedMs - startedMs;
    this.options.books.recordRun(rows, milliseconds);
    this.limit.record(rows, milliseconds);
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

function rowsOf(entries: readonly Admitted[]): number {
  let rows = 0;
  for (const entry of entries) rows += entry.rows;
  return rows;
}
