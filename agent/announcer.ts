// Tells the bus who we are: the retained status with its heartbeat, and the stats.
import type { Bus, LastWill, PublishOutcome } from '../bus/types.ts';
import { encodeMessage } from '../schemas/encode.ts';
import type { ModelReference, Stats, Status } from '../schemas/messages.ts';
import { buildTopic } from '../schemas/topics.ts';
import type { Books } from './books.ts';
import { type SelfCheckResult, unpublished } from './self-check.ts';

const HEARTBEAT_MS = 30_000;
const STATS_MS = 5_000;
/** At most one correction of our status in so long: a twin with our id must not start a shouting match. */
const CORRECTION_MS = 5_000;

interface AnnouncerOptions {
  readonly agent: string;
  readonly namespace: string;
  readonly group: string;
  readonly models: readonly ModelReference[];
  readonly epoch: string;
  readonly books: Books;
  readonly adoptions: NonNullable<Stats['adoptions']>;
  /** The processes that compute at the moment. */
  readonly workers: () => NonNullable<Stats['workers']>;
  readonly wallClock: () => number;
}

export class Announcer {
  private readonly options: AnnouncerOptions;
  private readonly statusTopic: string;
  private readonly statsTopic: string;
  private readonly startedMs: number;
  private bus: Bus | null = null;
  /** `null` until we have said something: what a former life left is not corrected before. */
  private state: Status['state'] | null = null;
  private reason = '';
  /** Runs for so long after a correction as there is no other. */
  private correction: NodeJS.Timeout | null = null;
  /** Something false was seen meanwhile. */
  private isFalse = false;
  private timers: NodeJS.Timeout[] = [];
  private readonly provers = new Set<() => void>();

  constructor(options: AnnouncerOptions) {
    const { agent, namespace } = options;
    this.options = options;
    this.statusTopic = buildTopic(namespace, { kind: 'status', agent });
    this.statsTopic = buildTopic(namespace, { kind: 'stats', agent });
    this.startedMs = options.wallClock();
  }

  /** What the broker says in our name when we are gone; it carries our epoch. */
  lastWill(): LastWill {
    const payload = this.encodeStatus('offline', 'connection lost');
    return { topic: this.statusTopic, payload, qos: 1, retain: true };
  }

  start(bus: Bus): void {
    this.bus = bus;
    this.timers = [
      setInterval(() => this.publishStatus(), HEARTBEAT_MS),
      setInterval(() => this.publishStats(), STATS_MS),
    ];
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    if (this.correction) clearTimeout(this.correction);
  }

  /** Publishes the status; with a state, from now on that one. Resolves when the broker has it. */
  announce(state: Status['state'], reason: string): Promise<void> {
    this.state = state;
    this.reason = reason;
    return new Promise((resolve) => this.publishStatus(() => resolve()));
  }

  /** Announces us as serving, and waits until that has come back: an acknowledgement proves no right. */
  prove(timeoutMs: number): Promise<SelfCheckResult> {
    this.state = 'online';
    this.reason = 'serving';
    return new Promise((resolve) => {
      const finish = (result: SelfCheckResult) => {
        clearTimeout(timer);
        this.provers.delete(isBack);
        resolve(result);
      };
      const timer = setTimeout(() => {
        const detail = `nothing came back on ${this.statusTopic} within ${timeoutMs} ms`;
        const missing = `publish to ${this.statusTopic}, and receive it`;
        finish({ ok: false, detail, missing });
      }, timeoutMs);
      const isBack = () => finish({ ok: true });
      this.provers.add(isBack);
      this.publishStatus((outcome) => {
        if (!outcome.ok) finish(unpublished(this.statusTopic, outcome));
      });
    });
  }

  /** A status of ours has come in. */
  see(seen: Status): void {
    if (!this.isCurrent(seen)) return;
    for (const isBack of this.provers) isBack();
  }

  /** A late will or a twin may say something else in our name: publish ours again. */
  correct(seen: Status): boolean {
    const isRight = this.state === null || this.isCurrent(seen);
    if (isRight || this.bus?.connected !== true) return false;
    if (this.correction) {
      this.isFalse = true;
      return false;
    }
    this.correction = setTimeout(() => {
      this.correction = null;
      // What came meanwhile stands, and would have us taken for away until the next heartbeat.
      if (this.isFalse) this.publishStatus();
      this.isFalse = false;
    }, CORRECTION_MS);
    this.publishStatus();
    return true;
  }

  publishStats(): void {
    const { adoptions, agent, books, epoch, models, wallClock } = this.options;
    const workers = this.options.workers();
    if (this.bus?.connected !== true) return;
    const nowMs = wallClock();
    const { rss, heapUsed } = process.memoryUsage();
    const stats: Stats = {
      agent,
      epoch,
      at: new Date(nowMs).toISOString(),
      uptimeSeconds: Math.max(0, Math.round((nowMs - this.startedMs) / 1000)),
      ...books.sample(nowMs),
      adoptions: { ...adoptions },
      ...(workers.length > 0 && { workers }),
      memory: { rssBytes: rss, heapUsedBytes: heapUsed },
      models: [...models],
    };
    this.bus.publish(this.statsTopic, encodeMessage(stats, 'json'), { qos: 0, retain: true });
  }

  private isCurrent(seen: Status): boolean {
    return seen.epoch === this.options.epoch && seen.state === this.state;
  }

  private publishStatus(done: (outcome: PublishOutcome) => void = () => {}): void {
    if (this.bus === null || this.state === null) {
      done({ ok: false, reason: 'not-connected', detail: 'not started' });
      return;
    }
    const payload = this.encodeStatus(this.state, this.reason);
    this.bus.publish(this.statusTopic, payload, { qos: 1, retain: true }, done);
  }

  private encodeStatus(state: Status['state'], reason: string): Buffer {
    const { agent, epoch, group, models, wallClock } = this.options;
    const status: Status = {
      state,
      reason,
      agent,
      epoch,
      heartbeatAt: new Date(wallClock()).toISOString(),
      protocol: this.bus?.protocol ?? '3.1.1',
      group,
      models: [...models],
    };
    return encodeMessage(status, 'json');
  }
}
