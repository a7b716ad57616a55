// Persistent sessions: their subscriptions and what waits for them, bounded. No IO but the journal.
import { matchesFilter } from '../schemas/filters.ts';
import type { Journal } from './journal.ts';
import { TopicTrie } from './topic-trie.ts';

export interface SessionSubscription {
  readonly topic: string;
  readonly qos: number;
}

/** A packet that waits for an acknowledgement: a PUBLISH, or the PUBREL that follows it at QoS 2. */
export interface QueuedPacket {
  readonly cmd: string;
  readonly brokerId: string;
  readonly brokerCounter: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly messageId?: number | undefined;
}

export interface SessionLimits {
  /** Messages that wait per session, and their payload bytes. */
  readonly queueMessages: number;
  readonly queueBytes: number;
}

interface Queued {
  readonly key: string;
  packet: QueuedPacket;
}

interface Session {
  readonly id: string;
  /** The username that subscribed. */
  owner: string;
  readonly subscriptions: Map<string, SessionSubscription>;
  /** In the order of arrival, by broker id and counter. */
  readonly queue: Map<string, Queued>;
  readonly byMessageId: Map<number, Queued>;
  bytes: number;
  /** The least QoS of its subscriptions. */
  leastQos: number;
}

export class Sessions {
  private readonly limits: SessionLimits;
  private readonly journal: Journal;
  private readonly sessions = new Map<string, Session>();
  private readonly byTopic = new TopicTrie<Session>();
  private lastSeq = 0;

  constructor(limits: SessionLimits, journal: Journal) {
    this.limits = limits;
    this.journal = journal;
  }

  ownerOf(id: string): string | null {
    return this.sessions.get(id)?.owner ?? null;
  }

  /** Client ids of the sessions of a username that `isMine` tells by. */
  idsWhere(isMine: (owner: string) => boolean): string[] {
    return [...this.sessions.values()].filter(({ owner }) => isMine(owner)).map(({ id }) => id);
  }

  subscribe(id: string, owner: string, subscriptions: readonly SessionSubscription[]): void {
    const session = this.sessions.get(id) ?? this.create(id, owner);
    session.owner = owner;
    for (const { topic, qos } of subscriptions) {
      session.subscriptions.set(topic, { topic, qos });
      if (qos > 0) this.byTopic.add(topic, session);
      else this.byTopic.remove(topic, session);
    }
    this.save(session);
  }

  unsubscribe(id: string, topics: readonly string[]): void {
    const session = this.sessions.get(id);
    if (!session) return;
    for (const topic of topics) {
      session.subscriptions.delete(topic);
      this.byTopic.remove(topic, session);
    }
    this.save(session);
  }

  subscriptions(id: string): SessionSubscription[] {
    return [...(this.sessions.get(id)?.subscriptions.values() ?? [])];
  }

  /** The sessions to which a topic goes at QoS 1 or 2, each once. */
  matching(topic: string): { clientId: string }[] {
    return [...this.byTopic.match(topic)].map(({ id }) => ({ clientId: id }));
  }

  end(id: string): void {
    const session = this.sessions.get(id);
    if (!session) return;
    for (const topic of session.subscriptions.keys()) this.byTopic.remove(topic, session);
    for (const { key } of session.queue.values()) this.journal.set(key, null);
    this.sessions.delete(id);
    this.journal.set(sessionKey(id), null);
  }

  /** The packet as it is kept; `null` where the queue has no room for it. */
  enqueue(id: string, offered: QueuedPacket): QueuedPacket | null {
    const session = this.sessions.get(id);
    if (!session) return null;
    const packet = offered.qos > 1 ? { ...offered, qos: grantedQos(session, offered) } : offered;
    const isFull =
      session.queue.size >= this.limits.queueMessages ||
      session.bytes + packet.payload.length > this.limits.queueBytes;
    if (isFull) return null;
    this.lastSeq += 1;
    const queued = { key: queueKey(id, this.lastSeq), packet };
    session.queue.set(nameOf(packet), queued);
    session.bytes += packet.payload.length;
    this.journal.set(queued.key, packet);
    return packet;
  }

  /** The packet goes out under this message id; a PUBREL replaces the PUBLISH of its id. */
  update(id: string, packet: Partial<QueuedPacket>): void {
    const session = this.sessions.get(id);
    const { messageId } = packet;
    if (!session || messageId === undefined) return;
    const queued = packet.brokerId
      ? session.queue.get(nameOf(packet))
      : session.byMessageId.get(messageId);
    if (!queued) return;
    const before = queued.packet.messageId;
    if (before !== undefined && before !== messageId) session.byMessageId.delete(before);
    const cmd = packet.cmd ?? queued.packet.cmd;
    queued.packet = { ...queued.packet, cmd, messageId };
    session.byMessageId.set(messageId, queued);
    this.journal.set(queued.key, queued.packet);
  }

  /** The packet of this message id is acknowledged. */
  acknowledge(id: string, messageId: number): QueuedPacket | null {
    const session = this.sessions.get(id);
    const queued = session?.byMessageId.get(messageId);
    if (!session || !queued) return null;
    session.byMessageId.delete(messageId);
    session.queue.delete(nameOf(queued.packet));
    session.bytes -= queued.packet.payload.length;
    this.journal.set(queued.key, null);
    return queued.packet;
  }

  isInFlight(id: string, messageId: number): boolean {
    return this.sessions.get(id)?.byMessageId.has(messageId) ?? false;
  }

  /** What waits, live: what comes in while it is read is read too. */
  *pending(id: string): Generator<QueuedPacket> {
    const session = this.sessions.get(id);
    if (session) for (const { packet } of session.queue.values()) yield packet;
  }

  /** True where what comes at QoS 1 or 2 to this topic waits in the session. */
  keeps(id: string, topic: string): boolean {
    const session = this.sessions.get(id);
    if (!session || session.subscriptions.size === 0) return false;
    if (session.leastQos > 0) return true;
    return this.byTopic.match(topic).has(session);
  }

  restoreSession(id: string, owner: string, subscriptions: readonly SessionSubscription[]): void {
    this.subscribe(id, owner, subscriptions);
  }

  restoreQueued(key: string, id: string, seq: number, packet: QueuedPacket): void {
    this.lastSeq = Math.max(this.lastSeq, seq);
    const session = this.sessions.get(id);
    if (!session) {
      this.journal.set(key, null);
      return;
    }
    const queued = { key, packet };
    session.queue.set(nameOf(packet), queued);
    session.bytes += packet.payload.length;
    if (packet.messageId !== undefined) session.byMessageId.set(packet.messageId, queued);
  }

  private create(id: string, owner: string): Session {
    const session: Session = {
      id,
      owner,
      subscriptions: new Map(),
      queue: new Map(),
      byMessageId: new Map(),
      bytes: 0,
      leastQos: 0,
    };
    this.sessions.set(id, session);
    return session;
  }

  private save(session: Session): void {
    if (session.subscriptions.size === 0 && session.queue.size === 0) {
      this.end(session.id);
      return;
    }
    const subscriptions = [...session.subscriptions.values()];
    session.leastQos = Math.min(...subscriptions.map(({ qos }) => qos));
    this.journal.set(sessionKey(session.id), { owner: session.owner, subscriptions });
  }
}

/** The highest QoS of the subscriptions that match (MQTT-3.3.5-1), at most that of the message. */
function grantedQos(session: Session, { qos, topic }: QueuedPacket): 1 | 2 {
  const granted = [...session.subscriptions.values()]
    .filter((each) => matchesFilter(each.topic, topic))
    .map((each) => each.qos);
  return Math.min(qos, Math.max(1, ...granted)) as 1 | 2;
}

function nameOf({ brokerId, brokerCounter }: Partial<QueuedPacket>): string {
  return `${brokerId}:${brokerCounter}`;
}

function sessionKey(id: string): string {
  return `s/${encodeURIComponent(id)}`;
}

function queueKey(id: string, seq: number): string {
  return `q/${encodeURIComponent(id)}/${String(seq).padStart(16, '0')}`;
}
