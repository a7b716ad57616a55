// Tells the bus who we are: the retained status with its heartbeat, and the stats.
import type { Bus, LastWill } from '../bus/types.ts';
import { encodeMessage } from '../schemas/encode.ts';
import type { ModelReference, Stats, Status } from '../schemas/messages.ts';
import { buildTopic } from '../schemas/topics.ts';
import type { Books } from './books.ts';

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
  readonly wallClock: () => number;
}

export class Announcer {
  private readonly options: AnnouncerOptions;
  private readonly statusTopic: string;
  private readonly statsTopic: string;
  private readonly startedMs: number;
  private bus: Bus | null = null;
  private state: Status['state'] = 'online';
  private reason = 'started';
  private correctedMs = Number.NEGATIVE_INFINITY;
  private timers: NodeJS.Timeout[] = [];

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
  }

  /** Publishes the status; with a state, from now on that one. Resolves when the broker has it. */
  announce(state: Status['state'], reason: string): Promise<void> {
    this.state = state;
    this.reason = reason;
    return new Promise((resolve) => this.publishStatus(resolve));
  }

  /** A late will or a twin may say something else in our name: publish ours again. */
  correct(seen: Status): boolean {
    const own = seen.epoch === this.options.epoch && seen.state === this.state;
    const nowMs = this.options.wallClock();
    if (own || this.bus?.connected !== true || nowMs - this.correctedMs < CORRECTION_MS)
      return false;
    this.correctedMs = nowMs;
    this.publishStatus();
    return true;
  }

  publishStats(): void {
    const { agent, books, epoch, models, wallClock } = this.options;
    if (this.bus?.connected !== true) return;
    const nowMs = wallClock();
    const { rss, heapUsed } = process.memoryUsage();
    const stats: Stats = {
      agent,
      epoch,
      at: new Date(nowMs).toISOString(),
      uptimeSeconds: Math.max(0, Math.round((nowMs - this.startedMs) / 1000)),
      ...books.sample(nowMs),
      memory: { rssBytes: rss, heapUsedBytes: heapUsed },
      models: [...models],
    };
    this.bus.publish(this.statsTopic, encodeMessage(stats, 'json'), { qos: 0, retain: true });
  }

  private publishStatus(done: () => void = () => {}): void {
    if (this.bus === null) done();
    else
      this.bus.publish(
        this.statusTopic,
        this.encodeStatus(this.state, this.reason),
        { qos: 1, retain: true },
        done,
      );
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
