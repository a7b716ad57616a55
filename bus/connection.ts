// One network connection through mqtt.js: nothing outside this room knows the package.
import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt';
import { Acknowledger } from './acknowledger.ts';
import {
  clientOptions,
  DEFAULT_CONNECT_TIMEOUT_MS,
  DEFAULT_MAXIMUM_PACKET_BYTES,
} from './client-options.ts';
import { Outgoing, type Sendable } from './outgoing.ts';
import { PlainPublisher } from './plain-publisher.ts';
import { Subscriber, type SubscribeFailure } from './subscriber.ts';
import { tlsRefusalOf } from './tls-refusal.ts';
import { TurnWriter } from './turn-writer.ts';
import {
  type BusOptions,
  type Incoming,
  type Protocol,
  type PublishOptions,
  type PublishOutcome,
  type Subscription,
  TAKEN_OVER,
} from './types.ts';

/** Why a connection ended, as far as it can be told. */
export type Ending =
  /** The broker does not speak this version of MQTT. */
  | { readonly kind: 'version' }
  /** Closed after our CONNECT without a word: perhaps the version, perhaps a restart. */
  | { readonly kind: 'wordless' }
  /** The broker refuses who we are. */
  | { readonly kind: 'credentials'; readonly detail: string }
  /** One side does not trust the other's certificate. */
  | { readonly kind: 'certificate'; readonly detail: string; readonly remedy: string }
  | SubscribeFailure
  | { readonly kind: 'unreachable' | 'lost'; readonly detail: string };

interface ConnectionEvents {
  onMessage(message: Incoming): void;
  /** Connected, subscribed, and everything granted. */
  onReady(sessionPresent: boolean): void;
  /** Exactly once, after which nothing more comes. */
  onEnded(ending: Ending): void;
}

/** CONNACK codes that mean "not this version": 3.1.1's 1 and 5's 0x84. */
const VERSION_CODES = [1, 0x84];
/** CONNACK codes that mean "not you": 3.1.1's 2, 4, 5 and 5's 0x85, 0x86, 0x87, 0x8a, 0x8c. */
const CREDENTIAL_CODES = [2, 4, 5, 0x85, 0x86, 0x87, 0x8a, 0x8c];

/** One for all: an error made for each message would cost it a stack trace. */
const HELD = new Error('the acknowledgement is held');

export class Connection {
  private readonly options: BusOptions;
  private readonly protocol: Protocol;
  private readonly events: ConnectionEvents;
  private readonly client: MqttClient;
  private readonly writer: TurnWriter;
  private readonly acknowledger: Acknowledger;
  private readonly outgoing: Outgoing;
  private readonly plain: PlainPublisher;
  private readonly subscriber: Subscriber;
  private ready = false;
  private acknowledged = false;
  private opened = false;
  private sessionPresent = false;
  private closing = false;
  private ended = false;
  private failure: Ending | null = null;

  constructor(options: BusOptions, protocol: Protocol, events: ConnectionEvents) {
    this.options = options;
    this.protocol = protocol;
    this.events = events;
    this.client = mqtt.connect(options.url, clientOptions(options, protocol));
    this.writer = new TurnWriter((bytes, written) => this.client.stream.write(bytes, written));
    this.acknowledger = new Acknowledger((bytes) => this.writer.writeSoon(bytes));
    this.plain = new PlainPublisher(
      (bytes, written) => this.writer.write(bytes, written),
      this.client.messageIdProvider,
      protocol,
    );
    this.outgoing = new Outgoing(
      options.maximumPacketBytes ?? DEFAULT_MAXIMUM_PACKET_BYTES,
      (message) => this.send(message),
    );
    this.subscriber = new Subscriber({
      ask: (subscriptions) => this.ask(subscriptions),
      timeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      onFailure: (failure) => this.fail(failure),
    });
    this.listen();
  }

  /** True from the first grant on, also after the end. */
  get wasReady(): boolean {
    return this.ready;
  }

  get isReady(): boolean {
    return this.ready && !this.ended;
  }

  /**
   * From the CONNACK on: a resumed session brings readings before the SUBACK, whose answers must not be
   * refused for that. Not once it closes: what nobody waits for any more must not look sent.
   */
  get canPublish(): boolean {
    return this.acknowledged && !this.closing && !this.ended;
  }

  publish(
    topic: string,
    payload: Buffer,
    options: PublishOptions,
    settled: (outcome: PublishOutcome) => void,
  ): void {
    this.outgoing.publish(topic, payload, options, settled);
  }

  /** More subscriptions on the standing connection; false where it ends before they are granted. */
  join(subscriptions: readonly Subscription[]): Promise<boolean> {
    if (!this.isReady) return Promise.resolve(false);
    return new Promise((resolve) => this.subscriber.subscribe(subscriptions, resolve));
  }

  private ask(subscriptions: readonly Subscription[]): number {
    // So that a retained publish is seen as one, not only when it is delivered late (MQTT 5, 3.8.3.1).
    const asPublished = this.protocol === '5' ? { rap: true } : {};
    const wanted = Object.fromEntries(
      subscriptions.map(({ filter, qos }) => [filter, { qos, ...asPublished }]),
    );
    // The SUBACK itself is read in `listen`: mqtt.js does not report its codes the same way twice.
    this.client.subscribe(wanted, () => {});
    return this.client.getLastMessageId();
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    if (!this.isReady) return;
    await new Promise<void>((resolve) => {
      this.client.once('close', resolve);
      this.client.unsubscribe([...filters], () => {
        this.client.off('close', resolve);
        resolve();
      });
    });
  }

  /** Lets what is under way settle, then says DISCONNECT; the socket is gone after `timeoutMs`. */
  async close(endSession: boolean, timeoutMs: number): Promise<void> {
    if (this.ended) return;
    const deadline = performance.now() + timeoutMs;
    while (this.acknowledged && this.outgoing.pending > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.closing = true;
    // The last PUBACKs that may leave: what is not settled by now comes again with the session.
    this.acknowledger.flush();
    this.acknowledger.close();
    this.writer.flush();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(deadline - performance.now(), 100));
      this.client.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      const goodbye =
        endSession && this.protocol === '5' ? { properties: { sessionExpiryInterval: 0 } } : {};
      this.client.end(!this.acknowledged, goodbye);
    });
    this.client.stream.destroy();
    this.end({ kind: 'lost', detail: 'stopped' });
  }

  private listen(): void {
    const { client } = this;
    // mqtt.js would acknowledge at once. An error here makes it send no PUBACK and go on with the
    // next packet; bus.integration.test.ts fails where an upgrade changes that.
    client.handleMessage = (packet, done) => {
      done(packet.qos === 0 ? undefined : HELD);
    };
    client.on('message', (topic, payload, packet) => this.deliver(topic, payload, packet));
    client.stream.on('connect', () => {
      this.opened = true;
      this.quicken();
    });
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'puback') {
        this.plain.receive(packet.messageId ?? 0, packet.reasonCode);
      }
      // mqtt.js says `connect` some ticks later, and perhaps after the first of a resumed session's readings.
      if (packet.cmd === 'connack' && (packet.reasonCode ?? packet.returnCode) === 0) {
        this.acknowledged = true;
        this.outgoing.keepTo(packet.properties ?? {});
      }
      if (packet.cmd === 'suback') {
        this.subscriber.receive(packet.messageId ?? 0, packet.granted.map(Number));
      }
      if (packet.cmd === 'disconnect') {
        const { reasonCode = 0 } = packet as { reasonCode?: number };
        this.failure ??= {
          kind: 'lost',
          detail:
            reasonCode === 0x8e ? TAKEN_OVER : `the broker disconnected us (reason ${reasonCode})`,
        };
      }
    });
    client.on('connect', (packet) => {
      this.quicken();
      this.sessionPresent = packet.sessionPresent;
      this.subscriber.subscribe(this.options.subscriptions, (isGranted) => {
        if (!isGranted) return;
        this.ready = true;
        this.events.onReady(this.sessionPresent);
      });
    });
    client.on('error', (error) => this.onError(error));
    client.on('close', () => this.end(this.failure ?? this.silentEnding()));
  }

  private send({ topic, payload, options, acknowledged }: Sendable): void {
    const { correlationData, qos, responseTopic, retain = false } = options;
    const hasProperties = responseTopic !== undefined || correlationData !== undefined;
    if (!retain && !(hasProperties && this.protocol === '5')) {
      this.plain.publish(topic, payload, qos, acknowledged);
      return;
    }
    const properties = {
      ...(responseTopic !== undefined && { responseTopic }),
      ...(correlationData !== undefined && { correlationData }),
    };
    const more = hasProperties && this.protocol === '5' ? { properties } : {};
    this.writer.flush();
    this.client.publish(topic, payload, { qos, retain, ...more }, acknowledged);
  }

  private deliver(topic: string, payload: Buffer, packet: IPublishPacket): void {
    const settle = packet.qos === 0 ? () => {} : this.acknowledger.hold(packet.messageId ?? 0);
    const { properties } = packet;
    this.events.onMessage({
      topic,
      payload,
      qos: packet.qos === 0 ? 0 : 1,
      retain: packet.retain,
      dup: packet.dup,
      responseTopic: properties?.responseTopic,
      correlationData: properties?.correlationData,
      expirySeconds: properties?.messageExpiryInterval,
      settle,
    });
  }

  private onError(error: Error & { code?: number | string }): void {
    const { code } = error;
    const detail = describe(error);
    const refusal = this.acknowledged ? null : tlsRefusalOf(error);
    if (refusal) this.failure ??= { kind: 'certificate', ...refusal };
    if (!this.acknowledged && typeof code === 'number') {
      if (VERSION_CODES.includes(code)) this.failure ??= { kind: 'version' };
      else if (CREDENTIAL_CODES.includes(code)) this.failure ??= { kind: 'credentials', detail };
    }
    // After a frame that it cannot parse mqtt.js leaves the socket open and deaf.
    this.fail({ kind: this.acknowledged ? 'lost' : 'unreachable', detail });
  }

  private silentEnding(): Ending {
    if (this.acknowledged) return { kind: 'lost', detail: 'the connection was closed' };
    return this.opened ? { kind: 'wordless' } : { kind: 'unreachable', detail: 'no connection' };
  }

  private fail(ending: Ending): void {
    if (this.ended) return;
    this.failure ??= ending;
    this.client.stream.destroy();
    this.end(this.failure);
  }

  private end(ending: Ending): void {
    if (this.ended) return;
    this.ended = true;
    this.acknowledger.close();
    this.client.end(true);
    this.outgoing.lose();
    this.subscriber.close();
    this.events.onEnded(ending);
  }

  /** Nagle's algorithm would hold the answer back until the peer's delayed ACK: 44 ms. */
  private quicken(): void {
    const { stream } = this.client as {
      stream: { setNoDelay?: (on: boolean) => void; socket?: unknown; _socket?: unknown };
    };
    stream.setNoDelay?.(true);
    const inner = (
      stream.socket as { _socket?: { setNoDelay?: (on: boolean) => void } } | undefined
    )?._socket;
    inner?.setNoDelay?.(true);
  }
}

function describe(error: Error & { code?: number | string; errors?: Error[] }): string {
  // An address with several families fails with one error for each.
  return error.message || error.errors?.[0]?.message || String(error.code ?? 'unknown error');
}
