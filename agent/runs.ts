// Runs of a model: computes what was taken, tells each reading its scores, and finds the guilty one of a run that failed.
import type { Admitted, RunWatch } from './admitted.ts';
import type { Books } from './books.ts';
import { type Classifier, WorkerDiedError } from './classifier.ts';
import { DividedWork } from './divided-work.ts';
import type { RowLimit } from './row-limit.ts';
import type { Turns } from './turns.ts';

interface RunsOptions {
  readonly classifier: Classifier;
  readonly books: Books;
  readonly clock: () => number;
  /** Of a classifier that takes one run at a time. */
  readonly watch?: RunWatch | undefined;
  readonly limit: RowLimit;
  readonly turns: Turns;
  /** Has the work computed by who has nothing else to do; `null` where nobody is there. Never rejects. */
  readonly help: (work: DividedWork) => Promise<void> | null;
}

/** A reading that ended so many runs, the last of them alone, is not tried again. */
const MAX_DEATHS = 2;

export class Runs {
  /** When one last came to its end. */
  endedMs = 0;
  private readonly options: RunsOptions;
  private readonly classifier: Classifier;
  private readonly limit: RowLimit;
  private readonly turns: Turns;
  private readonly clock: () => number;
  /** The end of the last run of a reading that is suspected of a death: they never run beside each other. */
  private suspectsDone: Promise<void> = Promise.resolve();

  constructor(options: RunsOptions) {
    this.options = options;
    this.classifier = options.classifier;
    this.limit = options.limit;
    this.turns = options.turns;
    this.clock = options.clock;
  }

  /** Several runs, one after the other: some of those that were taken alone, before them the others together. */
  async serveApart(taken: readonly Admitted[], apart: readonly Admitted[]): Promise<void> {
    const others = taken.filter((entry) => !apart.includes(entry));
    const runs = [...(others.length > 0 ? [others] : []), ...apart.map((one) => [one])];
    for (const run of runs) {
      await this.serve(run, rowsOf(run), this.clock());
      await this.turns.takeIfDue();
    }
  }

  /**
   * One run, and the answers. A lone reading passes here with a single wait, that for its scores.
   * @param deaths how many runs with these entries the model's process has not survived
   */
  async serve(
    entries: readonly Admitted[],
    rows: number,
    startedMs: number,
    deaths = 0,
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

  /** What is not has been told so. */
  isInTime(entry: Admitted): boolean {
    if (entry.expiresMs === null || entry.expiresMs > this.clock()) return true;
    entry.onExpired();
    return false;
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
    this.endedMs = this.clock();
    const died = error instanceof WorkerDiedError;
    const deaths = deathsBefore + (died ? 1 : 0);
    if (died) this.limit.fallBack();
    // One reading may have spoilt the run for all: each gets a run of its own. A lone one whose process
    // died may have been there by chance, as when somebody killed it: it gets one more.
    const again = entries.length > 1 || (died && deaths < MAX_DEATHS);
    for (const entry of entries) {
      if (!again) entry.onFailed(error);
      else if (deaths > 0) await this.serveSuspect(entry, deaths);
      else if (this.isInTime(entry)) await this.serve([entry], entry.rows, this.clock());
      await this.turns.takeIfDue();
    }
  }

  /** When no other suspect runs: two that take too much memory together would each be to blame for the other. */
  private serveSuspect(entry: Admitted, deaths: number): Promise<void> {
    const done = this.suspectsDone.then(async () => {
      if (this.isInTime(entry)) await this.serve([entry], entry.rows, this.clock(), deaths);
    });
    this.suspectsDone = done.catch(() => {});
    return done;
  }

  /** Scores of all rows, from several runs; at once, where others are free and nobody waits for them. */
  private async computeInParts(values: Float32Array, rows: number): Promise<Float32Array> {
    const { labels, limits } = this.classifier;
    const scores = new Float32Array(rows * labels.length);
    const work = new DividedWork(rows, async (from, some) => {
      const part = values.subarray(from * limits.width, (from + some) * limits.width);
      const startedMs = this.clock();
      scores.set(await this.classifier.classify(part, some), from * labels.length);
      this.note(some, startedMs);
    });
    const helpers: Promise<void>[] = [];
    while (work.hasMore) {
      const own = work.computeNext(this.limit.rows);
      while (work.hasMore) {
        const helper = this.options.help(work);
        if (!helper) break;
        helpers.push(helper);
      }
      await own;
      await this.turns.takeIfDue();
    }
    await Promise.all(helpers);
    work.check();
    return scores;
  }

  /** A run has come to its end. */
  private note(rows: number, startedMs: number): void {
    this.endedMs = this.clock();
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

/** Of all together. */
export function rowsOf(entries: readonly Admitted[]): number {
  let rows = 0;
  for (const entry of entries) rows += entry.rows;
  return rows;
}
