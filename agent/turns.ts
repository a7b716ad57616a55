// Turns of the event loop: runs in this process keep it from them, and pings and acknowledgements wait there.
import { setImmediate as nextTurn } from 'node:timers/promises';

/** So long may work go on without one. */
const TURN_MS = 10;

export class Turns {
  private readonly clock: () => number;
  /** Work in another process leaves this one its turns. */
  private readonly isInline: boolean;
  private turnedMs = 0;

  constructor(isInline: boolean, clock: () => number) {
    this.isInline = isInline;
    this.clock = clock;
  }

  /** There has just been one. */
  turned(nowMs: number): void {
    this.turnedMs = nowMs;
  }

  isDue(nowMs: number): boolean {
    return this.isInline && nowMs - this.turnedMs >= TURN_MS;
  }

  async takeIfDue(): Promise<void> {
    if (!this.isDue(this.clock())) return;
    await nextTurn();
    this.turned(this.clock());
  }
}
