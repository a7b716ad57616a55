// The words of the public client: what it is told, what it does and what it answers.
import type { BrokerRefusedError, Protocol } from '../bus/types.ts';
import type { Encoding } from '../schemas/decode-reading.ts';
import type { ModelReference } from '../schemas/messages.ts';
import type { Problem } from '../schemas/problems.ts';
import type { LiveModel } from './live-models.ts';
import type { OutboxError } from './outbox-error.ts';
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
  /** With it, it is the options of an `OutboxClient`. */
  readonly outbox?: undefined;
}

/** A client whose readings outlive its process: `publish` keeps them on disk. */
export interface OutboxClientOptions extends Omit<ClientOptions, 'outbox'> {
  readonly outbox: OutboxOptions;
  /**
   * The one outcome of each reading, of those too that an earlier process left. A reading is forgotten
   * when this has returned; where the process dies in between, the next one tells it once more.
   */
  readonly onAnswer?: (outcome: PublishedOutcome) => void;
}

/** Where readings are kept, and how many. Where one bound is reached the newest wins. */
export interface OutboxOptions {
  /** A folder of its own, made where it is missing; one process at a time uses it. */
  readonly folder: string;
  /** Readings. Default 100000. */
  readonly maxCount?: number;
  /** Of their payloads. Default 134217728 (128 MiB). */
  readonly maxBytes?: number;
  /** From capture to the outcome, by the wall clock where the process was restarted. Default 604800000 (7 days). */
  readonly maxAgeMs?: number;
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

/** Whether a reading was taken into the outbox. */
export type Acceptance =
  | { readonly ok: true; readonly id: string }
  | { readonly ok: false; readonly problem: Problem };

/** What an outbox holds and what it gave up; the latter since the client was created. */
export interface OutboxCounts {
  /** Readings without an outcome, now. */
  readonly kept: number;
  /** Of their payloads. */
  readonly bytes: number;
  /** When the oldest of them was captured. */
  readonly oldestAt: Date | null;
  /** Readings that made room for newer ones; their outcome is `OUTBOX_FULL`. */
  readonly dropped: number;
  /** Readings that became too old unanswered; their outcome is `TIMEOUT` or says what was missing. */
  readonly expired: number;
}

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
    }
  /** Records of the outbox could not be read and are lost; `detail` says what the database found. */
  | { readonly type: 'damaged'; readonly detail: string };

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
  /** With an outbox: what it holds. */
  readonly outbox?: OutboxCounts;
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

/** A client with a durable outbox. Everything but `publish` is as without. */
export interface OutboxClient extends Omit<Client, 'publish' | 'counts' | 'failed'> {
  /**
   * Hands a reading over for good: resolves once it is on the disk, synced, connected or not, and its
   * outcome comes by `onAnswer`. What is kept is published in order of capture, again under the same id
   * until it is answered, over restarts of the process too.
   * @returns the id, or why it was not taken: `OUTBOX_FULL` where the disk is full
   * @throws {OutboxError} the folder cannot be used
   */
  publish(reading: OutgoingReading, options?: Pick<PublishOptions, 'model'>): Promise<Acceptance>;
  /**
   * Resolves once the outbox is open.
   * @throws {OutboxError} the folder is used by another process, damaged, or no outbox
   */
  opened(): Promise<void>;
  readonly counts: ClientCounts & { readonly outbox: OutboxCounts };
  /** Resolves if the broker refuses the client for good (exit 77) or the folder cannot be used. */
  readonly failed: Promise<BrokerRefusedError | OutboxError>;
}
