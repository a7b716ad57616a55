// How fast a lane gets on, to tell how long what waits will take.

/** So many of the last measurements count. */
const MEASUREMENTS = 5;
/** Until runs have shown otherwise, a model is taken for a small one. */
const FIRST_MS = 0.01;

/**
 * The time of a row while others wait, over all runs under way: not the runs alone, but also what comes between
 * them, such as answers, refusals and other processes. It is the median of the last measurements, so that a
 * single run that was held up, as by a process that was frozen, makes nobody overloaded.
 */
export class Pace {
  private readonly slots: number;
  private median: number | null = FIRST_MS;
  private readonly last: number[] = Array.from({ length: MEASUREMENTS }, () => FIRST_MS);
  private next = 0;
  /** What is measured now: since when, and the runs that ended since. */
  private sinceMs: number | null = null;
  private runs = 0;
  private rows = 0;
  private endedMs = 0;

  /** @param slots how many runs can be under way at once: one measurement lasts for so many */
  constructor(slots = 1) {
    this.slots = slots;
  }

  /** Worked out when it is asked for: a reading that finds nothing waiting does without. */
  get millisecondsPerRow(): number {
    this.median ??= [...this.last].sort((one, other) => one - other)[
      (MEASUREMENTS - 1) / 2
    ] as number;
    return this.median;
  }

  /** There is work. */
  begin(nowMs: number): void {
    this.sinceMs ??= nowMs;
  }

  /** A run has ended. */
  record(rows: number, nowMs: number): void {
    this.runs += 1;
    this.rows += rows;
    this.endedMs = nowMs;
    if (this.runs === this.slots) this.measure();
  }

  /** There is no more work. */
  rest(): void {
    if (this.runs > 0) this.measure();
    this.sinceMs = null;
  }

  private measure(): void {
    const { endedMs, rows, runs, sinceMs, slots } = this;
    // Where fewer ran than could have, the others would have done as much.
    const milliseconds = (endedMs - (sinceMs ?? endedMs)) * (runs / slots);
    this.last[this.next] = milliseconds / rows;
    this.next = (this.next + 1) % MEASUREMENTS;
    this.median = null;
    this.sinceMs = endedMs;
    this.runs = 0;
    this.rows = 0;
  }
}
