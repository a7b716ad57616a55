// The words of the public client: what it is told, what it does and what it answers.
import type { BrokerRefusedError, Protocol } from '../bus/types.ts';
import type { Encoding } from '../schemas/decode-reading.ts';
import type { ModelReference } from '../schemas/messages.ts';
import type { Problem } from '../schemas/problems.ts';
import type { LiveModel } from './live-models.ts';
import type { RowPrediction } from './read-answer.ts';

/** What `createClient` is told. Only `url` and `clientId` are needed. */
export interface ClientOptions {
  /** Where the broker listens: `mqtt://`, `mqtts://`, `ws://` or `wss://`, without a password in it. */
  readonly url: string;
  /** The client's name: its MQTT client id and its segment of the topics. */
  readonly clientId: string;
  /** Default: the client id. */
  readonly username?: string;
  readonly password?: string;
  /** A file whose first line is the password; read once, at creation. */
  readonly passwordFile?: string;
  /** First segment of every topic. Default `echolot`. */
  readonly namespace?: string;
  /** Whom to ask where a call names no model. Default `sonar`. */
  readonly model?: string;
  /** Readings that are published and not yet answered. Default 64. */
  readonly maxUnanswered?: number;
  /** Calls that may wait behind those; one more gets `OUTBOX_FULL`. Default 10000. */
  readonly maxWaiting?: number;
  /** Certificates in PEM: the authority to trust, and one's own where the broker asks for it. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  /** Default `auto`: MQTT 5 where the broker speaks it, else 3.1.1. */
  readonly protocol?: 'auto' | Protocol;
  /** Default `json`. `cbor` is smaller and faster, above all for batches in a Float32Array. */
  readonly encoding?: Encoding;
  /** How long the retained statuses may take after a connect before a model counts as unknown. Default 1000. */
  readonly discoveryMs?: number;
  /** The connection's life, and messages that were ignored. For logs; calls report for themselves. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** The outcome of each reading that was handed over with `publish`. */
  readonly onAnswer?: (outcome: PublishedOutcome) => void;
}

export interface CallOptions {
  /** From the call to the outcome, waiting included. Default 5000. */
  readonly timeoutMs?: number;
  /** Default: the client's model. */
  readonly model?: string;
  /** 1 to 64 printable ASCII characters, unique among the unanswered. Default: made here. */
  readonly id?: string;
  /** After this instant the answer is worthless. Only for devices with a synchronised clock. */
  readonly deadline?: Date | string;
  /** Gives the call up: its outcome is then `TIMEOUT`. */
  readonly signal?: AbortSignal;
}

export interface BatchOptions extends CallOptions {
  /** Numbers per row; needed with a Float32Array alone. */
  readonly width?: number;
}

export interface PublishOptions extends Omit<CallOptions, 'timeoutMs' | 'id' | 'deadline'> {
  /** How long the reading is kept and published again. Default 600000 (10 minutes). */
  readonly timeToLiveMs?: number;
}

/** A reading to hand over. */
export interface OutgoingReading {
  readonly values: ArrayLike<number>;
  readonly id?: string;
  readonly deadline?: Date | string;
}

/** The answer to one reading. */
export interface Prediction extends RowPrediction {
  readonly id: string;
  /** The model that answered: name, version, digest and runtime. */
  readonly model: ModelReference;
  /** The agent that answered. */
  readonly agent: string;
}

export type ClassifyResult =
  | { readonly ok: true; readonly prediction: Prediction }
  | { readonly ok: false; readonly problem: Problem };

export type BatchResult =
  | {
      readonly ok: true;
      readonly id: string;
      /** One per row, in order. */
      readonly predictions: readonly RowPrediction[];
      readonly model: ModelReference;
      readonly agent: string;
    }
  | { readonly ok: false; readonly problem: Problem };

export interface PublishedOutcome {
  readonly id: string;
  readonly model: string;
  readonly result: ClassifyResult;
}

export type ClientEvent =
  | { readonly type: 'connected'; readonly protocol: Protocol }
  /** Once per loss; the client comes back by itself. */
  | { readonly type: 'lost'; readonly detail: string }
  /** Once per outage; attempts go on. */
  | { readonly type: 'unreachable'; readonly detail: string }
  /** The broker refuses the client for good: the client has stopped, a person must act. */
  | { readonly type: 'refused'; readonly error: BrokerRefusedError }
  | {
      readonly type: 'ignored';
      readonly reason: 'malformed' | 'unasked' | 'retained' | 'foreign';
      readonly topic: string;
    };

/** Since the client was created. */
export interface ClientCounts {
  /** Readings published for the first time. */
  readonly published: number;
  /** Readings published again under the same id. */
  readonly repeated: number;
  /** Calls that ended with an answer, be it a problem. */
  readonly answered: number;
  /** Calls that ended without one. */
  readonly unanswered: number;
  /** Answers ignored: late, doubled, malformed, retained, or not for this client. */
  readonly ignored: number;
  /** Published and not yet answered, now. */
  readonly inFlight: number;
  /** Not yet published, now. */
  readonly waiting: number;
}

/** A connection to the broker, and everything that was asked over it. */
export interface Client {
  /**
   * Asks for the class of one reading. Resolves exactly once and never rejects: with a prediction, or
   * with a problem whose code is in the closed list. The reading is published again under the same id
   * until it is answered, and an `OVERLOADED` agent is asked again when it said, while time allows.
   * @param values as many numbers as the model has inputs
   */
  classify(values: ArrayLike<number>, options?: CallOptions): Promise<ClassifyResult>;
  /**
   * Asks for 1 to 4096 rows in one message, all or nothing.
   * @param rows arrays of numbers, or one Float32Array of rows × `width` numbers, row by row
   */
  classifyBatch(
    rows: readonly ArrayLike<number>[] | Float32Array,
    options?: BatchOptions,
  ): Promise<BatchResult>;
  /**
   * Hands a reading over: it is kept in memory until its answer arrives or its time to live is over,
   * and waits for a connection and for an agent that serves its model.
   */
  publish(reading: OutgoingReading, options?: PublishOptions): Promise<ClassifyResult>;
  /** The models that live agents serve now. Empty before the first connect. */
  models(): readonly LiveModel[];
  readonly connected: boolean;
  readonly counts: ClientCounts;
  /** Resolves if the broker refuses the client for good (exit 77); else it stays pending. */
  readonly failed: Promise<BrokerRefusedError>;
  /** Ends the connection; what is still unanswered gets `NOT_CONNECTED`. May be called again. */
  close(): Promise<void>;
}
