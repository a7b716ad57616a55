// Adopts: answers what waits in the sessions of agents that are away, one at a time, and tells the bus.
import type { Logger } from 'pino';
import type { createBus } from '../bus/bus.ts';
import type { Bus, BusOptions, Incoming } from '../bus/types.ts';
import { decodeAdopting, encodeMessage } from '../schemas/encode.ts';
import type { Adopting, Stats, Status } from '../schemas/messages.ts';
import { SELF_CHECK_MODEL } from '../schemas/names.ts';
import { agentsFilter, buildTopic, parseTopic, sharedReadingsFilter } from '../schemas/topics.ts';
import { AdoptedSession, type SessionEnd } from './adopted-session.ts';
import { type Absent, Adoption, type AdoptionTimes, rendezvousHash } from './adoption.ts';

export interface AdoptionSettings extends AdoptionTimes {
  /** How long a session must bring nothing before it counts as empty. */
  readonly quietMs: number;
  /** How long a rival may take to announce itself. */
  readonly rivalMs: number;
}

export const DEFAULT_ADOPTION: AdoptionSettings = {
  graceMs: 10_000,
  freshMs: 75_000,
  drainingMs: 30_000,
  quietMs: 1_000,
  rivalMs: 500,
};

const STALL_MS = 30_000;
/** So often the broker may give us our own id in place of another's, before we believe that it always does. */
const MOST_DISPLACED = 2;

type Counts = NonNullable<Stats['adoptions']>;

/** The adoption under way. */
interface Current {
  readonly absent: Absent;
  /** `null` until rivals have had their time. */
  session: AdoptedSession | null;
  /** Why we leave it; empty where we do not. */
  withdrawn: string;
  wake: () => void;
}

interface AdopterOptions {
  readonly self: string;
  readonly namespace: string;
  readonly group: string;
  readonly models: readonly string[];
  readonly settings: AdoptionSettings;
  readonly bus: Pick<BusOptions, 'url' | 'username' | 'password' | 'tls' | 'protocol'>;
  readonly createBus: typeof createBus;
  /** On our own connection. */
  readonly publish: Bus['publish'];
  readonly accept: (message: Incoming) => void;
  readonly proveOwn: () => Promise<boolean>;
  readonly log: Logger;
  /** Milliseconds of a clock that never steps. */
  readonly clock: () => number;
}

export class Adopter {
  readonly counts: Readonly<Counts>;
  private readonly options: AdopterOptions;
  private readonly adoption: Adoption;
  private readonly counted: Counts = {
    started: 0,
    finished: 0,
    stopped: 0,
    failed: 0,
    readings: 0,
  };
  private isServing = false;
  private displaced = 0;
  private timer: NodeJS.Timeout | undefined;
  private current: Current | null = null;
  private running: Promise<void> = Promise.resolve();

  constructor(options: AdopterOptions) {
    const { group, models, self, settings } = options;
    this.options = options;
    this.counts = this.counted;
    this.adoption = new Adoption({ self, group, models, times: settings });
  }

  /** False where it is switched off: by a grace of 0, or by a broker that gives nobody another's id. */
  get isOn(): boolean {
    return this.options.settings.graceMs > 0 && this.displaced < MOST_DISPLACED;
  }

  /** True where other live members of our group serve every one of our models. */
  get isCovered(): boolean {
    return this.adoption.isCovered(this.options.clock());
  }

  /** Our own connection stands, and we serve on it. */
  serving(): void {
    const { clock, settings } = this.options;
    if (!this.isOn) return;
    this.isServing = true;
    this.adoption.connected(clock());
    clearInterval(this.timer);
    const periodMs = Math.min(1000, Math.max(20, settings.graceMs / 10));
    this.timer = setInterval(() => this.look(), periodMs);
  }

  /** Our own connection is gone. */
  lost(): void {
    this.isServing = false;
    clearInterval(this.timer);
    this.adoption.disconnected();
    if (this.current?.session) this.current.session.ownConnectionLost();
    else this.withdraw('our own connection was lost');
  }

  /** Gives back what is under way; resolves when its connection is closed. */
  async stop(): Promise<void> {
    this.isServing = false;
    clearInterval(this.timer);
    this.withdraw('the adopter stops');
    await this.running;
  }

  /** A status of any agent has come in. */
  see(status: Status): void {
    const { clock } = this.options;
    this.adoption.record(status, clock());
    if (this.current && !this.adoption.isAway(this.current.absent, clock()))
      this.withdraw('the owner is back');
  }

  /** An announcement of any adopter has come in. */
  hear(topic: string, payload: Buffer): void {
    const { clock, namespace, self } = this.options;
    const parsed = parseTopic(namespace, topic);
    const heard = decodeAdopting(payload);
    if (heard === null || parsed?.kind !== 'adopting' || parsed.agent !== heard.adopter) return;
    if (heard.adopter === self) return;
    if (heard.state === 'finished') this.adoption.settle(heard);
    if (heard.state !== 'started') return;
    const { absent } = this.current ?? {};
    const hasPrecedence = rendezvousHash(heard.adopter, heard) > rendezvousHash(self, heard);
    const isRival = absent?.agent === heard.agent && absent.epoch === heard.epoch;
    if (hasPrecedence) {
      this.adoption.postpone(heard, clock());
      if (isRival) this.withdraw(`${heard.adopter} adopts it`);
    } else if (isRival) {
      this.announce(absent, 'started', 'we have precedence');
    }
  }

  private withdraw(reason: string): void {
    if (!this.current) return;
    this.current.withdrawn ||= reason;
    this.current.session?.giveBack(reason);
    this.current.wake();
  }

  private look(): void {
    if (this.current || !this.isServing || !this.isOn) return;
    const absent = this.adoption.due(this.options.clock());
    if (!absent) return;
    this.current = { absent, session: null, withdrawn: '', wake: () => {} };
    this.running = this.adopt(this.current).finally(() => {
      this.current = null;
    });
  }

  private async adopt(current: Current): Promise<void> {
    const { absent } = current;
    const { log, proveOwn, settings } = this.options;
    this.counted.started += 1;
    log.warn({ agent: absent.agent, epoch: absent.epoch }, 'adopting an agent that is away');
    this.announce(absent, 'started', 'away');
    const withdrawn = new Promise<void>((resolve) => {
      current.wake = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    const rivals = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, settings.rivalMs);
    });
    await Promise.race([rivals, withdrawn]);
    clearTimeout(timer);
    // Who does not hear itself misses the others' heartbeats too; connecting would throw out one that lives.
    const isHearing = current.withdrawn === '' && (await Promise.race([proveOwn(), withdrawn]));
    if (current.withdrawn || !isHearing) {
      const detail = current.withdrawn || 'our own connection does not answer';
      this.conclude(absent, { kind: 'given-back', detail }, 0);
      return;
    }
    const session = this.open(absent);
    current.session = session;
    // Who comes later, or would be next, hears that somebody sees to it.
    const again = setInterval(
      () => this.announce(absent, 'started', 'under way', session.readings),
      settings.graceMs / 2,
    );
    const end = await session.run();
    clearInterval(again);
    this.counted.readings += session.readings;
    this.conclude(absent, end, session.readings);
  }

  private open(absent: Absent): AdoptedSession {
    const { accept, bus, clock, group, models, namespace, proveOwn, self, settings } = this.options;
    const own = { client: absent.agent, model: SELF_CHECK_MODEL };
    return new AdoptedSession({
      bus: {
        ...bus,
        username: bus.username ?? self,
        clientId: absent.agent,
        cleanSession: false,
        subscriptions: [],
        reconnect: false,
      },
      createBus: this.options.createBus,
      filters: [
        ...absent.models.map((model) => sharedReadingsFilter(namespace, group, model)),
        buildTopic(namespace, { kind: 'reading', ...own }),
        buildTopic(namespace, { kind: 'reply', ...own }),
        agentsFilter(namespace, 'status'),
        agentsFilter(namespace, 'adopting'),
      ],
      quietMs: settings.quietMs,
      stallMs: STALL_MS,
      clock,
      sort: (topic) => {
        const parsed = parseTopic(namespace, topic);
        if (parsed?.kind !== 'reading' || parsed.model === SELF_CHECK_MODEL) return 'other';
        return models.includes(parsed.model) ? 'reading' : 'foreign';
      },
      accept,
      proveOwn,
    });
  }

  private conclude(absent: Absent, end: SessionEnd, readings: number): void {
    const { clock, log } = this.options;
    const { agent, epoch } = absent;
    const about = { agent, epoch, readings };
    if (end.kind === 'emptied') {
      this.counted.finished += 1;
      this.adoption.settle(absent);
      log.info(about, 'adoption finished');
      this.announce(absent, 'finished', 'quiet', readings);
    } else if (end.kind === 'refused') {
      this.counted.failed += 1;
      this.adoption.settle(absent);
      const meaning = 'what waits for that agent waits for its return';
      log.error({ ...about, detail: end.detail, meaning }, 'adoption is impossible');
      this.announce(absent, 'failed', end.detail, readings);
    } else if (end.kind === 'displaced') {
      this.counted.failed += 1;
      this.adoption.postpone(absent, clock());
      this.displaced += 1;
      this.tellDisplaced();
      this.announce(absent, 'failed', 'the broker gives us no other id', readings);
    } else {
      this.counted.stopped += 1;
      this.adoption.postpone(absent, clock());
      log.info({ ...about, detail: end.detail }, 'adoption stopped');
      this.announce(absent, 'stopped', end.detail, readings);
    }
  }

  private tellDisplaced(): void {
    if (this.isOn) return;
    const meaning =
      'this listener gives every connection the client id of its user, so nobody can adopt here: what waits for an agent that is away waits for its return';
    const remedy =
      'let agents use a listener without use_username_as_clientid, or switch adoption off with ECHOLOT_ADOPT_AFTER=0';
    this.options.log.error({ meaning, remedy }, 'adoption is off');
  }

  private announce(
    { agent, epoch }: Absent,
    state: Adopting['state'],
    reason: string,
    readings = 0,
  ): void {
    const { namespace, publish, self } = this.options;
    const at = new Date().toISOString();
    const said: Adopting = { state, reason, adopter: self, agent, epoch, at, readings };
    const topic = buildTopic(namespace, { kind: 'adopting', agent: self });
    publish(topic, encodeMessage(said, 'json'), { qos: 1 });
  }
}
