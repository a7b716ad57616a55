// The bounded queue before the model: what does not fit is refused at once, never dropped in silence.

/** What the queue needs to know of an entry. */
export interface Sized {
  readonly rows: number;
  /** Memory that the entry holds. */
  readonly bytes: number;
}

export interface IntakeLimits {
  /** The most rows that may wait. */
  readonly rows: number;
  /** The most bytes that may wait. */
  readonly bytes: number;
}

/** First in, first out, in amortised constant time. */
export class Intake<Entry extends Sized> {
  private entries: Entry[] = [];
  private head = 0;
  private rows = 0;
  private bytes = 0;
  private readonly limits: IntakeLimits;

  constructor(limits: IntakeLimits) {
    this.limits = limits;
  }

  get waitingRows(): number {
    return this.rows;
  }

  /** False where the entry does not fit. An empty queue takes any entry, however large. */
  offer(entry: Entry): boolean {
    const fits =
      this.rows + entry.rows <= this.limits.rows && this.bytes + entry.bytes <= this.limits.bytes;
    if (!fits && this.rows > 0) return false;
    this.entries.push(entry);
    this.rows += entry.rows;
    this.bytes += entry.bytes;
    return true;
  }

  /** Takes the oldest entries that fit into `maxRows` together, at least one where any waits. */
  take(maxRows: number): Entry[] {
    const taken: Entry[] = [];
    let rows = 0;
    while (this.head < this.entries.length) {
      const entry = this.entries[this.head] as Entry;
      if (taken.length > 0 && rows + entry.rows > maxRows) break;
      taken.push(entry);
      rows += entry.rows;
      this.bytes -= entry.bytes;
      this.head += 1;
    }
    this.rows -= rows;
    if (this.head > 1024 && this.head * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.head);
      this.head = 0;
    }
    return taken;
  }
}
