// How many rows a run may have, so that it takes no longer than it should: learnt from every run.
import type { InferenceChoice } from './classifier.ts';

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
/** The rows of the first run, where nobody has measured how long they take. */
const FIRST_ROWS = 16;

export class RowLimit {
  private current: number;
  private readonly runMs: number;
  private readonly leastRows: number;
  private readonly mostRows: number;

  /** @param mostRows of any run */
  constructor({ place, rowMs }: Pick<InferenceChoice, 'place' | 'rowMs'>, mostRows: number) {
    this.runMs = RUN_MS[place];
    this.leastRows = Math.min(LEAST_ROWS[place], mostRows);
    this.mostRows = mostRows;
    const first = rowMs === undefined ? FIRST_ROWS : Math.max(1, Math.floor(this.runMs / rowMs));
    this.current = Math.min(first, mostRows);
  }

  /** The most rows of the next run. */
  get rows(): number {
    return this.current;
  }

  /** Takes note of how long a run took. */
  record(rows: number, milliseconds: number): void {
    if (milliseconds > this.runMs) {
      const isSlow = (milliseconds / rows) * this.leastRows > LEAST_ROWS_MS;
      const least = isSlow ? 1 : this.leastRows;
      this.current = Math.max(least, Math.floor((rows * this.runMs) / milliseconds));
    } else if (milliseconds < this.runMs / 2 && rows * 2 >= this.current) {
      this.current = Math.min(this.mostRows, this.current * 2);
    }
  }

  /** A run that was killed may have been too long for a slow model: a single row is the least. */
  fallBack(): void {
    this.current = 1;
  }
}
