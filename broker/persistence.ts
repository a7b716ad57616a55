// What aedes asks of a persistence, answered from sessions, retained messages and last wills.
import { Readable } from 'node:stream';
import type { Journal } from './journal.ts';
import type { Retained } from './retained.ts';
import type { QueuedPacket, Sessions, SessionSubscription } from './sessions.ts';

export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  readonly retain: boolean;
}

/** A client of aedes, or the `{ id }` that aedes makes of one. */
interface Who {
  readonly id: string;
}

export interface PersistenceParts<Client extends Who> {
  readonly sessions: Sessions;
  readonly retained: Retained;
  readonly journal: Journal;
  /** The username behind a client, `null` for one that is not logged in. */
  usernameOf(client: Client): string | null;
  /** False for subscriptions that were denied: aedes hands them in along with the others. */
  maySubscribe(client: Client, filter: string): boolean;
  /** False where the session's owner has lost the right since. */
  mayReceive(clientId: string, topic: string): boolean;
  mayRetain(topic: string): boolean;
  /** A session began anew: what its client id had before is gone. */
  sessionEnded(clientId: string): void;
  /** True where the id was that of a group's message. */
  acknowledgeShared(client: Client, messageId: number): boolean;
  /** A session has a message more. */
  queued(clientId: string, packet: QueuedPacket): void;
  /** The live client of this id has a will of its own. */
  hasLiveWill(clientId: string, asking: Who): boolean;
  dropped(what: 'retained-full' | 'session-full', who: string): void;
}

/** The methods are those of aedes-persistence; `async` throughout, as aedes demands. */
export class Persistence<Client extends Who> {
  private readonly parts: PersistenceParts<Client>;
  private readonly wills = new Map<string, { readonly username: string; readonly will: Will }>();
  private readonly incoming = new Map<string, Set<number>>();

  constructor(parts: PersistenceParts<Client>) {
    this.parts = parts;
  }

  async setup(): Promise<void> {}
  async destroy(): Promise<void> {}

  async storeRetained(packet: QueuedPacket): Promise<void> {
    const { topic } = packet;
    if (!this.parts.mayRetain(topic)) return;
    if (!this.parts.retained.store(packet)) this.parts.dropped('retained-full', topic);
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter]);
  }

  /** None for shared subscriptions (MQTT 5, 4.8.2): no topic matches a filter that begins `$share`. */
  createRetainedStreamCombi(filters: readonly string[]): Readable {
    const messages = this.parts.retained.matching(filters);
    return Readable.from(messages.map((message) => ({ ...message, cmd: 'publish', retain: true })));
  }

  async addSubscriptions(
    client: Client,
    subscriptions: readonly SessionSubscription[],
  ): Promise<void> {
    const username = this.parts.usernameOf(client);
    if (username === null) return;
    const granted = subscriptions.filter(({ topic }) => this.parts.maySubscribe(client, topic));
    if (granted.length > 0) this.parts.sessions.subscribe(client.id, username, granted);
  }

  async removeSubscriptions(client: Who, topics: readonly string[]): Promise<void> {
    this.parts.sessions.unsubscribe(client.id, topics);
  }

  async subscriptionsByClient(client: Who): Promise<SessionSubscription[]> {
    return this.parts.sessions.subscriptions(client.id);
  }

  async subscriptionsByTopic(topic: string): Promise<{ clientId: string }[]> {
    return this.parts.sessions.matching(topic);
  }

  /** Asked at a connect with a clean session: whatever was there ends. */
  async cleanSubscriptions(client: Who): Promise<void> {
    this.parts.sessions.end(client.id);
    this.parts.sessionEnded(client.id);
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    const ids = this.parts.sessions.idsWhere(() => true);
    return { subsCount: 0, clientsCount: ids.length };
  }

  async outgoingEnqueue(session: { clientId: string }, packet: QueuedPacket): Promise<void> {
    await this.outgoingEnqueueCombi([session], packet);
  }

  async outgoingEnqueueCombi(
    sessions: readonly { clientId: string }[],
    packet: QueuedPacket,
  ): Promise<void> {
    for (const { clientId } of sessions) {
      if (!this.parts.mayReceive(clientId, packet.topic)) continue;
      const { brokerCounter, brokerId, cmd, payload, qos, topic } = packet;
      const kept = { brokerCounter, brokerId, cmd, payload, qos, retain: false, topic };
      const queued = this.parts.sessions.enqueue(clientId, kept);
      if (queued) this.parts.queued(clientId, queued);
      else this.parts.dropped('session-full', clientId);
    }
  }

  async outgoingUpdate(client: Who, packet: Partial<QueuedPacket>): Promise<void> {
    this.parts.sessions.update(client.id, packet);
  }

  async outgoingClearMessageId(
    client: Client,
    packet: { messageId?: number },
  ): Promise<QueuedPacket | undefined> {
    const { messageId } = packet;
    // aedes asks so for a delivery that was denied; without the check another message would go.
    if (messageId === undefined) return undefined;
    if (this.parts.acknowledgeShared(client, messageId)) return undefined;
    return this.parts.sessions.acknowledge(client.id, messageId) ?? undefined;
  }

  /** Nothing: sessions are fed by SessionFeeder, in order, where aedes lets new messages overtake. */
  outgoingStream(): Readable {
    return Readable.from([]);
  }

  async incomingStorePacket(client: Who, packet: { messageId: number }): Promise<void> {
    const ids = this.incoming.get(client.id) ?? new Set();
    this.incoming.set(client.id, ids.add(packet.messageId));
  }

  async incomingGetPacket(client: Who, packet: { messageId: number }): Promise<object> {
    if (this.incoming.get(client.id)?.has(packet.messageId)) return packet;
    throw new Error('no such packet');
  }

  async incomingDelPacket(client: Who, packet: { messageId: number }): Promise<void> {
    const ids = this.incoming.get(client.id);
    ids?.delete(packet.messageId);
    if (ids?.size === 0) this.incoming.delete(client.id);
  }

  async cleanIncoming(client: Who): Promise<void> {
    this.incoming.delete(client.id);
  }

  async putWill(client: Client, will: Will): Promise<void> {
    const username = this.parts.usernameOf(client);
    if (username === null) return;
    const { payload, qos, retain, topic } = will;
    const kept = { username, will: { topic, payload: Buffer.from(payload ?? ''), qos, retain } };
    this.wills.set(client.id, kept);
    this.parts.journal.set(willKey(client.id), kept);
  }

  async getWill(client: Who): Promise<Will | undefined> {
    return this.wills.get(client.id)?.will;
  }

  async delWill(client: Who): Promise<Will | undefined> {
    const kept = this.wills.get(client.id);
    // After a takeover aedes deletes the old connection's will, by an id that is now the new one's.
    if (!kept || this.parts.hasLiveWill(client.id, client)) return undefined;
    this.wills.delete(client.id);
    this.parts.journal.set(willKey(client.id), null);
    return kept.will;
  }

  /** Wills of an earlier run are published at the start, not four heartbeats later. */
  streamWill(): Readable {
    return Readable.from([]);
  }

  getClientList(): Readable {
    return Readable.from([]);
  }
}

function willKey(clientId: string): string {
  return `w/${encodeURIComponent(clientId)}`;
}
