// The session of an agent that is away, taken over for a moment: emptied into our own way, then ended.
import type { createBus } from '../bus/bus.ts';
import type { Bus, BusOptions, Incoming } from '../bus/types.ts';

export type SessionEnd =
  /** All that waited has been answered, and the session is ended. */
  | { readonly kind: 'emptied' }
  /** Another connection took the id: the owner is back, or the broker went away. */
  | { readonly kind: 'taken'; readonly detail: string }
  /** We gave it back ourselves, with all that is unanswered. */
  | { readonly kind: 'given-back'; readonly detail: string }
  /** The broker lets us not have this id. */
  | { readonly kind: 'refused'; readonly detail: string }
  /** The broker gave this connection our own id: it threw our own connection out. */
  | { readonly kind: 'displaced' };

interface AdoptedSessionOptions {
  /** Under the id of the agent that is away, to be connected once and without a will. */
  readonly bus: BusOptions;
  readonly createBus: typeof createBus;
  /** What the owner had subscribed to. */
  readonly filters: readonly string[];
  /** Nothing came, and nothing is unsettled, for so long: the session is empty. */
  readonly quietMs: number;
  /** Something is unsettled for so long and nothing happens: its answer is lost. */
  readonly stallMs: number;
  readonly clock: () => number;
  /** `foreign`: a reading that we cannot answer. `other`: nothing that anybody waits for. */
  readonly sort: (topic: string) => 'reading' | 'foreign' | 'other';
  /** Takes in a reading, to be settled once it is answered. */
  readonly accept: (message: Incoming) => void;
  /** True where our own connection works. */
  readonly proveOwn: () => Promise<boolean>;
}

/** One connection under a foreign id, from its CONNECT to its end. */
export class AdoptedSession {
  /** Readings that it has brought. */
  readings = 0;
  private readonly options: AdoptedSessionOptions;
  private readonly bus: Bus;
  private unsettled = 0;
  private activeMs = 0;
  private stage: 'opening' | 'proving' | 'emptying' = 'opening';
  private isOwnLost = false;
  private opened: () => void = () => {};
  private end: (end: SessionEnd) => void = () => {};
  private readonly ended: Promise<SessionEnd>;

  constructor(options: AdoptedSessionOptions) {
    this.options = options;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.bus = options.createBus(options.bus, {
      onMessage: (message) => this.receive(message),
      onReady: () => this.opened(),
      onLost: (detail) => this.end({ kind: 'taken', detail }),
      onUnreachable: (detail) => this.end({ kind: 'given-back', detail }),
      onRefused: ({ message }) => this.end({ kind: 'refused', detail: message }),
    });
  }

  /** Never rejects; when it resolves, the connection is closed. */
  async run(): Promise<SessionEnd> {
    const opened = new Promise<void>((resolve) => {
      this.opened = resolve;
    });
    this.bus.start();
    void opened.then(() => this.empty());
    const end = await this.ended;
    // On 3.1.1 a second, clean connection would end it, but might throw out the owner and what is his.
    const endSession = end.kind === 'emptied' && this.bus.protocol === '5';
    await this.bus.stop({ endSession, timeoutMs: 1000 });
    return end;
  }

  giveBack(detail: string): void {
    this.end({ kind: 'given-back', detail });
  }

  /** Our own connection is gone, and with it the way of the answers. */
  ownConnectionLost(): void {
    this.isOwnLost = true;
    if (this.stage === 'proving') this.end({ kind: 'displaced' });
    if (this.stage === 'emptying') this.giveBack('our own connection was lost');
  }

  private async empty(): Promise<void> {
    this.stage = 'proving';
    if (this.isOwnLost) {
      this.end({ kind: 'displaced' });
      return;
    }
    if (!(await this.options.proveOwn())) {
      this.giveBack('our own connection does not answer');
      return;
    }
    if (this.stage !== 'proving') return;
    this.stage = 'emptying';
    await this.bus.unsubscribe(this.options.filters);
    await this.quiet();
  }

  /** Resolves at the end of the session at the latest. */
  private async quiet(): Promise<void> {
    const { clock, quietMs, stallMs } = this.options;
    this.activeMs = clock();
    let isOver = false;
    void this.ended.then(() => {
      isOver = true;
    });
    while (!isOver) {
      const idleMs = clock() - this.activeMs;
      if (this.unsettled === 0 && idleMs >= quietMs) await this.endIfEmpty();
      else if (idleMs >= stallMs) this.giveBack('answers are missing');
      await new Promise((resolve) => setTimeout(resolve, quietMs / 5));
    }
  }

  /** Silence may be that of a network that stalls: the broker's word comes behind all that it had to send. */
  private async endIfEmpty(): Promise<void> {
    const { activeMs, readings } = this;
    await this.bus.unsubscribe(this.options.filters);
    const isEmpty =
      this.unsettled === 0 && this.readings === readings && this.activeMs === activeMs;
    if (isEmpty) this.end({ kind: 'emptied' });
  }

  private receive(message: Incoming): void {
    const sort = this.options.sort(message.topic);
    if (sort === 'other') {
      message.settle();
      return;
    }
    this.activeMs = this.options.clock();
    if (sort === 'foreign') {
      this.end({ kind: 'refused', detail: `nobody here serves what came on ${message.topic}` });
      return;
    }
    this.readings += 1;
    this.unsettled += 1;
    const settle = () => {
      this.unsettled -= 1;
      this.activeMs = this.options.clock();
      message.settle();
    };
    this.options.accept({ ...message, settle });
  }
}
