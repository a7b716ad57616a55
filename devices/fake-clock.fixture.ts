// For tests: a clock that moves when it is told, and runs what falls due in order.
import type { Clock } from './clock.ts';

export class FakeClock implements Clock {
  private timeMs = 0;
  private readonly timers = new Set<{ dueMs: number; run: () => void }>();

  now = () => this.timeMs;
  random = () => 0;

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.timeMs + delayMs, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Timers that have not run and were not taken back. */
  get pending(): number {
    return this.timers.size;
  }

  /** Time passes and nothing runs, as in a process that is held up. */
  stall(ms: number): void {
    this.timeMs += ms;
  }

  /** Moves on, and lets promises settle after every timer. */
  async advance(ms: number): Promise<void> {
    const endMs = this.timeMs + ms;
    await settle();
    for (;;) {
      const [next] = [...this.timers]
        .filter(({ dueMs }) => dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.timers.delete(next);
      this.timeMs = Math.max(this.timeMs, next.dueMs);
      next.run();
      await settle();
    }
    this.timeMs = endMs;
  }
}

/** Lets everything run that waits for promises alone. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
