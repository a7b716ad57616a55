// What the rest of the program knows of MQTT: connections, messages and outcomes, and nothing of mqtt.js.

export type Qos = 0 | 1;
export type Protocol = '3.1.1' | '5';

export interface Subscription {
  readonly filter: string;
  readonly qos: Qos;
}

export interface LastWill {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
}

export interface BusOptions {
  /** mqtt://, mqtts://, ws:// or wss:// */
  readonly url: string;
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  /** `false` asks for a session that outlives the connection. */
  readonly cleanSession: boolean;
  /** MQTT 5: how long the broker keeps a session that is not clean. Default 3600. */
  readonly sessionExpirySeconds?: number;
  readonly keepaliveSeconds?: number;
  /** Default `auto`: MQTT 5 where the broker speaks it, else 3.1.1. */
  readonly protocol?: 'auto' | Protocol;
  /** MQTT 5: how many unacknowledged QoS 1 messages the broker may send. */
  readonly receiveMaximum?: number;
  /** Larger publishes are refused here (`too-large`) and larger MQTT 5 deliveries by the broker. */
  readonly maximumPacketBytes?: number;
  readonly will?: LastWill;
  /** Sent again at every connect; what is granted is checked every time. */
  readonly subscriptions: readonly Subscription[];
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly connectTimeoutMs?: number;
  /** How long a broker that once took us may refuse us before the bus gives up. Default 60,000. */
  readonly refusalGraceMs?: number;
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
  /** `false`: the first loss or failed attempt is the end, told once; nothing is tried again. */
  readonly reconnect?: boolean;
}

/** One message from the broker. */
export interface Incoming {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly dup: boolean;
  /** MQTT 5 properties, `undefined` on 3.1.1. */
  readonly responseTopic: string | undefined;
  readonly correlationData: Buffer | undefined;
  readonly expirySeconds: number | undefined;
  /**
   * Lets the PUBACK go. It leaves in the order of arrival (MQTT-4.6.0-2) and never on a later
   * connection than the one that brought the message. Calling it again, late or at QoS 0 does nothing.
   */
  settle(): void;
}

export interface PublishOptions {
  readonly qos: Qos;
  readonly retain?: boolean;
  readonly responseTopic?: string;
  readonly correlationData?: Buffer;
}

/**
 * `refused` is the broker's word (MQTT 5 reason ≥ 128); on 3.1.1 a denied publish looks successful.
 * `lost`: the connection ended before the acknowledgement; the message may or may not have arrived.
 * `congested`: the broker reads too slowly for more at QoS 0; the message was not sent.
 */
export type PublishOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason:
        | 'not-connected'
        | 'lost'
        | 'refused'
        | 'too-large'
        | 'topic-invalid'
        | 'congested';
      readonly detail: string;
    };

/** The detail of a loss where the broker says that another connection took our client id (MQTT 5). */
export const TAKEN_OVER = 'another connection took our client id';

export interface BusEvents {
  /** Attached before the first connection, so that no message comes too early. */
  onMessage(message: Incoming): void;
  /** Subscribed and granted: after every connect. */
  onReady(info: { readonly protocol: Protocol; readonly sessionPresent: boolean }): void;
  /** Once per loss, not once per failed attempt. `detail` says why, for the log. */
  onLost(detail: string): void;
  /** Once per outage: the first attempt that failed; attempts go on with back-off. */
  onUnreachable(detail: string): void;
  /**
   * The broker refuses us (wrong password, refused subscription): nothing that waiting would mend.
   * The bus has stopped. Raised at the first connect at once, later only after a grace time.
   */
  onRefused(error: BrokerRefusedError): void;
}

/** The broker refused the credentials or a subscription. A person must act; exit 77. */
export class BrokerRefusedError extends Error {
  readonly code = 'BROKER_REFUSED';
  readonly exitCode = 77;
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BrokerRefusedError';
    this.remedy = remedy;
  }
}

export interface Bus {
  /** Starts connecting, and returns at once; `onReady` tells when it stands. */
  start(): void;
  readonly connected: boolean;
  readonly protocol: Protocol | null;
  /** Never throws; `settled` is called exactly once, possibly before `publish` returns. */
  publish(
    topic: string,
    payload: Buffer,
    options: PublishOptions,
    settled?: (outcome: PublishOutcome) => void,
  ): void;
  /**
   * Adds subscriptions on the broker (and for later connects). Resolves with true when granted, with
   * false when lost before; what is refused raises `onRefused` at once.
   */
  subscribe(subscriptions: readonly Subscription[]): Promise<boolean>;
  /** Takes back subscriptions on the broker (and for later connects). Resolves when acknowledged or lost. */
  unsubscribe(filters: readonly string[]): Promise<void>;
  /** Disconnects after what was published is acknowledged (at most `timeoutMs`), and stays away.
   * `endSession`: the broker forgets the session. */
  stop(options?: { readonly endSession?: boolean; readonly timeoutMs?: number }): Promise<void>;
}
