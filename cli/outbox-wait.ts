// How long echolot outbox send waits: until nothing is left, or until that is not to be expected.

/** `silent`: no answer for too long. `offline`: the broker could not be reached at all. */
export type WaitEnd = 'done' | 'stopped' | 'offline' | 'silent' | 'refused';

/** Waits for the outbox to be empty, and knows when that is not to be expected. */
export class OutboxWait {
  private readonly timeoutMs: number;
  private readonly over: Promise<WaitEnd>;
  private resolve: (reason: WaitEnd) => void = () => {};
  private isEmpty: () => boolean = () => false;
  private timer: NodeJS.Timeout | undefined;
  private wasConnected = false;
  private isAway = false;
  private isWaiting = false;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.over = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  end(reason: WaitEnd): void {
    this.resolve(reason);
  }

  connected(): void {
    this.wasConnected = true;
    this.isAway = false;
  }

  /** Before the first connection: a device that is off-line. Later: a broker that comes back, perhaps. */
  unreachable(): void {
    this.isAway = !this.wasConnected;
    if (this.isAway && this.isWaiting) this.end('offline');
  }

  progress(): void {
    if (!this.isWaiting) return;
    if (this.isEmpty()) this.end('done');
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end('silent'), this.timeoutMs);
  }

  until(isEmpty: () => boolean): Promise<WaitEnd> {
    this.isEmpty = isEmpty;
    this.isWaiting = true;
    this.progress();
    if (this.isAway) this.end('offline');
    return this.over;
  }

  dispose(): void {
    clearTimeout(this.timer);
  }
}
