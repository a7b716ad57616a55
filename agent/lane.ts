// One model's way from admitted readings to scores: whatever has arrived is classified in one run.
import type { Admitted, RunWatch } from './admitted.ts';
import type { Books } from './books.ts';
import type { Classifier } from './classifier.ts';
import type { DividedWork } from './divided-work.ts';
import { Intake, type IntakeLimits } from './intake.ts';
import { Pace } from './pace.ts';
import { RowLimit } from './row-limit.ts';
import { rowsOf, Runs } from './runs.ts';
import { Turns } from './turns.ts';

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

/** From so many rows on, to copy a reading into a run of several costs as much as a run of its own. */
const APART_ROWS = 256;

/**
 * Keeps as many runs under way as the classifier takes at once, and never waits for company: a lone reading
 * goes at once. All runs are filled from one intake, each with those whose turn it is.
 */
export class Lane {
  readonly classifier: Classifier;
  private readonly intake: Intake<Admitted>;
  private readonly options: LaneOptions;
  private readonly runs: Runs;
  private readonly turns: Turns;
  private readonly slots: number;
  private readonly limit: RowLimit;
  private readonly pace: Pace;
  /** How many runs could begin now. */
  private free: number;
  private isWoken = false;
  /** Of those taken last, who are to run alone. */
  private apart: Admitted[] = [];

  constructor(options: LaneOptions) {
    const { batchRows, classifier, clock, limits } = options;
    const { inference = { place: 'inline' }, workers = 1 } = classifier;
    this.classifier = classifier;
    this.options = options;
    this.intake = new Intake(limits);
    this.slots = workers;
    this.free = workers;
    this.limit = new RowLimit(inference, batchRows);
    this.pace = new Pace(workers);
    this.turns = new Turns(inference.place === 'inline', clock);
    const { help, limit, turns } = this;
    this.runs = new Runs({ ...options, limit, turns, help });
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
    const nowMs = this.options.clock();
    this.turns.turned(nowMs);
    this.pace.begin(nowMs);
    this.proceed(nowMs);
  };

  /** Begins runs while something waits that could run. */
  private proceed(nowMs: number): void {
    while (this.free > 0 && this.intake.waitingRows > 0) {
      if (this.turns.isDue(nowMs)) {
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
          ? this.runs.serve(taken, rows, nowMs)
          : this.runs.serveApart(taken, this.apart);
      void served.then(() => this.release(rows));
    }
    if (this.free === this.slots) this.pace.rest();
  }

  private release(rows: number): void {
    this.free += 1;
    const nowMs = this.intake.waitingRows > 0 ? this.options.clock() : this.runs.endedMs;
    this.pace.record(rows, nowMs);
    if (!this.isWoken) this.proceed(nowMs);
  }

  /** Of what waits, the rows that one run may take: where others are free too, each takes its part. */
  private get share(): number {
    if (this.free === 1) return this.limit.rows;
    return Math.min(this.limit.rows, Math.ceil(this.intake.waitingRows / this.free));
  }

  private readonly mayRun = (entry: Admitted): boolean => {
    if (!this.runs.isInTime(entry)) return false;
    const standing = this.options.watch?.standing(entry) ?? 'free';
    if (standing === 'condemned') {
      this.options.watch?.refuse(entry);
      entry.onFailed(new Error('this reading has ended the agent twice and is not tried again'));
      return false;
    }
    if (standing === 'suspect' || entry.rows >= APART_ROWS) this.apart.push(entry);
    return true;
  };

  /** Whoever is free computes parts of a large reading, as long as nobody waits. */
  private readonly help = (work: DividedWork): Promise<void> | null => {
    if (this.free === 0 || this.intake.waitingRows > 0) return null;
    this.free -= 1;
    return this.helpWith(work);
  };

  private async helpWith(work: DividedWork): Promise<void> {
    do await work.computeNext(this.limit.rows);
    while (work.hasMore && this.intake.waitingRows === 0);
    this.free += 1;
    if (!this.isWoken) this.proceed(this.options.clock());
  }
}
