// The adapter to aedes: its hooks, and what it gets wrong made good.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import type { Logger } from 'pino';
import {
  addressOf,
  type ClientInternals,
  guardMessageIds,
  guardParser,
  isWritable,
  takeMessageId,
  write,
} from './aedes-client.ts';
import { Dispatcher } from './dispatcher.ts';
import type { DropLog } from './drop-log.ts';
import { type Access, CONNACK, type Gate, type LoginRequest } from './gate.ts';
import type { Journal } from './journal.ts';
import type { BrokerLimits } from './limits.ts';
import { logText } from './log-text.ts';
import { Persistence, type Will } from './persistence.ts';
import { mayBeRetained } from './policy.ts';
import { type Message, publishHeader } from './publish-packet.ts';
import type { Retained } from './retained.ts';
import { SessionFeeder } from './session-feeder.ts';
import type { QueuedPacket, Sessions } from './sessions.ts';
import { SharedGroups } from './shared-groups.ts';
import type { CertificateVerdict, TlsMaterial } from './tls-material.ts';

/** Where denied publishes go, so that they are acknowledged as any other: nobody can subscribe to it. */
const NOWHERE = '$denied';
const EMPTY = Buffer.alloc(0);

interface Packet {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
}

export interface AedesParts {
  readonly gate: Gate;
  readonly sessions: Sessions;
  readonly retained: Retained;
  readonly journal: Journal;
  readonly limits: BrokerLimits;
  readonly drops: DropLog;
  readonly log: Logger;
  /** By what client certificates are judged; `null` where no listener speaks TLS. */
  readonly tls: TlsMaterial | null;
}

/** An MQTT broker without listeners: connections are handed in. */
export class AedesBroker {
  readonly groups: SharedGroups<Client>;
  private readonly feeder: SessionFeeder<Client>;
  private readonly parts: AedesParts;
  private readonly aedes: Aedes;
  /** Everybody who is logged in, by connection. */
  private readonly accesses = new Map<Client, Access>();
  /** By username, for what waits for sessions. Emptied when the store changes. */
  private readonly owners = new Map<string, Access | null>();
  /** What a login needs from the CONNECT packet and aedes does not pass on. */
  private readonly connects = new WeakMap<Client, { clientId: string; clean: boolean }>();
  /** A socket forgets its address when it closes. */
  private readonly addresses = new WeakMap<Client, string | null>();
  /** The rights that a last will is judged by, after its connection has gone. */
  private readonly wasAllowed = new WeakMap<Client, Access>();

  constructor(parts: AedesParts) {
    this.parts = parts;
    const { limits } = parts;
    this.groups = new SharedGroups(limits.group, {
      send: (client, message, qos) => this.send(client as ClientInternals, message, qos),
      owed: (share, { payload, retain, seq, topic }) =>
        parts.journal.set(groupKey(seq), { share, topic, payload, retain }),
      settled: (seq) => parts.journal.set(groupKey(seq), null),
      dropped: (share, reason) => parts.drops.dropped(`group-${reason}`, share),
    });
    this.feeder = new SessionFeeder({
      pending: (client) => parts.sessions.pending(client.id),
      send: (client, packet) => this.sendQueued(client as ClientInternals, packet),
      isBusy: ({ conn }) => conn.writableLength > limits.bufferedBytes,
      onceDrained: ({ conn }, resume) => conn.once('drain', resume),
    });
    const mq = new Dispatcher<Packet>((packet) => this.groups.publish(packet, packet.qos));
    this.aedes = new Aedes({
      mq,
      persistence: this.createPersistence(),
      queueLimit: limits.packetsBeforeLogin,
      drainTimeout: limits.drainTimeoutMs,
      connectTimeout: limits.connectTimeoutMs,
      maxInflightInbound: limits.inflightInbound,
      preConnect: (client, packet, done) => {
        const { clean = true, clientId } = packet;
        this.connects.set(client, { clientId, clean });
        // Without a keepalive a dead peer would never be noticed (MQTT 3.1.1, 3.1.2.10 allows it).
        packet.keepalive = Math.min(packet.keepalive || Infinity, limits.keepaliveSeconds);
        done(null, true);
      },
      authenticate: (client, username, password, done) => {
        void this.authenticate(client, username, password, done);
      },
      authorizePublish: (client, packet, done) => {
        this.authorizePublish(client, packet as Packet);
        done(null);
      },
      authorizeSubscribe: (client, subscription, done) =>
        done(null, this.maySubscribe(client, subscription.topic) ? subscription : null),
      authorizeForward: (client, packet) =>
        this.mayForward(client, packet as Packet) ? packet : null,
    });
    this.keepRegistered();
    this.listen();
  }

  /** Begins: last wills of an earlier run are published first. */
  async start(wills: readonly { clientId: string; username: string; will: Will }[]): Promise<void> {
    await this.aedes.listen();
    for (const { clientId, username, will } of wills) {
      this.parts.journal.set(`w/${encodeURIComponent(clientId)}`, null);
      const access = this.parts.gate.accessOf(username, clientId);
      if (!access?.may('publish', will.topic)) continue;
      this.aedes.publish({ cmd: 'publish', dup: false, ...will, qos: will.qos as 0 }, () => {});
    }
  }

  /** Takes a connection of any kind. */
  handle(connection: Duplex, request?: IncomingMessage): void {
    const client = this.aedes.handle(connection, request) as ClientInternals;
    this.addresses.set(client, addressOf(connection, request));
    const { packetBytes, packetBytesBeforeLogin } = this.parts.limits;
    guardParser(client, () => (this.accesses.has(client) ? packetBytes : packetBytesBeforeLogin));
  }

  /** The store has changed: who is no longer who it logged in as goes, with its sessions. */
  storeChanged(): void {
    const { gate, log, sessions } = this.parts;
    this.owners.clear();
    for (const [client, access] of this.accesses) {
      if (gate.isCurrent(access)) continue;
      const { clientId, identity } = access;
      const who = { username: identity.name, clientId: logText(clientId) };
      log.info(who, 'connection closed: identity changed');
      client.close();
    }
    for (const id of sessions.idsWhere((owner) => gate.accessOf(owner, '') === null)) {
      this.endSession(id);
    }
  }

  /** The revocation list has changed: whose certificate counts no more goes; sessions stay. */
  certificatesChanged(): void {
    for (const [client, { clientId, identity }] of this.accesses) {
      const verdict = this.certificateOf(client);
      if (verdict.kind !== 'refused') continue;
      const who = { username: identity.name, clientId: logText(clientId) };
      this.parts.log.info({ ...who, reason: verdict.reason }, 'connection closed: certificate');
      client.close();
    }
  }

  endSession(clientId: string): void {
    this.parts.sessions.end(clientId);
    this.groups.endSession(clientId);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.aedes.close(resolve));
  }

  private listen(): void {
    const { parts } = this;
    this.aedes.on('client', (client) => {
      guardMessageIds(
        client as ClientInternals,
        (id) => this.groups.isInFlight(client, id) || parts.sessions.isInFlight(client.id, id),
      );
      if (client.closed) this.closeAgain(client);
    });
    this.aedes.on('clientReady', (client) => {
      if (client.closed) return;
      if (!client.clean) this.feeder.start(client);
      const { subscriptions } = client as unknown as {
        subscriptions: Record<string, { qos: number }>;
      };
      this.joinGroups(
        client,
        Object.entries(subscriptions).map(([topic, { qos }]) => ({ topic, qos })),
      );
    });
    this.aedes.on('subscribe', (subscriptions, client) => this.joinGroups(client, subscriptions));
    this.aedes.on('unsubscribe', (topics, client) => {
      // A close unsubscribes too; then what ends is the connection, below.
      if (!client.closed) for (const topic of topics) this.groups.leave(topic, client.id);
    });
    this.aedes.on('clientDisconnect', (client) => this.forget(client));
    const failed = (client: Client, err: Error) => {
      // Refused logins are logged by the gate.
      if ((err as { errorCode?: number }).errorCode !== undefined) return;
      // A message was on its way to someone who has just left; a clean goodbye is no error.
      if (err.message === 'connection closed') return;
      const access = this.wasAllowed.get(client);
      const who = { username: access?.identity.name ?? null, clientId: client.id ?? null };
      const address = this.addresses.get(client) ?? null;
      parts.drops.broken({ ...who, address }, err);
    };
    this.aedes.on('clientError', failed);
    this.aedes.on('connectionError', failed);
    (this.aedes as unknown as NodeJS.EventEmitter).on('error', (err: Error) =>
      parts.log.error({ err }, 'the broker failed inside'),
    );
  }

  private certificateOf(client: Client): CertificateVerdict {
    return this.parts.tls?.judge(client.req?.socket ?? client.conn) ?? { kind: 'none' };
  }

  /** aedes forgets whoever has the id of a connection that closes, though it were another's by now. */
  private keepRegistered(): void {
    const internals = this.aedes as unknown as { unregisterClient(client: Client): void };
    const unregister = internals.unregisterClient.bind(this.aedes);
    internals.unregisterClient = (client) => {
      if (this.isRegistered(client)) unregister(client);
      else this.forget(client);
    };
  }

  /** aedes registers a connection though it closed during its login, and never ends it: will, timers, id. */
  private closeAgain(client: Client): void {
    (client as { closed: boolean }).closed = false;
    client.close();
  }

  private isRegistered(client: Client): boolean {
    return this.clients()[client.id] === client;
  }

  private clients(): Record<string, Client | undefined> {
    return (this.aedes as unknown as { clients: Record<string, Client | undefined> }).clients;
  }

  private forget(client: Client): void {
    const access = this.accesses.get(client);
    this.accesses.delete(client);
    this.feeder.stop(client);
    const isKnown =
      access !== undefined && this.parts.gate.accessOf(access.identity.name, '') !== null;
    this.groups.disconnect(client, !client.clean && isKnown);
  }

  private joinGroups(client: Client, subscriptions: readonly { topic: string; qos: number }[]) {
    if (client.closed) return;
    for (const { topic, qos } of subscriptions) {
      if (!topic.startsWith('$share/') || qos > 2) continue;
      const member = { id: client.id, qos: qos === 0 ? 0 : 1, persistent: !client.clean } as const;
      this.groups.join(topic, client, member);
    }
  }

  private async authenticate(
    client: Client,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, isIn: boolean) => void,
  ): Promise<void> {
    const connect = this.connects.get(client);
    this.parts.tls?.refresh();
    const request: LoginRequest = {
      clientId: connect?.clientId ?? '',
      madeUpId: client.id,
      cleanSession: connect?.clean ?? true,
      username: username ?? null,
      password: password?.toString() ?? null,
      address: this.addresses.get(client) ?? null,
      certificate: this.certificateOf(client),
    };
    const login = await this.parts.gate.login(request).catch(() => null);
    // Gone while its password was checked: nothing would ever end what begins now.
    if (client.closed) return;
    if (!login?.ok) {
      const { reason = 'the login failed', returnCode = CONNACK.unavailable } = login ?? {};
      done(Object.assign(new Error(reason), { returnCode }), false);
      return;
    }
    const { access, clientId } = login;
    (client as { id: string }).id = clientId;
    this.accesses.set(client, access);
    this.wasAllowed.set(client, access);
    client.conn.once('close', () => {
      if (!this.isRegistered(client)) this.accesses.delete(client);
    });
    this.endForeignSession(access);
    done(null, true);
  }

  /** A session is resumed by its owner, or among predictors, which adopt. */
  private endForeignSession({ clientId, identity }: Access): void {
    const owner = this.parts.sessions.ownerOf(clientId);
    if (owner === null || owner === identity.name) return;
    const isAdoption =
      identity.role === 'predictor' &&
      this.parts.gate.accessOf(owner, '')?.identity.role === 'predictor';
    if (!isAdoption) this.endSession(clientId);
  }

  /** Called for publishes and for last wills alike. aedes would end the connection of who is denied. */
  private authorizePublish(client: Client | null, packet: Packet): void {
    const access = client && (this.accesses.get(client) ?? this.wasAllowed.get(client));
    if (access?.may('publish', packet.topic)) return;
    packet.topic = NOWHERE;
    packet.payload = EMPTY;
    packet.retain = false;
  }

  private maySubscribe(client: Client, filter: string): boolean {
    return this.accesses.get(client)?.may('subscribe', filter) ?? false;
  }

  private mayForward(client: Client, { qos, retain, topic }: Packet): boolean {
    const access = this.accesses.get(client);
    if (!access?.may('receive', topic)) return false;
    // What waits in a session goes out from there.
    if (!client.clean && qos > 0 && !retain && this.parts.sessions.keeps(client.id, topic)) {
      return false;
    }
    if (client.conn.writableLength <= this.parts.limits.bufferedBytes) return true;
    this.parts.drops.dropped('subscriber-slow', client.id);
    return false;
  }

  private mayReceiveLater(clientId: string, topic: string): boolean {
    const owner = this.parts.sessions.ownerOf(clientId);
    if (owner === null) return false;
    let access = this.owners.get(owner);
    if (access === undefined) {
      access = this.parts.gate.accessOf(owner, clientId);
      this.owners.set(owner, access);
    }
    return access?.allows('receive', topic) ?? false;
  }

  /** The way to a member of a group; see SharedGroups. */
  private send(client: ClientInternals, message: Message, qos: 0 | 1): number | null {
    if (!isWritable(client)) return null;
    if (qos === 0 && client.conn.writableLength > this.parts.limits.bufferedBytes) return null;
    const messageId = qos === 0 ? 0 : takeMessageId(client);
    write(client, [publishHeader(message, { qos, messageId, dup: false }), message.payload]);
    return messageId;
  }

  /** The way to the client of a session; see SessionFeeder. */
  private sendQueued(client: ClientInternals, packet: QueuedPacket): boolean {
    if (!isWritable(client)) return false;
    const { sessions } = this.parts;
    const messageId = packet.messageId ?? takeMessageId(client);
    if (packet.cmd === 'pubrel') {
      write(client, [Buffer.from([0x62, 2, messageId >> 8, messageId & 255])]);
    } else if (this.accesses.get(client)?.may('receive', packet.topic)) {
      const dup = packet.messageId !== undefined;
      sessions.update(client.id, { ...packet, messageId });
      write(client, [publishHeader(packet, { qos: packet.qos, messageId, dup }), packet.payload]);
    } else {
      sessions.update(client.id, { ...packet, messageId });
      sessions.acknowledge(client.id, messageId);
    }
    return true;
  }

  private createPersistence(): Persistence<Client> {
    const { drops, gate, journal, retained, sessions } = this.parts;
    return new Persistence<Client>({
      sessions,
      retained,
      journal,
      usernameOf: (client) => this.accesses.get(client)?.identity.name ?? null,
      maySubscribe: (client, filter) =>
        this.accesses.get(client)?.allows('subscribe', filter) ?? false,
      mayReceive: (clientId, topic) => this.mayReceiveLater(clientId, topic),
      mayRetain: (topic) => mayBeRetained(gate.policy, topic),
      sessionEnded: (clientId) => this.groups.endSession(clientId),
      acknowledgeShared: (client, messageId) => this.groups.acknowledge(client, messageId),
      hasLiveWill: (clientId, asking) => {
        const live = this.clients()[clientId] as ClientInternals | undefined;
        return live !== undefined && live !== asking && !live.closed && live.will !== null;
      },
      queued: (clientId, packet) => {
        const client = this.clients()[clientId];
        if (client && !client.clean) this.feeder.offer(client, packet);
      },
      dropped: (what, who) => drops.dropped(what, who),
    });
  }
}

function groupKey(seq: number): string {
  return `g/${String(seq).padStart(16, '0')}`;
}
