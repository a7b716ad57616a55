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
}

export class OutboxQueue {
  private readonly limits: QueueLimits;
  private readonly all = new Map<number, Entry>();
  private readonly byName = new Set<string>();
  /** By model: what is due, in order. */
  private readonly due = new Map<string, Map<number, KeptReading>>();
  private readonly out = new Map<string, number>();
  private total = 0;

  constructor(limits: QueueLimits) {
    this.limits = limits;
  }

  get count(): number {
    return this.all.size;
  }

  /** Of the payloads. */
  get bytes(): number {
    return this.total;
  }

  get oldest(): KeptReading | null {
    const [first] = this.all.values();
    return first?.reading ?? null;
  }

  has(model: string, id: string): boolean {
    return this.byName.has(nameOf(model, id));
  }

  /** Numbers must grow. */
  add(reading: KeptReading, expiresMs: number): void {
    const { bytes, id, model, number } = reading;
    this.all.set(number, { reading, expiresMs });
    this.byName.add(nameOf(model, id));
    const due = this.due.get(model) ?? new Map<number, KeptReading>();
    due.set(number, reading);
    this.due.set(model, due);
    this.total += bytes;
  }

  /**
   * The newest wins: what must go until the bounds hold, oldest first, and what is out only where
   * nothing else is left: its answer may be under way. All of it is removed.
   */
  overflow(): KeptReading[] {
    const gone: KeptReading[] = [];
    const { maxBytes, maxCount } = this.limits;
    while (this.all.size > 1 && (this.all.size > maxCount || this.total > maxBytes)) {
      const victim = this.oldestDue() ?? this.oldest;
      if (victim === null) break;
      this.remove(victim);
      gone.push(victim);
    }
    return gone;
  }

  /** Takes what is due, in order of capture, as far as its model is served and has room; it is out then. */
  take(isServed: (model: string) => boolean): KeptReading[] {
    const taken: KeptReading[] = [];
    for (const [model, due] of this.due) {
      let room = isServed(model) ? this.limits.maxOut - (this.out.get(model) ?? 0) : 0;
      for (const [number, reading] of due) {
        if (room <= 0) break;
        room -= 1;
        due.delete(number);
        taken.push(reading);
      }
    }
    for (const { model } of taken) this.out.set(model, (this.out.get(model) ?? 0) + 1);
    return taken.sort((a, b) => a.number - b.number);
  }

  /** What was taken and could not be sent is due again, each at its place. */
  giveBack(readings: readonly KeptReading[]): void {
    for (const model of new Set(readings.map((reading) => reading.model))) {
      const back = readings.filter(
        (reading) => reading.model === model && this.all.has(reading.number),
      );
      const due = [...back, ...(this.due.get(model)?.values() ?? [])];
      due.sort((a, b) => a.number - b.number);
      this.due.set(model, new Map(due.map((reading) => [reading.number, reading])));
      this.takeBackOut(model, back.length);
    }
  }

  /** `false` where it is gone already. */
  remove({ bytes, id, model, number }: KeptReading): boolean {
    if (!this.all.delete(number)) return false;
    this.byName.delete(nameOf(model, id));
    this.total -= bytes;
    const due = this.due.get(model);
    if (due?.delete(number)) {
      if (due.size === 0 && !this.out.has(model)) this.due.delete(model);
    } else {
      this.takeBackOut(model, 1);
    }
    return true;
  }

  /** The oldest whose time is over and that are not out (those have a time-out of their own); removed. */
  expire(nowMs: number): KeptReading[] {
    const gone: KeptReading[] = [];
    for (const { expiresMs, reading } of this.all.values()) {
      if (expiresMs > nowMs) break;
      if (this.due.get(reading.model)?.has(reading.number)) gone.push(reading);
    }
    for (const reading of gone) this.remove(reading);
    return gone;
  }

  /** When the next one is over that is not out; `null` where none is. */
  get nextExpiryMs(): number | null {
    const next = this.oldestDue();
    return next === null ? null : this.expiryOf(next);
  }

  expiryOf({ number }: KeptReading): number {
    return this.all.get(number)?.expiresMs ?? 0;
  }

  private oldestDue(): KeptReading | null {
    let oldest: KeptReading | null = null;
    for (const due of this.due.values()) {
      const [first] = due.values();
      if (first && (oldest === null || first.number < oldest.number)) oldest = first;
    }
    return oldest;
  }

  private takeBackOut(model: string, count: number): void {
    const left = (this.out.get(model) ?? 0) - count;
    if (left > 0) this.out.set(model, left);
    else this.out.delete(model);
    if (left <= 0 && this.due.get(model)?.size === 0) this.due.delete(model);
  }
}

function nameOf(model: string, id: string): string {
  return `${model}/${id}`;
}
