// Somebody with a client's right and no good in mind: tries all that the rights forbid, and counts what it gets.
import { connect, type Socket } from 'node:net';
import { buildTopic, parseTopic, sharedReadingsFilter, topicRoot } from '../schemas/topics.ts';
import { CONNACK, type Frame, FrameCutter, readPublish } from './frames.ts';
import { connectPacket, pubackPacket, publishPacket, subscribePacket } from './hostile-packets.ts';

export interface IntruderOptions {
  /** `mqtt://host:port` of a listener that clients use. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly namespace: string;
  readonly group: string;
  readonly models: readonly string[];
  /** The clients under whose names it writes, and whose answers it would like to read. */
  readonly victims: readonly string[];
  /** An id that a victim may be waiting for; default: made up. */
  readonly guessId?: (victim: string) => string;
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
}

export interface Intruder {
  /**
   * What it tried (joinGroup, readOthers, forgeReply, forgeReading, forgeStatus, oversize, garbage), its
   * `connections`, and what it `received`; `receivedOfOthers` is what no client may ever see.
   */
  counts(): Record<string, number>;
  /** The topics of others on which something came, the first hundred. */
  readonly topicsOfOthers: ReadonlySet<string>;
  /** Leaves; its sockets are closed. */
  stop(): void;
}

const LONGEST_PAUSE_MS = 100;
const AGAIN_AFTER_MS = 100;
const OVERSIZE_BYTES = [70_000, 300_000, 2_000_000];
const GARBAGE_BYTES = 500;
const MAX_SOCKETS = 32;

/** Goes on until it is stopped, and comes back whenever the broker throws it out. */
export function startIntruder(options: IntruderOptions): Intruder {
  const intruder = new Attempts(options);
  intruder.enter();
  return {
    counts: () => ({ ...intruder.counts }),
    topicsOfOthers: intruder.topicsOfOthers,
    stop: () => intruder.stop(),
  };
}

class Attempts {
  readonly counts = {
    connections: 0,
    joinGroup: 0,
    readOthers: 0,
    forgeReply: 0,
    forgeReading: 0,
    forgeStatus: 0,
    oversize: 0,
    garbage: 0,
    received: 0,
    receivedOfOthers: 0,
  };
  readonly topicsOfOthers = new Set<string>();
  private readonly options: IntruderOptions;
  private readonly address: { readonly host: string; readonly port: number };
  private readonly root: string;
  private readonly sockets = new Set<Socket>();
  private readonly agents = new Set<string>();
  private packetId = 0;
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(options: IntruderOptions) {
    const { hostname, port } = new URL(options.url);
    this.options = options;
    this.address = { host: hostname, port: Number(port || 1883) };
    this.root = topicRoot(options.namespace);
  }

  enter(): void {
    const { password, username } = this.options;
    const socket = this.dial();
    const cutter = new FrameCutter(CONNACK);
    socket.write(connectPacket({ clientId: username, username, password }));
    socket.on('data', (chunk: Buffer) => {
      for (const frame of cutter.push(chunk)) this.take(socket, frame);
    });
    socket.once('close', () => {
      clearTimeout(this.timer);
      if (!this.isOver) this.timer = setTimeout(() => this.enter(), AGAIN_AFTER_MS);
    });
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    for (const socket of this.sockets) socket.destroy();
  }

  private dial(): Socket {
    const [oldest] = this.sockets;
    // A broker may wait for the rest of what is garbage.
    if (this.sockets.size >= MAX_SOCKETS) oldest?.destroy();
    const socket = connect(this.address);
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.sockets.delete(socket));
    return socket;
  }

  private take(socket: Socket, frame: Frame): void {
    if (frame.type === CONNACK && frame.bytes[3] === 0) {
      this.counts.connections += 1;
      this.listen(socket);
      this.goOn(socket);
      return;
    }
    const publish = readPublish(frame);
    if (publish === null) return;
    const { afterTopicAt, qos, topic } = publish;
    if (qos === 1) {
      socket.write(pubackPacket(frame.bytes.subarray(afterTopicAt, afterTopicAt + 2)));
    }
    this.counts.received += 1;
    const known = parseTopic(this.options.namespace, topic);
    if (known?.kind === 'status') this.agents.add(known.agent);
    else if (known?.kind !== 'reply' || known.client !== this.options.username) {
      this.counts.receivedOfOthers += 1;
      if (this.topicsOfOthers.size < 100) this.topicsOfOthers.add(topic);
    }
  }

  private listen(socket: Socket): void {
    const { group, models, namespace, username, victims } = this.options;
    const subscribe = (filter: string) => socket.write(subscribePacket(this.nextId(), filter));
    subscribe(`${this.root}/replies/${username}/+`);
    subscribe(`${this.root}/agents/+/status`);
    for (const model of models) {
      subscribe(sharedReadingsFilter(namespace, group, model));
      this.counts.joinGroup += 1;
    }
    const wide = ['#', '$SYS/#', `${this.root}/#`, `${this.root}/readings/#`, `$share/${group}/#`];
    const inboxes = victims.map((victim) => `${this.root}/replies/${victim}/+`);
    for (const filter of [...wide, `${this.root}/replies/+/+`, ...inboxes]) {
      subscribe(filter);
      this.counts.readOthers += 1;
    }
  }

  private goOn(socket: Socket): void {
    this.timer = setTimeout(() => {
      if (socket.destroyed) return;
      if (!socket.writableNeedDrain) this.tryOne(socket);
      this.goOn(socket);
    }, this.options.random() * LONGEST_PAUSE_MS);
  }

  private tryOne(socket: Socket): void {
    const { models, namespace, random, username, victims } = this.options;
    const client = this.pick(victims);
    const model = this.pick(models);
    if (client === undefined || model === undefined) return;
    const id = this.options.guessId?.(client) ?? `forged-${this.nextId()}`;
    const what = this.pick(['forgeReply', 'forgeReading', 'forgeStatus', 'oversize', 'garbage']);
    switch (what) {
      case 'forgeReply': {
        const answer = { id, label: 'forged', score: 1, scores: { forged: 1 }, agent: username };
        this.publish(socket, buildTopic(namespace, { kind: 'reply', client, model }), answer);
        break;
      }
      case 'forgeReading': {
        const topic = buildTopic(namespace, { kind: 'reading', client, model });
        this.publish(socket, topic, { id, values: Array(60).fill(0.5) });
        break;
      }
      case 'forgeStatus': {
        const agent = this.pick([...this.agents]) ?? 'nobody';
        const status = { state: 'offline', reason: 'forged', agent, epoch: 'forged', models: [] };
        this.publish(socket, buildTopic(namespace, { kind: 'status', agent }), status, true);
        break;
      }
      case 'oversize': {
        const topic = buildTopic(namespace, { kind: 'reading', client: username, model });
        const payload = Buffer.alloc(this.pick(OVERSIZE_BYTES) ?? 0, '[');
        socket.write(publishPacket({ topic, payload, retain: false }, null));
        break;
      }
      default:
        // On its own connection too, which it loses by that.
        (random() < 0.2 ? socket : this.dial()).write(this.garbage());
    }
    this.counts[what as 'garbage'] += 1;
  }

  private publish(socket: Socket, topic: string, message: object, retain = false): void {
    const payload = Buffer.from(JSON.stringify(message));
    const packetId = this.options.random() < 0.5 ? null : this.nextId();
    socket.write(publishPacket({ topic, payload, retain }, packetId));
  }

  private garbage(): Buffer {
    const { random } = this.options;
    const length = 1 + Math.floor(random() * GARBAGE_BYTES);
    return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
  }

  private pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.options.random() * items.length)];
  }

  private nextId(): number {
    this.packetId = (this.packetId % 65_535) + 1;
    return this.packetId;
  }
}
