// An interval that may begin anew all the time for nearly nothing, as the one of a keep-alive does.

/**
 * mqtt.js clears its keep-alive's timer and sets another with each acknowledgement. Here that only moves an
 * instant; the one real timer finds out when it rings whether it has rung too early.
 */
export class LazyInterval {
  private task: (() => void) | null = null;
  private everyMs = 0;
  private dueMs = 0;
  private timer: NodeJS.Timeout | null = null;
  /** When the real timer rings. */
  private ringsMs = 0;

  /** Begins: the task before, if any, is no longer called. */
  readonly set = (task: () => void, everyMs: number): number => {
    this.task = task;
    this.everyMs = everyMs;
    this.dueMs = performance.now() + everyMs;
    if (!this.timer || this.ringsMs > this.dueMs) this.arm();
    return 1;
  };

  /** Ends. A real timer that is under way keeps no process alive. */
  readonly clear = (): void => {
    this.task = null;
  };

  private arm(): void {
    if (this.timer) clearTimeout(this.timer);
    this.ringsMs = this.dueMs;
    this.timer = setTimeout(this.ring, this.dueMs - performance.now()).unref();
  }

  private readonly ring = (): void => {
    this.timer = null;
    const { task } = this;
    if (!task) return;
    const isDue = performance.now() >= this.dueMs - 1;
    // From now: after a long sleep of the machine one ring is due, not all that were missed.
    if (isDue) this.dueMs = performance.now() + this.everyMs;
    this.arm();
    if (isDue) task();
  };
}
