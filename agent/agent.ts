// The agent's composition root: what it is made of, how it starts, and the reverse at the stop.
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { createBus } from '../bus/bus.ts';
import {
  type Bus,
  BrokerRefusedError,
  type BusOptions,
  type Incoming,
  type Subscription,
} from '../bus/types.ts';
import { decodeStatus } from '../schemas/encode.ts';
import { agentsFilter, parseTopic, sharedReadingsFilter } from '../schemas/topics.ts';
import { Announcer } from './announcer.ts';
import { Books } from './books.ts';
import type { Classifier } from './classifier.ts';
import type { IntakeLimits } from './intake.ts';
import { Lane } from './lane.ts';
import { Peers } from './peers.ts';
import { Predictor } from './predictor.ts';
import { ProblemLog } from './problem-log.ts';
import { SelfCheck } from './self-check.ts';

const SELF_CHECK_PERIOD_MS = 30_000;
const SELF_CHECK_TIMEOUT_MS = 5_000;
const SELF_CHECK_ATTEMPTS = 3;

export interface AgentLimits {
  /** Larger payloads are refused unread. */
  readonly maxPayloadBytes: number;
  /** Per model: what may wait before readings are answered OVERLOADED. */
  readonly intake: IntakeLimits;
  /** The most rows of one run of a model. */
  readonly batchRows: number;
}

export const DEFAULT_LIMITS: AgentLimits = {
  maxPayloadBytes: 2 * 1024 * 1024,
  intake: { rows: 16_384, bytes: 64 * 1024 * 1024 },
  batchRows: 1024,
};

export interface AgentOptions {
  readonly agentId: string;
  readonly bus: Pick<BusOptions, 'url' | 'username' | 'password' | 'tls' | 'protocol'>;
  /** One per model; the first also answers the self-check. */
  readonly classifiers: readonly [Classifier, ...Classifier[]];
  readonly namespace: string;
  readonly group: string;
  readonly log: Logger;
  readonly limits?: Partial<AgentLimits>;
}

export interface StopOptions {
  /** Keep the session, so that readings wait for our return, even where others could serve them. */
  readonly keepSession?: boolean;
  /** End the session even where nobody else serves. */
  readonly leave?: boolean;
  /** How long what is in hand may take. Default 10,000. */
  readonly timeoutMs?: number;
}

/** A predictor: subscribed, answering, and known on the bus by its status. */
export class Agent {
  /** Resolves when the first self-check has come back and the birth is published. */
  readonly ready: Promise<void>;
  /** Rejects when the broker refuses us; the agent is then of no use. */
  readonly failed: Promise<never>;

  private readonly options: AgentOptions;
  private readonly lanes: ReadonlyMap<string, Lane>;
  private readonly books: Books;
  private readonly peers: Peers;
  private readonly predictor: Predictor;
  private readonly selfCheck: SelfCheck;
  private readonly announcer: Announcer;
  private readonly problems: ProblemLog;
  private readonly bus: Bus;
  private readonly sharedFilters: readonly string[];
  private isReady = false;
  private accepting = true;
  private connection = 0;
  private checkTimer: NodeJS.Timeout | null = null;
  private resolveReady: () => void = () => {};
  private rejectFailed: (error: Error) => void = () => {};

  constructor(options: AgentOptions) {
    const { agentId, classifiers, group, log, namespace } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const clock = () => performance.now();
    const wallClock = () => Date.now();
    const self = options.bus.username ?? agentId;
    const publish: Bus['publish'] = (topic, payload, how, settled) =>
      this.bus.publish(topic, payload, how, settled);

    this.options = options;
    this.ready = new Promise((resolve) => {
      this.resolveReady = resolve;
    });
    this.failed = new Promise((_, reject) => {
      this.rejectFailed = reject;
    });
    // Whoever waits for it is told; that nobody waits must not end the process.
    this.failed.catch(() => {});
    this.books = new Books(wallClock());
    this.peers = new Peers(agentId);
    this.problems = new ProblemLog(log, clock);
    this.lanes = new Map(
      classifiers.map((classifier) => {
        const { batchRows, intake } = limits;
        const lane = new Lane({ classifier, limits: intake, batchRows, books: this.books, clock });
        return [classifier.model.name, lane];
      }),
    );
    this.predictor = new Predictor({
      agent: agentId,
      namespace,
      maxPayloadBytes: limits.maxPayloadBytes,
      books: this.books,
      publish,
      onProblem: (problem, client, error) => this.problems.record(problem, client, error),
      clock,
      wallClock,
    });
    const { maxPayloadBytes } = limits;
    const [classifier] = classifiers;
    this.selfCheck = new SelfCheck({
      agent: agentId,
      self,
      namespace,
      classifier,
      maxPayloadBytes,
      publish,
    });
    const models = classifiers.map((each) => each.model);
    const epoch = randomUUID();
    this.announcer = new Announcer({
      agent: agentId,
      namespace,
      group,
      models,
      epoch,
      books: this.books,
      wallClock,
    });
    this.sharedFilters = models.map((model) => sharedReadingsFilter(namespace, group, model.name));
    this.bus = createBus(this.busOptions(), {
      onMessage: (message) => this.route(message),
      onReady: ({ protocol, sessionPresent }) => {
        log.info({ url: options.bus.url, protocol, sessionPresent }, 'subscribed');
        void this.onConnected();
      },
      onLost: (detail) => {
        this.connection += 1;
        log.warn({ detail }, 'connection lost, trying again');
      },
      onUnreachable: (detail) =>
        log.warn({ url: options.bus.url, detail }, 'broker unreachable, trying again'),
      onRefused: (error) => this.rejectFailed(error),
    });
  }

  start(): void {
    this.bus.start();
    this.announcer.start(this.bus);
    this.checkTimer = setInterval(() => void this.check(), SELF_CHECK_PERIOD_MS);
  }

  /** Answers what is in hand, says goodbye and leaves. Never rejects. */
  async stop(options: StopOptions = {}): Promise<void> {
    const { keepSession = false, leave = false, timeoutMs = 10_000 } = options;
    const { group, log } = this.options;
    const names = [...this.lanes.keys()];
    const endSession = leave || (!keepSession && this.peers.cover(group, names, Date.now()));
    if (this.checkTimer) clearInterval(this.checkTimer);
    log.info({ endSession, inHand: this.books.inHand }, 'draining');
    await within(timeoutMs, this.drain(endSession));
    this.announcer.stop();
    this.problems.flush();
    await this.bus.stop({ endSession, timeoutMs: 1000 });
    await Promise.all(this.options.classifiers.map((classifier) => classifier.close()));
    log.info({ unanswered: this.books.inHand }, 'stopped');
  }

  private async drain(endSession: boolean): Promise<void> {
    if (this.bus.connected) {
      await this.announcer.announce('draining', 'stopping');
      if (endSession) {
        await this.bus.unsubscribe(this.sharedFilters);
        // What the broker had queued for us comes before our own fence.
        await this.selfCheck.ask(SELF_CHECK_TIMEOUT_MS);
      } else {
        // What comes from now on stays unacknowledged, and so waits for our return or goes to a peer.
        this.accepting = false;
      }
    }
    await this.predictor.drained();
    if (!this.bus.connected) return;
    this.announcer.publishStats();
    await this.announcer.announce('offline', 'stopped');
  }

  private busOptions(): BusOptions {
    const { agentId, bus, namespace } = this.options;
    const subscriptions: Subscription[] = [
      ...this.sharedFilters,
      this.selfCheck.readingTopic,
      this.selfCheck.replyTopic,
      agentsFilter(namespace, 'status'),
    ].map((filter) => ({ filter, qos: 1 }));
    return {
      ...bus,
      clientId: agentId,
      username: bus.username ?? agentId,
      cleanSession: false,
      will: this.announcer.lastWill(),
      subscriptions,
    };
  }

  private route(message: Incoming): void {
    if (message.topic === this.selfCheck.readingTopic) void this.selfCheck.answer(message);
    else if (message.topic === this.selfCheck.replyTopic) this.selfCheck.receive(message);
    else this.routeTopic(message);
  }

  private routeTopic(message: Incoming): void {
    const topic = parseTopic(this.options.namespace, message.topic);
    if (topic?.kind === 'status') {
      this.onStatus(message);
      return;
    }
    if (!this.accepting) return;
    const lane = topic?.kind === 'reading' ? this.lanes.get(topic.model) : undefined;
    if (topic?.kind === 'reading' && lane) this.predictor.accept(message, topic.client, lane);
    else this.predictor.acceptUnanswerable(message);
  }

  private onStatus(message: Incoming): void {
    message.settle();
    const status = decodeStatus(message.payload);
    if (status === null) return;
    this.peers.record(status, Date.now());
    const { agentId, log } = this.options;
    if (status.agent !== agentId || !this.isReady || !this.accepting) return;
    if (this.announcer.correct(status)) log.info({ seen: status.state }, 'own status corrected');
  }

  private async onConnected(): Promise<void> {
    if (!this.isReady) {
      if (!(await this.firstCheck())) return;
      this.isReady = true;
    }
    await this.announcer.announce('online', 'serving');
    this.announcer.publishStats();
    this.options.log.info({ models: [...this.lanes.keys()], group: this.options.group }, 'serving');
    this.resolveReady();
  }

  /** Proves rights and inference before we call ourselves online. */
  private async firstCheck(): Promise<boolean> {
    const { connection } = this;
    let detail = '';
    for (let attempt = 0; attempt < SELF_CHECK_ATTEMPTS; attempt += 1) {
      const result = await this.selfCheck.ask(SELF_CHECK_TIMEOUT_MS);
      if (result.ok) return true;
      // Another connection means another call of onConnected, which asks again.
      if (connection !== this.connection || !this.bus.connected) return false;
      detail = result.detail;
    }
    const { readingTopic, replyTopic } = this.selfCheck;
    const error = new BrokerRefusedError(
      `the self-check failed: ${detail}`,
      `let this identity publish and receive ${readingTopic} and ${replyTopic} (role predictor)`,
    );
    this.rejectFailed(error);
    return false;
  }

  private async check(): Promise<void> {
    if (!this.isReady || !this.bus.connected) return;
    const result = await this.selfCheck.ask(SELF_CHECK_TIMEOUT_MS);
    if (!result.ok) this.options.log.error({ detail: result.detail }, 'self-check failed');
  }
}

/** Starts an agent at once; `ready` and `failed` tell what became of it. */
export function startAgent(options: AgentOptions): Agent {
  const agent = new Agent(options);
  agent.start();
  return agent;
}

async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
