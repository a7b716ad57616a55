// Held acknowledgements of one connection: PUBACKs leave in the order of arrival, as soon as they may.

/** One message that waits for its PUBACK. */
interface Held {
  readonly messageId: number;
  settled: boolean;
}

/**
 * Holds back the PUBACKs of one network connection (MQTT-4.6.0-2: in the order of the PUBLISHes).
 * It dies with the connection, so that no acknowledgement ever reaches a later one.
 */
export class Acknowledger {
  private readonly write: (bytes: Buffer) => void;
  private held: Held[] = [];
  private head = 0;
  private scheduled = false;
  private closed = false;

  /** @param write puts bytes on the wire of this connection */
  constructor(write: (bytes: Buffer) => void) {
    this.write = write;
  }

  /** Takes note of an arrival; the function returned releases its PUBACK, once. */
  hold(messageId: number): () => void {
    const entry: Held = { messageId, settled: false };
    this.held.push(entry);
    return () => {
      entry.settled = true;
      if (this.scheduled || this.held[this.head] !== entry) return;
      this.scheduled = true;
      // What is settled in the same turn goes out in one piece.
      queueMicrotask(this.flushSoon);
    };
  }

  /** The connection is gone; nothing may be written any more. */
  close(): void {
    this.closed = true;
    this.held = [];
    this.head = 0;
  }

  private readonly flushSoon = (): void => this.flush();

  /** Writes the PUBACKs that may leave now. */
  flush(): void {
    this.scheduled = false;
    const first = this.head;
    while (this.held[this.head]?.settled) this.head += 1;
    if (this.closed || this.head === first) return;
    const bytes = Buffer.allocUnsafe((this.head - first) * 4);
    for (let index = first; index < this.head; index += 1) {
      const offset = (index - first) * 4;
      // PUBACK with two bytes of remaining length: success on 3.1.1 and on 5 alike.
      bytes.writeUInt16BE(0x4002, offset);
      bytes.writeUInt16BE((this.held[index] as Held).messageId, offset + 2);
    }
    if (this.head > 1024 || this.head === this.held.length) {
      this.held = this.held.slice(this.head);
      this.head = 0;
    }
    this.write(bytes);
  }
}
