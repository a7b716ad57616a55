// What is said in one go leaves in two writes: the first piece at once, the others together.

type Written = (error?: Error | null) => void;

/** Larger pieces are not copied to be joined with others. */
const MAX_JOINED_BYTES = 4096;
/** So much does not wait for more. */
const MAX_WAITING_BYTES = 16 * 1024;

/**
 * A write costs a system call and wakes the broker. A lone answer does not wait for company; the answers that
 * follow it before the microtasks are done share a write, and acknowledgements go along. Keeps the order of pieces.
 */
export class TurnWriter {
  private readonly put: (bytes: Buffer, written: Written) => void;
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private told: Written[] = [];
  /** Something was written already, and the microtasks are not done. */
  private isBusy = false;
  private turning: NodeJS.Immediate | null = null;

  /** @param put puts bytes on the wire, and says when the operating system has them */
  constructor(put: (bytes: Buffer, written: Written) => void) {
    this.put = put;
  }

  /** @param written called once the operating system has the bytes, or never will */
  write(bytes: Buffer, written?: Written): void {
    const isFirst = !this.isBusy;
    if (isFirst) {
      this.isBusy = true;
      // Microtasks run when all that came from the socket in one piece has been handled.
      queueMicrotask(this.endTurn);
      if (this.waitingBytes === 0) {
        this.put(bytes, written ?? ignore);
        return;
      }
    }
    if (bytes.length > MAX_JOINED_BYTES) {
      this.flush();
      this.put(bytes, written ?? ignore);
      return;
    }
    if (written) this.told.push(written);
    this.wait(bytes);
    if (isFirst) this.flush();
  }

  /** Writes what nobody waits for: with the next piece, and at the latest when the event loop turns. */
  writeSoon(bytes: Buffer): void {
    this.turning ??= setImmediate(this.turn);
    this.wait(bytes);
  }

  private wait(bytes: Buffer): void {
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    if (this.waitingBytes >= MAX_WAITING_BYTES) this.flush();
  }

  /** Writes what waits: before somebody else writes to the same wire. */
  flush(): void {
    if (this.waitingBytes === 0) return;
    const bytes = Buffer.concat(this.waiting, this.waitingBytes);
    const told = this.told;
    this.waiting.length = 0;
    this.waitingBytes = 0;
    this.told = [];
    this.put(bytes, told.length === 0 ? ignore : (error) => tell(told, error));
  }

  private readonly turn = (): void => {
    this.turning = null;
    this.flush();
  };

  private readonly endTurn = (): void => {
    this.isBusy = false;
    this.flush();
  };
}

function ignore(): void {}

function tell(told: readonly Written[], error?: Error | null): void {
  for (const written of told) written(error);
}
