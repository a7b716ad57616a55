// Shared subscriptions whose messages belong to the group: who gets which, and what waits. No IO.
import { parseSharedFilter } from '../schemas/filters.ts';
import { type OwedMessage, OwedQueue } from './owed-queue.ts';
import type { Message } from './publish-packet.ts';
import { TopicTrie } from './topic-trie.ts';

export interface GroupLimits {
  /** Unacknowledged messages per member. */
  readonly window: number;
  /** Unacknowledged payload bytes per member; one message is always let through. */
  readonly windowBytes: number;
  /** Messages that wait per shared subscription, and their payload bytes. */
  readonly queueMessages: number;
  readonly queueBytes: number;
}

/** What the groups need from the network and the disk. */
export interface GroupPorts<Connection> {
  /** Writes the message; the message id at QoS 1, 0 at QoS 0, `null` where it cannot be taken now. */
  send(connection: Connection, message: Message, qos: 0 | 1): number | null;
  /** The message is owed from now on, by the subscription `$share/…`. */
  owed(share: string, message: OwedMessage): void;
  /** It is owed no more: acknowledged or dropped. */
  settled(seq: number): void;
  /** A message was lost: no room in the queue, or its last member has left. */
  dropped(share: string, reason: 'queue-full' | 'no-members'): void;
}

interface Member<Connection> {
  readonly id: string;
  readonly qos: 0 | 1;
  readonly persistent: boolean;
  /** `null` while away. */
  connection: Connection | null;
  inFlight: number;
  inFlightBytes: number;
}

interface Flight<Connection> {
  readonly share: string;
  readonly member: Member<Connection>;
  readonly message: OwedMessage;
}

interface Share<Connection> {
  readonly key: string;
  readonly filter: string;
  readonly members: Map<string, Member<Connection>>;
  /** The connected ones, in the order in which their turn comes. */
  present: Member<Connection>[];
  turn: number;
  readonly waiting: OwedQueue;
}

/**
 * Each message of a shared subscription goes to one member: in turn, as far as its window has room.
 * What a member has not acknowledged when its connection ends goes to another, or waits. A member
 * that unsubscribes gets nothing new and keeps what it holds until it acknowledges or disconnects,
 * so that an agent can drain. The newest message is dropped where the queue is full: what was
 * accepted keeps its place, and whoever gets no answer publishes again.
 */
export class SharedGroups<Connection> {
  private readonly limits: GroupLimits;
  private readonly ports: GroupPorts<Connection>;
  private readonly shares = new Map<string, Share<Connection>>();
  private readonly byTopic = new TopicTrie<Share<Connection>>();
  private readonly flights = new Map<Connection, Map<number, Flight<Connection>>>();
  private lastSeq = 0;

  constructor(limits: GroupLimits, ports: GroupPorts<Connection>) {
    this.limits = limits;
    this.ports = ports;
  }

  /** A member subscribes, or comes back. Total: what is no `$share/…` filter is ignored. */
  join(
    key: string,
    connection: Connection,
    who: { readonly id: string; readonly qos: 0 | 1; readonly persistent: boolean },
  ): void {
    const share = this.share(key);
    if (!share) return;
    const before = share.members.get(who.id);
    if (before?.connection === connection && before.qos === who.qos) return;
    const member: Member<Connection> = { ...who, connection, inFlight: 0, inFlightBytes: 0 };
    share.members.set(who.id, member);
    share.present = share.present.filter((present) => present !== before);
    share.present.push(member);
    this.pump(share);
  }

  /** A member unsubscribes. */
  leave(key: string, id: string): void {
    const share = this.shares.get(key);
    const member = share?.members.get(id);
    if (share && member) this.removeMember(share, member);
  }

  /** A connection is over. Members with `keepSession` are only away. */
  disconnect(connection: Connection, keepSession: boolean): void {
    const flights = this.flights.get(connection);
    this.flights.delete(connection);
    const touched = new Set<string>();
    for (const share of this.shares.values()) {
      for (const member of share.members.values()) {
        if (member.connection !== connection) continue;
        member.connection = null;
        share.present = share.present.filter((present) => present !== member);
        if (!keepSession || !member.persistent) share.members.delete(member.id);
        touched.add(share.key);
      }
    }
    for (const { share: key, message } of flights?.values() ?? []) {
      const share = this.shares.get(key);
      if (share) {
        share.waiting.push(message);
        touched.add(key);
      } else {
        this.drop(key, message.seq, 'no-members');
      }
    }
    for (const key of touched) {
      const share = this.shares.get(key);
      if (!share) continue;
      if (flights) share.waiting.sort();
      if (!this.removeIfEmpty(share)) this.pump(share);
    }
  }

  /** The session of a client id is over: it is no member any more, even as one that is away. */
  endSession(id: string): void {
    for (const share of this.shares.values()) {
      const member = share.members.get(id);
      if (member?.connection === null) this.removeMember(share, member);
    }
  }

  /** Publishes to every shared subscription that matches. */
  publish(message: Message, qos: number): void {
    for (const share of this.byTopic.match(message.topic)) {
      if (qos === 0) this.sendOnce(share, message);
      else this.owe(share, message);
    }
  }

  /** True where the id belongs to a message of a group. */
  acknowledge(connection: Connection, messageId: number): boolean {
    const flights = this.flights.get(connection);
    const flight = flights?.get(messageId);
    if (!flights || !flight) return false;
    flights.delete(messageId);
    flight.member.inFlight -= 1;
    flight.member.inFlightBytes -= flight.message.payload.length;
    this.ports.settled(flight.message.seq);
    const share = this.shares.get(flight.share);
    if (share && share.waiting.length > 0) this.pump(share);
    return true;
  }

  /** True while a message of a group goes by this id on the connection. */
  isInFlight(connection: Connection, messageId: number): boolean {
    return this.flights.get(connection)?.has(messageId) ?? false;
  }

  /** At the start: a member that was there before, and is away. */
  restoreMember(key: string, id: string, qos: 0 | 1): void {
    const member = { id, qos, persistent: true, connection: null, inFlight: 0, inFlightBytes: 0 };
    this.share(key)?.members.set(id, member);
  }

  /** At the start, after the members: a message that was owed. */
  restoreMessage(key: string, message: OwedMessage): void {
    this.lastSeq = Math.max(this.lastSeq, message.seq);
    const share = this.shares.get(key);
    if (!share) {
      this.drop(key, message.seq, 'no-members');
      return;
    }
    share.waiting.push(message);
    share.waiting.sort();
  }

  private owe(share: Share<Connection>, message: Message): void {
    if (!this.hasKeeper(share)) return;
    const { queueBytes, queueMessages } = this.limits;
    const isFull = !share.waiting.hasRoom(message, { messages: queueMessages, bytes: queueBytes });
    this.lastSeq += 1;
    const { topic, payload, retain } = message;
    const owed: OwedMessage = { topic, payload, retain, seq: this.lastSeq };
    if (share.waiting.length === 0) {
      this.ports.owed(share.key, owed);
      if (this.sendToOne(share, owed)) return;
    } else if (!isFull) {
      this.ports.owed(share.key, owed);
    }
    if (isFull) {
      this.drop(share.key, owed.seq, 'queue-full');
      return;
    }
    share.waiting.push(owed);
  }

  /** Somebody is there, or will come back for what was sent at QoS 1. */
  private hasKeeper(share: Share<Connection>): boolean {
    if (share.present.length > 0) return true;
    for (const member of share.members.values()) if (member.qos > 0) return true;
    return false;
  }

  private pump(share: Share<Connection>): void {
    let message = share.waiting.first;
    while (message && this.sendToOne(share, message)) {
      share.waiting.shift();
      message = share.waiting.first;
    }
  }

  /** One round over the members at most; false where none can take it. */
  private sendToOne(share: Share<Connection>, message: OwedMessage): boolean {
    const { present } = share;
    for (let tries = present.length; tries > 0; tries -= 1) {
      share.turn = (share.turn + 1) % present.length;
      const member = present[share.turn];
      if (member?.connection == null || !this.hasRoom(member, message)) continue;
      const messageId = this.ports.send(member.connection, message, member.qos);
      if (messageId === null) continue;
      if (member.qos === 0) this.ports.settled(message.seq);
      else this.fly(member.connection, messageId, { share: share.key, member, message });
      return true;
    }
    return false;
  }

  private sendOnce(share: Share<Connection>, message: Message): void {
    const { present } = share;
    for (let tries = present.length; tries > 0; tries -= 1) {
      share.turn = (share.turn + 1) % present.length;
      const connection = present[share.turn]?.connection;
      if (connection != null && this.ports.send(connection, message, 0) !== null) return;
    }
    if (present.length > 0) this.ports.dropped(share.key, 'queue-full');
  }

  private hasRoom(member: Member<Connection>, message: Message): boolean {
    if (member.inFlight === 0) return true;
    const bytes = member.inFlightBytes + message.payload.length;
    return member.inFlight < this.limits.window && bytes <= this.limits.windowBytes;
  }

  private fly(connection: Connection, messageId: number, flight: Flight<Connection>): void {
    let flights = this.flights.get(connection);
    if (!flights) {
      flights = new Map();
      this.flights.set(connection, flights);
    }
    flights.set(messageId, flight);
    flight.member.inFlight += 1;
    flight.member.inFlightBytes += flight.message.payload.length;
  }

  private share(key: string): Share<Connection> | null {
    const known = this.shares.get(key);
    if (known) return known;
    const filter = parseSharedFilter(key)?.filter;
    if (filter === undefined) return null;
    const share: Share<Connection> = {
      key,
      filter,
      members: new Map(),
      present: [],
      turn: 0,
      waiting: new OwedQueue(),
    };
    this.shares.set(key, share);
    this.byTopic.add(filter, share);
    return share;
  }

  private removeMember(share: Share<Connection>, member: Member<Connection>): void {
    share.members.delete(member.id);
    share.present = share.present.filter((present) => present !== member);
    this.removeIfEmpty(share);
  }

  private removeIfEmpty(share: Share<Connection>): boolean {
    if (share.members.size > 0) return false;
    this.shares.delete(share.key);
    this.byTopic.remove(share.filter, share);
    for (const { seq } of share.waiting) this.drop(share.key, seq, 'no-members');
    return true;
  }

  private drop(key: string, seq: number, reason: 'queue-full' | 'no-members'): void {
    this.ports.settled(seq);
    this.ports.dropped(key, reason);
  }
}
