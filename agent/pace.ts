// How fast a lane gets on, to tell how long what waits will take.

/** So many of the last runs count. */
const RUNS = 5;
/** Until runs have shown otherwise, a model is taken for a small one. */
const FIRST_MS = 0.01;

/**
 * The time of a row while others wait: not the run alone, but also what comes between two runs, such as
 * answers, refusals and other processes. It is the median of the last runs, so that a single one that was
 * held up, as by a process that was frozen, makes nobody overloaded.
 */
export class Pace {
  private median: number | null = FIRST_MS;
  private readonly last: number[] = Array.from({ length: RUNS }, () => FIRST_MS);
  private next = 0;

  /** Worked out when it is asked for: a reading that finds nothing waiting does without. */
  get millisecondsPerRow(): number {
    this.median ??= [...this.last].sort((one, other) => one - other)[(RUNS - 1) / 2] as number;
    return this.median;
  }

  record(rows: number, milliseconds: number): void {
    this.last[this.next] = milliseconds / rows;
    this.next = (this.next + 1) % RUNS;
    this.median = null;
  }
}
