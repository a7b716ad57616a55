// Says once who was refused what and why; counts what repeats, so that a flood cannot fill the disk.
import type { Logger } from 'pino';
import { logText } from './log-text.ts';

export interface Refusal {
  readonly verb: 'connect' | 'publish' | 'subscribe' | 'receive';
  readonly username: string | null;
  readonly clientId: string | null;
  readonly address: string | null;
  /** Topic or filter; `null` for a login. */
  readonly topic: string | null;
  readonly reason: string;
}

const WINDOW_MS = 60_000;
/** Different refusals logged per window; what comes beyond is counted. */
const MAX_DISTINCT = 1000;

export class RefusalLog {
  private readonly log: Logger;
  private readonly now: () => number;
  private windowStart: number;
  private readonly seen = new Map<string, { refusal: Refusal; suppressed: number }>();
  private beyond = 0;

  constructor(log: Logger, now: () => number = Date.now) {
    this.log = log;
    this.now = now;
    this.windowStart = now();
  }

  refused(refusal: Refusal): void {
    this.rollOver();
    const { verb, username, clientId, topic, reason } = refusal;
    const key = JSON.stringify([verb, username, clientId, textOf(topic), reason]);
    const known = this.seen.get(key);
    if (known) {
      known.suppressed += 1;
    } else if (this.seen.size >= MAX_DISTINCT) {
      this.beyond += 1;
    } else {
      this.seen.set(key, { refusal, suppressed: 0 });
      this.write(refusal);
    }
  }

  /** Writes the counts of the window that is over; called at the stop as well. */
  flush(): void {
    for (const { refusal, suppressed } of this.seen.values()) {
      if (suppressed > 0) this.write(refusal, suppressed);
    }
    if (this.beyond > 0) this.log.warn({ count: this.beyond }, 'more refusals than are logged');
    this.seen.clear();
    this.beyond = 0;
    this.windowStart = this.now();
  }

  private rollOver(): void {
    if (this.now() - this.windowStart >= WINDOW_MS) this.flush();
  }

  private write(refusal: Refusal, repeated?: number): void {
    const { verb, username, clientId, address, topic, reason } = refusal;
    const fields = {
      verb,
      username: textOf(username),
      clientId: textOf(clientId),
      address,
      ...(topic === null ? {} : { topic: textOf(topic) }),
      reason,
      ...(repeated === undefined ? {} : { repeated }),
    };
    this.log.warn(fields, 'refused');
  }
}

function textOf(text: string | null): string | null {
  return text === null ? null : logText(text);
}
