// The bus: keeps one connection up, with back-off, and tells what the broker refuses.
import { isTopicName } from '../schemas/filters.ts';
import { Connection, type Ending } from './connection.ts';
import { certificateRemedy } from './tls-refusal.ts';
import {
  BrokerRefusedError,
  type Bus,
  type BusEvents,
  type BusOptions,
  type Protocol,
  type Subscription,
} from './types.ts';

const DEFAULT_BACKOFF = { firstMs: 200, maxMs: 10_000 };
/** How long a broker that once took us may refuse us before we believe it. */
const DEFAULT_REFUSAL_GRACE_MS = 60_000;

export function createBus(options: BusOptions, events: BusEvents): Bus {
  return new MqttBus(options, events);
}

class MqttBus implements Bus {
  private options: BusOptions;
  private readonly events: BusEvents;
  private connection: Connection | null = null;
  private version: Protocol;
  private versionIsKnown: boolean;
  private wasReady = false;
  private failures = 0;
  private outageTold = false;
  private refusedSinceMs: number | null = null;
  private stopped = false;
  /** How many calls of `subscribe` wait for their SUBACK. */
  private joining = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: BusOptions, events: BusEvents) {
    const { protocol = 'auto' } = options;
    this.options = options;
    this.events = events;
    this.version = protocol === '3.1.1' ? '3.1.1' : '5';
    this.versionIsKnown = protocol !== 'auto';
  }

  get connected(): boolean {
    return this.connection?.isReady ?? false;
  }

  get protocol(): Protocol | null {
    return this.wasReady ? this.version : null;
  }

  start(): void {
    this.connect();
  }

  publish: Bus['publish'] = (topic, payload, options, settled = () => {}) => {
    if (!isTopicName(topic)) {
      settled({
        ok: false,
        reason: 'topic-invalid',
        detail: 'the topic is empty or has a wildcard',
      });
    } else if (!this.connection?.canPublish) {
      settled({
        ok: false,
        reason: 'not-connected',
        detail: 'there is no connection to the broker',
      });
    } else {
      this.connection.publish(topic, payload, options, settled);
    }
  };

  async subscribe(subscriptions: readonly Subscription[]): Promise<boolean> {
    this.joining += 1;
    const isGranted = (await this.connection?.join(subscriptions)) ?? false;
    this.joining -= 1;
    if (isGranted) {
      const added = new Set(subscriptions.map(({ filter }) => filter));
      const others = this.options.subscriptions.filter(({ filter }) => !added.has(filter));
      this.options = { ...this.options, subscriptions: [...others, ...subscriptions] };
    }
    return isGranted;
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    const subscriptions = this.options.subscriptions.filter(
      ({ filter }) => !filters.includes(filter),
    );
    this.options = { ...this.options, subscriptions };
    await this.connection?.unsubscribe(filters);
  }

  async stop({ endSession = false, timeoutMs = 2000 } = {}): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const wasConnected = this.connected;
    await this.connection?.close(endSession, timeoutMs);
    if (endSession && wasConnected && this.version === '3.1.1' && !this.options.cleanSession) {
      await this.forgetSession(timeoutMs);
    }
  }

  /** On 3.1.1 only a connection with a clean session ends the session that was kept. */
  private async forgetSession(timeoutMs: number): Promise<void> {
    const { will: _, ...options } = this.options;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      const connection = new Connection(
        { ...options, cleanSession: true, subscriptions: [] },
        this.version,
        {
          onMessage: () => {},
          onReady: () => void connection.close(true, timeoutMs),
          onEnded: done,
        },
      );
    });
  }

  private connect(): void {
    const connection = new Connection(this.options, this.version, {
      onMessage: (message) => this.events.onMessage(message),
      onReady: (sessionPresent) => {
        this.wasReady = true;
        this.versionIsKnown = true;
        this.failures = 0;
        this.outageTold = false;
        this.refusedSinceMs = null;
        this.events.onReady({ protocol: this.version, sessionPresent });
      },
      onEnded: (ending) => {
        if (this.connection !== connection) return;
        this.connection = null;
        if (!this.stopped) this.onEnded(ending, connection.wasReady);
      },
    });
    this.connection = connection;
  }

  private onEnded(ending: Ending, wasReady: boolean): void {
    if (ending.kind === 'version' || ending.kind === 'wordless') {
      if (this.tryOtherVersion(ending.kind)) return;
    }
    const refusal = refusalOf(ending, this.options);
    if (refusal && this.giveUp(refusal)) return;
    const detail = refusal?.message ?? detailOf(ending);
    if (wasReady) {
      this.outageTold = true;
      this.events.onLost(detail);
    } else if (!this.outageTold) {
      this.outageTold = true;
      this.events.onUnreachable(detail);
    }
    this.retryLater();
  }

  /** The first attempt of an unknown broker is MQTT 5; a broker without it costs one quick attempt more. */
  private tryOtherVersion(kind: 'version' | 'wordless'): boolean {
    if (this.options.protocol !== undefined && this.options.protocol !== 'auto') return false;
    if (this.versionIsKnown && kind === 'wordless') return false;
    if (this.version === '3.1.1') {
      this.version = '5';
      return false;
    }
    this.version = '3.1.1';
    this.connect();
    return true;
  }

  private giveUp(refusal: BrokerRefusedError): boolean {
    const nowMs = performance.now();
    this.refusedSinceMs ??= nowMs;
    const graceMs = this.options.refusalGraceMs ?? DEFAULT_REFUSAL_GRACE_MS;
    const isNew = !this.wasReady || this.joining > 0 || this.options.reconnect === false;
    if (!isNew && nowMs - this.refusedSinceMs < graceMs) return false;
    this.stopped = true;
    this.events.onRefused(refusal);
    return true;
  }

  /** With jitter: two hundred agents must not come back in step. */
  private retryLater(): void {
    if (this.options.reconnect === false) return;
    const { firstMs, maxMs } = this.options.backoff ?? DEFAULT_BACKOFF;
    const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(this.failures, 16));
    this.failures += 1;
    this.timer = setTimeout(() => this.connect(), ceiling * (0.5 + Math.random() / 2));
  }
}

function refusalOf(ending: Ending, options: BusOptions): BrokerRefusedError | null {
  const { clientId, tls, username } = options;
  if (ending.kind === 'credentials') {
    return new BrokerRefusedError(
      `the broker refuses ${JSON.stringify(username ?? clientId)}: ${ending.detail}`,
      tls?.cert
        ? certificateRemedy(tls.cert)
        : 'check the username, the password file and the client id, and that the identity exists at the broker',
    );
  }
  if (ending.kind === 'certificate') {
    return new BrokerRefusedError(`${options.url}: ${ending.detail}`, ending.remedy);
  }
  if (ending.kind === 'subscription') {
    return new BrokerRefusedError(
      `the broker refuses the subscription to ${ending.filter}: ${ending.detail}`,
      'give this identity the right to receive it (for an agent role predictor with this model, for a watcher role operator)',
    );
  }
  return null;
}

function detailOf(ending: Ending): string {
  if (ending.kind === 'version') return 'the broker speaks neither MQTT 5 nor 3.1.1';
  if (ending.kind === 'wordless') return 'the broker closed the connection without a word';
  return ending.detail;
}
