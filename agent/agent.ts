// The agent's life: how it starts, what it does at each connect and loss, and the reverse at the stop.
import { createBus } from '../bus/bus.ts';
import {
  type Bus,
  type BusOptions,
  type Protocol,
  type Subscription,
  TAKEN_OVER,
} from '../bus/types.ts';
import { agentsFilter, sharedReadingsFilter } from '../schemas/topics.ts';
import { AgentIdTakenError } from './evictions.ts';
import { runFirstCheck } from './first-check.ts';
import { type Health, isComputing } from './health.ts';
import { Inbound } from './inbound.ts';
import type { AgentOptions } from './options.ts';
import { SESSION_ENDED, SESSION_KEPT } from './goodbye.ts';
import { createParts, type Parts } from './parts.ts';

const SELF_CHECK_PERIOD_MS = 30_000;
const SELF_CHECK_TIMEOUT_MS = 5_000;

export interface StopOptions {
  /** Keep the session, so that readings wait for our return, even where others could serve them. */
  readonly keepSession?: boolean;
  /** End the session even where nobody else serves. */
  readonly leave?: boolean;
  /** How long what is in hand may take. Default 10,000. */
  readonly timeoutMs?: number;
}

interface Connected {
  readonly url: string;
  readonly protocol: Protocol;
  readonly sessionPresent: boolean;
}

/** A predictor: subscribed, answering, and known on the bus by its status. */
export class Agent {
  /** Resolves when the first self-check has come back and the birth is published. */
  readonly ready: Promise<void>;
  /** Rejects when the broker refuses us; the agent is then of no use. */
  readonly failed: Promise<never>;

  private readonly options: AgentOptions;
  private readonly parts: Parts;
  private readonly bus: Bus;
  private readonly inbound: Inbound;
  private readonly sharedFilters: readonly string[];
  private isReady = false;
  private isStopping = false;
  private isYielding = false;
  /** Counts losses: whatever awaits compares it before it acts. */
  private connection = 0;
  /** The session that we found at our first connection was of a former life, and may hold readings. */
  private isResumed = false;
  private checkTimer: NodeJS.Timeout | null = null;
  private resolveReady: () => void = () => {};
  private rejectFailed: (error: Error) => void = () => {};

  constructor(options: AgentOptions) {
    const { log } = options;
    this.options = options;
    this.ready = new Promise((resolve) => {
      this.resolveReady = resolve;
    });
    this.failed = new Promise((_, reject) => {
      this.rejectFailed = reject;
    });
    // Whoever waits for it is told; that nobody waits must not end the process.
    this.failed.catch(() => {});
    const parts = createParts(options, (topic, payload, how, settled) =>
      this.bus.publish(topic, payload, how, settled),
    );
    this.parts = parts;
    this.inbound = new Inbound(
      options,
      parts,
      () => this.yieldId(),
      (model) =>
        this.bus.unsubscribe([sharedReadingsFilter(options.namespace, options.group, model)]),
    );
    this.sharedFilters = [...parts.lanes.keys()].map((model) =>
      sharedReadingsFilter(options.namespace, options.group, model),
    );
    this.bus = createBus(this.busOptions(), {
      onMessage: (message) => this.inbound.take(message),
      onReady: ({ protocol, sessionPresent }) => {
        void this.onConnected({ url: options.bus.url, protocol, sessionPresent });
      },
      onLost: (detail) => {
        this.connection += 1;
        log.warn({ detail }, 'connection lost, trying again');
        this.parts.adopter.lost();
        if (this.parts.evictions.lost(detail === TAKEN_OVER, performance.now())) this.yieldId();
      },
      onUnreachable: (detail) =>
        log.warn({ url: options.bus.url, detail }, 'broker unreachable, trying again'),
      onRefused: (error) => this.rejectFailed(error),
    });
  }

  start(): void {
    this.bus.start();
    this.parts.announcer.start(this.bus);
    this.checkTimer = setInterval(() => void this.check(), SELF_CHECK_PERIOD_MS);
  }

  /** Proves what it can, through the broker where that is there. Never rejects; takes twice the time at most. */
  async health(timeoutMs: number): Promise<Health> {
    const { books, selfCheck } = this.parts;
    const { connection } = this;
    const isAnswered = this.bus.connected && (await selfCheck.ask(timeoutMs)).ok;
    const health: Health = {
      isConnected: this.bus.connected && connection === this.connection,
      isAnswered,
      isComputing: isAnswered || (await isComputing(this.options.classifiers[0], timeoutMs)),
      received: books.count,
      inHand: books.inHand,
    };
    this.options.log.debug(health, 'health');
    return health;
  }

  /** Answers what is in hand, says goodbye and leaves. Never rejects. */
  async stop(options: StopOptions = {}): Promise<void> {
    const { timeoutMs = 10_000 } = options;
    this.isStopping = true;
    await this.parts.adopter.stop();
    if (this.checkTimer) clearInterval(this.checkTimer);
    this.options.log.info({ inHand: this.parts.books.inHand }, 'draining');
    let isLate = false;
    const maySessionEnd =
      !this.isYielding &&
      (await within(
        timeoutMs,
        this.drain(options, () => isLate),
      ));
    isLate = true;
    this.parts.announcer.stop();
    this.parts.problems.flush();
    // What is still unanswered would end with the session.
    await this.bus.stop({ endSession: maySessionEnd, timeoutMs: 1000 });
    for (const lane of this.parts.lanes.values()) lane.close();
    await Promise.all(this.options.classifiers.map((classifier) => classifier.close()));
    this.options.log.info({ unanswered: this.parts.books.inHand }, 'stopped');
  }

  /**
   * True where the session may end: all that it had brought is answered on the connection that brought it.
   * @param isLate whether the time is over: what we say of the session would be wrong by then
   */
  private async drain(options: StopOptions, isLate: () => boolean): Promise<boolean> {
    const { connection } = this;
    let isEmpty = false;
    if (this.bus.connected) {
      await this.parts.announcer.announce('draining', 'stopping');
      if (await this.mayLeave(options)) {
        await this.bus.unsubscribe(this.sharedFilters);
        // What the broker had queued for us comes before our own fence.
        isEmpty = (await this.isHeard()) || options.leave === true || !this.isNeeded;
      } else {
        // What comes from now on stays unacknowledged, and so waits for our return or goes to a peer.
        this.inbound.close();
      }
    }
    await this.parts.predictor.drained();
    // What a lost connection took along waits in the session.
    const maySessionEnd = isEmpty && connection === this.connection;
    if (!this.bus.connected || isLate()) return maySessionEnd;
    this.parts.announcer.publishStats();
    await this.parts.announcer.announce('offline', maySessionEnd ? SESSION_ENDED : SESSION_KEPT);
    return maySessionEnd;
  }

  /** An agent that never served keeps no share for itself; what a former life left is another matter. */
  private get isNeeded(): boolean {
    return this.isReady || this.isResumed;
  }

  private async mayLeave({ keepSession = false, leave = false }: StopOptions): Promise<boolean> {
    if (leave || keepSession) return leave;
    if (!this.isNeeded) return true;
    const { adopter } = this.parts;
    // Others may be stopping too. Who has said so before us is heard by then, so that one of us all stays.
    return adopter.isCovered && (await this.isHeard()) && adopter.isCovered;
  }

  /** Our own question has come back, and before it all that the broker had for us. */
  private async isHeard(): Promise<boolean> {
    return (await this.parts.selfCheck.ask(SELF_CHECK_TIMEOUT_MS)).ok;
  }

  private busOptions(): BusOptions {
    const { agentId, bus, namespace } = this.options;
    const subscriptions: Subscription[] = [
      this.parts.selfCheck.readingTopic,
      this.parts.selfCheck.replyTopic,
      agentsFilter(namespace, 'status'),
      ...(this.parts.adopter.isOn ? [agentsFilter(namespace, 'adopting')] : []),
    ].map((filter) => ({ filter, qos: 1 }));
    return {
      ...bus,
      clientId: agentId,
      username: bus.username ?? agentId,
      cleanSession: false,
      will: this.parts.announcer.lastWill(),
      subscriptions,
    };
  }

  private async onConnected(connected: Connected): Promise<void> {
    const { log, group } = this.options;
    const { connection } = this;
    const isCurrent = () => connection === this.connection && !this.isStopping;
    if (this.isStopping) return;
    if (this.isReady) {
      log.info(connected, 'subscribed');
      await this.parts.announcer.announce('online', 'serving');
    } else {
      if (connection === 0) this.isResumed = connected.sessionPresent;
      if (!(await this.firstCheck(connected, isCurrent))) return;
      this.isReady = true;
    }
    if (!isCurrent()) return;
    this.parts.evictions.born(performance.now());
    this.parts.adopter.serving();
    this.parts.announcer.publishStats();
    log.info({ models: [...this.parts.lanes.keys()], group }, 'serving');
    this.resolveReady();
  }

  private async firstCheck(connected: Connected, isCurrent: () => boolean): Promise<boolean> {
    const { announcer, selfCheck } = this.parts;
    const { log, selfCheckTimeoutMs = SELF_CHECK_TIMEOUT_MS } = this.options;
    const result = await runFirstCheck(
      {
        ask: (timeoutMs) => selfCheck.ask(timeoutMs),
        join: async () => {
          const shares = this.sharedFilters.map((filter) => ({ filter, qos: 1 }) as const);
          const isJoined = await this.bus.subscribe(shares);
          if (isJoined) log.info(connected, 'subscribed');
          return isJoined;
        },
        announce: (timeoutMs) => announcer.prove(timeoutMs),
        isCurrent,
      },
      selfCheckTimeoutMs,
    );
    if (result instanceof Error) this.rejectFailed(result);
    return result === 'passed';
  }

  /** Another process has our id: whatever we say or end now would be said and ended in its name. */
  private yieldId(): void {
    this.isStopping = true;
    this.isYielding = true;
    this.rejectFailed(new AgentIdTakenError(this.options.agentId));
  }

  private async check(): Promise<void> {
    if (!this.isReady || !this.bus.connected) return;
    const result = await this.parts.selfCheck.ask(SELF_CHECK_TIMEOUT_MS);
    if (!result.ok) this.options.log.error({ detail: result.detail }, 'self-check failed');
  }
}

/** Starts an agent at once; `ready` and `failed` tell what became of it. */
export function startAgent(options: AgentOptions): Agent {
  const agent = new Agent(options);
  agent.start();
  return agent;
}

/** What the work comes to; false where it takes longer. */
async function within(timeoutMs: number, work: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const result = await Promise.race([work, limit]);
  clearTimeout(timer);
  return result;
}
