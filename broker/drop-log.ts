// Says what was lost or cut off for want of room or sense: the first of each at once, then counts.
import type { Logger } from 'pino';
import { logText } from './log-text.ts';

export type DropReason =
  | 'group-queue-full'
  | 'group-no-members'
  | 'session-full'
  | 'retained-full'
  | 'subscriber-slow';

const INTERVAL_MS = 10_000;
const MAX_DISTINCT = 1000;

export class DropLog {
  private readonly log: Logger;
  private readonly now: () => number;
  private readonly counts = new Map<string, { reason: DropReason; who: string; count: number }>();
  private readonly ended = new Map<string, number>();
  private intervalStart: number;

  constructor(log: Logger, now: () => number = Date.now) {
    this.log = log;
    this.now = now;
    this.intervalStart = now();
  }

  /** @param who the shared subscription, the client id or the topic */
  dropped(reason: DropReason, who: string): void {
    this.rollOver();
    const key = `${reason} ${who}`;
    const known = this.counts.get(key);
    if (known) {
      known.count += 1;
    } else if (this.counts.size < MAX_DISTINCT) {
      this.counts.set(key, { reason, who, count: 0 });
      this.log.warn({ reason, who: logText(who), count: 1 }, 'message dropped');
    }
  }

  /** A connection that an error ended. */
  broken(
    who: { username: string | null; clientId: string | null; address: string | null },
    err: Error,
  ): void {
    this.rollOver();
    const key = `${who.username} ${err.message.slice(0, 60)}`;
    const count = this.ended.get(key) ?? 0;
    if (count === 0 && this.ended.size >= MAX_DISTINCT) return;
    this.ended.set(key, count + 1);
    const clientId = who.clientId === null ? null : logText(who.clientId);
    const detail = logText(err.message);
    if (count === 0) this.log.warn({ ...who, clientId, detail }, 'connection ended by an error');
  }

  /** Writes the counts of the interval that is over; called at the stop as well. */
  flush(): void {
    for (const { reason, who, count } of this.counts.values()) {
      if (count > 0) this.log.warn({ reason, who: logText(who), count }, 'messages dropped');
    }
    let count = 0;
    for (const times of this.ended.values()) count += times - 1;
    if (count > 0) this.log.warn({ count }, 'more connections ended by errors');
    this.counts.clear();
    this.ended.clear();
    this.intervalStart = this.now();
  }

  private rollOver(): void {
    if (this.now() - this.intervalStart >= INTERVAL_MS) this.flush();
  }
}
