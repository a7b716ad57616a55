// What an outbox holds, in order of capture: who is due, who is out, and who goes where room is short.

/** What is known of a reading without its payload, which stays on disk. */
export interface KeptReading {
  /** Grows by order of capture; its key on disk. */
  readonly number: number;
  readonly id: string;
  readonly model: string;
  /** Values in the reading. */
  readonly width: number;
  /** Of the payload. */
  readonly bytes: number;
  /** By the wall clock, in milliseconds since 1970: the age must outlive the process. */
  readonly capturedAtMs: number;
  /** How often it was published. */
  attempts: number;
}

export interface QueueLimits {
  readonly maxCount: number;
  readonly maxBytes: number;
  /** Readings of one model that may be out at once. */
  readonly maxOut: number;
}

interface Entry {
  readonly reading: KeptReading;
  readonly expiresMs: number;
  isOut: boolean;
}

export class OutboxQueue {
  private readonly limits: QueueLimits;
  private readonly entries = new Map<number, Entry>();
  private readonly names = new Set<string>();
  private readonly all = new Line();
  private readonly due = new Map<string, Line>();
  private readonly out = new Map<string, number>();
  private total = 0;
  private newest = 0;

  constructor(limits: QueueLimits) {
    this.limits = limits;
  }

  get count(): number {
    return this.entries.size;
  }

  /** Of the payloads. */
  get bytes(): number {
    return this.total;
  }

  get oldest(): KeptReading | null {
    return this.all.first((entry) => this.isHeld(entry))?.reading ?? null;
  }

  has(model: string, id: string): boolean {
    return this.names.has(nameOf(model, id));
  }

  /** Numbers must grow. */
  add(reading: KeptReading, expiresMs: number): void {
    const entry: Entry = { reading, expiresMs, isOut: false };
    this.entries.set(reading.number, entry);
    this.names.add(nameOf(reading.model, reading.id));
    this.all.push(entry);
    this.lineOf(reading.model).push(entry);
    this.total += reading.bytes;
    this.newest = reading.number;
  }

  /**
   * The newest wins: what must go until the bounds hold, oldest first, and what is out only where
   * nothing else is left: its answer may be under way. All of it is removed.
   */
  overflow(): KeptReading[] {
    const gone: KeptReading[] = [];
    const { maxBytes, maxCount } = this.limits;
    while (this.count > 1 && (this.count > maxCount || this.total > maxBytes)) {
      const due = this.oldestDue()?.reading ?? null;
      const victim = due === null || due.number === this.newest ? this.oldest : due;
      if (victim === null) break;
      this.remove(victim);
      gone.push(victim);
    }
    return gone;
  }

  /** Takes what is due, in order of capture, as far as its model is served and has room; it is out then. */
  take(isServed: (model: string) => boolean): KeptReading[] {
    const taken: KeptReading[] = [];
    for (const [model, line] of this.due) {
      let room = isServed(model) ? this.limits.maxOut - (this.out.get(model) ?? 0) : 0;
      for (; room > 0; room -= 1) {
        const entry = line.first((each) => this.isDue(each));
        if (entry === null) break;
        entry.isOut = true;
        taken.push(entry.reading);
      }
    }
    for (const { model } of taken) this.out.set(model, (this.out.get(model) ?? 0) + 1);
    return taken.sort(byNumber);
  }

  /** What was taken and could not be sent is due again, each at its place. */
  giveBack(readings: readonly KeptReading[]): void {
    const models = new Set<string>();
    for (const { model, number } of readings) {
      const entry = this.entries.get(number);
      if (!entry?.isOut) continue;
      entry.isOut = false;
      this.oneLessOut(model);
      this.lineOf(model).push(entry);
      models.add(model);
    }
    for (const model of models) {
      const left = this.lineOf(model).list((entry) => this.isDue(entry));
      const line = new Line();
      for (const entry of left.sort((a, b) => byNumber(a.reading, b.reading))) line.push(entry);
      this.due.set(model, line);
    }
  }

  /** `false` where it is gone already. */
  remove({ bytes, id, model, number }: KeptReading): boolean {
    const entry = this.entries.get(number);
    if (entry === undefined) return false;
    this.entries.delete(number);
    this.names.delete(nameOf(model, id));
    this.total -= bytes;
    if (entry.isOut) this.oneLessOut(model);
    if (!this.out.has(model) && this.lineOf(model).first((each) => this.isDue(each)) === null) {
      this.due.delete(model);
    }
    return true;
  }

  /** The oldest whose time is over and that are not out (those have a time-out of their own); removed. */
  expire(nowMs: number): KeptReading[] {
    const gone: KeptReading[] = [];
    for (;;) {
      const next = this.oldestDue();
      if (next === null || next.expiresMs > nowMs) return gone;
      this.remove(next.reading);
      gone.push(next.reading);
    }
  }

  /** When the next one is over that is not out; `null` where none is. */
  get nextExpiryMs(): number | null {
    return this.oldestDue()?.expiresMs ?? null;
  }

  /** `null` where it is gone. */
  expiryOf({ number }: KeptReading): number | null {
    return this.entries.get(number)?.expiresMs ?? null;
  }

  private oldestDue(): Entry | null {
    let oldest: Entry | null = null;
    for (const line of this.due.values()) {
      const first = line.first((entry) => this.isDue(entry));
      if (first && (oldest === null || first.reading.number < oldest.reading.number)) {
        oldest = first;
      }
    }
    return oldest;
  }

  private isHeld({ reading }: Entry): boolean {
    return this.entries.has(reading.number);
  }

  private isDue(entry: Entry): boolean {
    return !entry.isOut && this.isHeld(entry);
  }

  private lineOf(model: string): Line {
    const line = this.due.get(model) ?? new Line();
    this.due.set(model, line);
    return line;
  }

  private oneLessOut(model: string): void {
    const left = (this.out.get(model) ?? 0) - 1;
    if (left > 0) this.out.set(model, left);
    else this.out.delete(model);
  }
}

/** First come, first served. What has left is found out at the head: a Map slows down with its holes. */
class Line {
  private entries: Entry[] = [];
  private head = 0;

  push(entry: Entry): void {
    this.entries.push(entry);
  }

  /** The first that still counts; those before it never count again. */
  first(counts: (entry: Entry) => boolean): Entry | null {
    for (; this.head < this.entries.length; this.head += 1) {
      const entry = this.entries[this.head] as Entry;
      if (counts(entry)) return entry;
      if (this.head > 1000 && this.head > this.entries.length / 2) {
        this.entries = this.entries.slice(this.head);
        this.head = 0;
      }
    }
    this.entries = [];
    this.head = 0;
    return null;
  }

  list(counts: (entry: Entry) => boolean): Entry[] {
    return this.entries.slice(this.head).filter(counts);
  }
}

function byNumber(a: KeptReading, b: KeptReading): number {
  return a.number - b.number;
}

function nameOf(model: string, id: string): string {
  return `${model}/${id}`;
}
