// The messages that a shared subscription owes and nobody could take yet: in order, and bounded. No IO.
import type { Message } from './publish-packet.ts';

/** A message at QoS 1 that the group owes to somebody. `seq` orders them and names them in a journal. */
export interface OwedMessage extends Message {
  readonly seq: number;
}

export class OwedQueue {
  private messages: OwedMessage[] = [];
  /** Index of the first message that waits. */
  private head = 0;
  private bytes = 0;

  get length(): number {
    return this.messages.length - this.head;
  }

  get first(): OwedMessage | undefined {
    return this.messages[this.head];
  }

  /** False where one more message would be too many, or too many payload bytes. */
  hasRoom(
    message: Message,
    limits: { readonly messages: number; readonly bytes: number },
  ): boolean {
    return this.length < limits.messages && this.bytes + message.payload.length <= limits.bytes;
  }

  /** Behind all that wait; where it is older, `sort` brings it to its place. */
  push(message: OwedMessage): void {
    this.messages.push(message);
    this.bytes += message.payload.length;
  }

  /** Takes out the first. */
  shift(): void {
    const { first } = this;
    if (!first) return;
    this.bytes -= first.payload.length;
    this.head += 1;
    if (this.head > 1024 || this.length === 0) this.compact();
  }

  sort(): void {
    this.compact();
    this.messages.sort((a, b) => a.seq - b.seq);
  }

  *[Symbol.iterator](): Generator<OwedMessage> {
    for (let index = this.head; index < this.messages.length; index += 1) {
      const message = this.messages[index];
      if (message) yield message;
    }
  }

  private compact(): void {
    this.messages = this.messages.slice(this.head);
    this.head = 0;
  }
}
