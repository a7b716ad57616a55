// The emitter that aedes delivers through: no publisher waits for a subscriber, and groups share.
import { TopicTrie } from './topic-trie.ts';

type Deliver<Packet> = (packet: Packet, done: () => void) => void;

/**
 * Stands in for mqemitter, which waits until every subscriber has taken a message, so that a frozen
 * one stalls everybody. Here nobody waits; what a slow subscriber may have outstanding is bounded
 * where its deliveries are authorised.
 */
export class Dispatcher<Packet extends { readonly topic: string }> {
  /** Part of mqemitter's interface. */
  readonly concurrency = 0;
  readonly current = 0;
  private readonly subscribers = new TopicTrie<Deliver<Packet>>();
  private readonly share: (packet: Packet) => void;
  private isClosed = false;

  /** @param share gets every packet once, after the ordinary subscribers */
  constructor(share: (packet: Packet) => void) {
    this.share = share;
  }

  on(filter: string, deliver: Deliver<Packet>, done?: () => void): this {
    this.subscribers.add(filter, deliver);
    if (done) setImmediate(done);
    return this;
  }

  removeListener(filter: string, deliver: Deliver<Packet>, done?: () => void): this {
    this.subscribers.remove(filter, deliver);
    if (done) setImmediate(done);
    return this;
  }

  emit(packet: Packet, done: (error?: Error) => void): this {
    if (this.isClosed) {
      process.nextTick(done, new Error('the broker is closed'));
      return this;
    }
    for (const deliver of this.subscribers.match(packet.topic)) deliver(packet, ignore);
    this.share(packet);
    // Never in the same turn: aedes would read on inside its own parser.
    process.nextTick(done);
    return this;
  }

  close(done: () => void): this {
    this.isClosed = true;
    setImmediate(done);
    return this;
  }
}

function ignore(): void {}
