// How much came per second over the last ten: one counter per second, and no more memory than that.

const SECONDS = 10;

export class Rate {
  private readonly counts = Array.from({ length: SECONDS }, () => 0);
  private readonly startedMs: number;
  private second: number;

  constructor(nowMs: number) {
    this.startedMs = nowMs;
    this.second = Math.floor(nowMs / 1000);
  }

  add(count: number, nowMs: number): void {
    this.forget(nowMs);
    const at = this.second % SECONDS;
    this.counts[at] = (this.counts[at] ?? 0) + count;
  }

  perSecond(nowMs: number): number {
    this.forget(nowMs);
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    // The current second is still filling, and at the start there were not yet ten.
    const seconds = Math.min(SECONDS - 1 + (nowMs % 1000) / 1000, (nowMs - this.startedMs) / 1000);
    return total / Math.max(1, seconds);
  }

  private forget(nowMs: number): void {
    const now = Math.floor(nowMs / 1000);
    const gone = Math.min(SECONDS, now - this.second);
    for (let step = 1; step <= gone; step += 1) this.counts[(this.second + step) % SECONDS] = 0;
    this.second = Math.max(this.second, now);
  }
}
