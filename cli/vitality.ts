// Whether an agent deserves to live on: a hung one does not; a broker that is away or slow is no fault of its own.
import type { Health } from '../agent/health.ts';

/**
 * So long may a connected agent hear nothing, not even from itself. A broker that has stopped is noticed by
 * the missing answer to a ping (keepalive 15 s) well before, and the agent is not connected any more.
 */
const DEAF_MS = 60_000;

/** Judges one report after the other. */
export class Vitality {
  private silentSinceMs: number | null = null;
  private received = 0;

  /** @param nowMs of a clock that only goes forward */
  judge(health: Health, nowMs: number): boolean {
    const isMoving = health.received > this.received;
    this.received = health.received;
    // Under load its own question waits behind the others', and those it gets.
    const isHearing = health.isAnswered || isMoving;
    if (isHearing || !health.isConnected) this.silentSinceMs = null;
    else this.silentSinceMs ??= nowMs;
    const isDeaf = this.silentSinceMs !== null && nowMs - this.silentSinceMs >= DEAF_MS;
    return health.isComputing && !isDeaf;
  }
}
