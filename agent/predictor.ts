// A reading's way through the agent, in order: decode, recall, admit, classify, encode, publish, settle.
import type { Incoming, PublishOutcome, Qos } from '../bus/types.ts';
import {
  type DecodedReading,
  decodeReading,
  type Encoding,
  type InputLimits,
} from '../schemas/decode-reading.ts';
import type { AgentProblemCode, Problem } from '../schemas/problems.ts';
import { encodePrediction, encodeProblem } from './answers.ts';
import type { Books, Column } from './books.ts';
import type { Lane } from './lane.ts';
import { type Fingerprint, lazyFingerprint, type Repeats } from './repeats.ts';
import type { Route } from './routes.ts';

/** Publishes an answer; `settled` is called exactly once. */
export type PublishAnswer = (
  topic: string,
  payload: Buffer,
  options: { readonly qos: Qos; readonly correlationData?: Buffer },
  settled: (outcome: PublishOutcome) => void,
) => void;

/** Told of every refusal, for the log. */
export type OnProblem = (
  problem: Problem<AgentProblemCode>,
  client: string,
  error?: unknown,
) => void;

/** Told of every reading that leaves our hands, for the log. */
export type OnSettled = (
  reading: { readonly client: string; readonly id: string | null; readonly rows: number },
  column: Column,
  reply: PublishOutcome,
  durationMs: number,
) => void;

export interface PredictorOptions {
  readonly agent: string;
  readonly maxPayloadBytes: number;
  readonly books: Books;
  readonly repeats: Repeats;
  readonly publish: PublishAnswer;
  readonly onProblem: OnProblem;
  readonly onSettled: OnSettled;
  /** Milliseconds of a clock that never steps. */
  readonly clock: () => number;
  /** Milliseconds since 1970, for deadlines. */
  readonly wallClock: () => number;
}

/** Of a model that is not ours only the id can be read. */
const ANY_VALUES: InputLimits = { width: 1, minimum: -Infinity, maximum: Infinity };
/** By then we are out of its share. */
const FOREIGN: Problem<AgentProblemCode> = {
  code: 'OVERLOADED',
  detail: 'this agent does not serve the model any more: publish again after 1000 ms',
  retryAfterMs: 1000,
};

/** The options of most answers, by their QoS. */
const PLAIN = [{ qos: 0 }, { qos: 1 }] as const;

/** One delivery under way: what is needed to answer it once. */
interface Delivery {
  readonly message: Incoming;
  readonly client: string;
  readonly replyTopic: string;
  readonly arrivedMs: number;
  readonly rows: number;
  readonly id: string | null;
  readonly encoding: Encoding;
}

/** Answers every delivery once, with a prediction or with a problem. */
export class Predictor {
  private readonly options: PredictorOptions;
  private idle: (() => void)[] = [];

  constructor(options: PredictorOptions) {
    this.options = options;
  }

  /** Takes in a reading that came on the route's topic. */
  accept(message: Incoming, route: Route): void {
    const { lane, client, replyTopic } = route;
    const arrivedMs = this.options.clock();
    const { limits } = lane.classifier;
    const decoded = decodeReading(message.payload, limits, this.options.maxPayloadBytes);
    const { id, encoding } = decoded.ok ? decoded.value : decoded;
    const rows = decoded.ok ? decoded.value.rows : 1;
    const delivery: Delivery = { message, client, replyTopic, arrivedMs, rows, id, encoding };
    this.options.books.receive(rows);

    const refused = this.refuse(message, replyTopic) ?? (decoded.ok ? null : decoded.problem);
    if (refused) this.reject(delivery, 'rejected', refused);
    if (refused || !decoded.ok) return;

    const { digest } = route.signature.model;
    const fingerprint = lazyFingerprint(replyTopic, digest, decoded.value);
    // At QoS 0 nothing is delivered again, so nothing is remembered.
    const known = message.qos === 0 ? null : this.options.repeats.recall(fingerprint());
    if (known) this.answer(delivery, 'repeated', known);
    else this.admit(delivery, decoded.value, route, fingerprint);
  }

  private admit(
    delivery: Delivery,
    reading: DecodedReading,
    { client, lane, signature }: Route,
    fingerprint: () => Fingerprint,
  ): void {
    const { message, arrivedMs, rows } = delivery;
    const admitted = lane.offer({
      client,
      reading,
      fingerprint,
      arrivedMs,
      expiresMs: this.expiry(message, reading.deadlineMs, arrivedMs),
      rows,
      bytes: message.payload.length + reading.values.byteLength,
      onScores: (scores, firstRow) => {
        const payload = encodePrediction(reading, scores, firstRow, signature);
        this.answer(delivery, 'answered', payload);
        if (message.qos !== 0) this.options.repeats.remember(fingerprint(), payload);
      },
      onExpired: () =>
        this.reject(delivery, 'expired', {
          code: 'DEADLINE_PASSED',
          detail: 'the deadline has passed',
        }),
      onFailed: (error) => {
        const detail = 'the model failed on this reading';
        this.reject(delivery, 'rejected', { code: 'MODEL_FAILED', detail }, error);
      },
    });
    if (!admitted) this.reject(delivery, 'shed', this.overloaded(lane));
  }

  /** Sends back a reading for a model that is not served here: whoever serves it gets it the next time. */
  acceptForeign(message: Incoming, client: string, replyTopic: string): void {
    const { books, clock, maxPayloadBytes } = this.options;
    const decoded = decodeReading(message.payload, ANY_VALUES, maxPayloadBytes);
    const { encoding, id } = decoded.ok ? decoded.value : decoded;
    const arrivedMs = clock();
    books.receive(1);
    this.reject({ message, client, replyTopic, arrivedMs, rows: 1, id, encoding }, 'shed', FOREIGN);
  }

  /** Counts what came on a topic that names no client to answer. */
  acceptUnanswerable(message: Incoming): void {
    const { books } = this.options;
    books.receive(1);
    books.settle('rejected', 1);
    books.countUnanswerable();
    message.settle();
  }

  /** Resolves when nothing is in hand. */
  drained(): Promise<void> {
    if (this.options.books.inHand === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** What is refused whatever the payload says. */
  private refuse(message: Incoming, replyTopic: string): Problem<AgentProblemCode> | null {
    if (message.retain) {
      const detail = 'a reading must not be retained: publish it without the retain flag';
      return { code: 'RETAINED_REFUSED', detail };
    }
    // The reply topic comes from the request topic, whose client the broker has authorised:
    // another one would let a client write into a stranger's inbox by our hand.
    if (message.responseTopic !== undefined && message.responseTopic !== replyTopic) {
      const detail = `the response topic must be ${replyTopic} or left out`;
      return { code: 'RESPONSE_TOPIC_REFUSED', detail };
    }
    return null;
  }

  /** When the answer loses its worth, on the clock that never steps. */
  private expiry(message: Incoming, deadlineMs: number | null, arrivedMs: number): number | null {
    if (deadlineMs === null && message.expirySeconds === undefined) return null;
    const left = [
      ...(deadlineMs === null ? [] : [deadlineMs - this.options.wallClock()]),
      ...(message.expirySeconds === undefined ? [] : [message.expirySeconds * 1000]),
    ];
    return arrivedMs + Math.min(...left);
  }

  private overloaded(lane: Lane): Problem<AgentProblemCode> {
    const retryAfterMs = Math.min(Math.max(lane.backlogMs, 100), 30_000);
    const detail = `no room for more readings: publish again after ${retryAfterMs} ms`;
    return { code: 'OVERLOADED', detail, retryAfterMs };
  }

  private reject(
    delivery: Delivery,
    column: Column,
    problem: Problem<AgentProblemCode>,
    error?: unknown,
  ): void {
    const { client, encoding, id } = delivery;
    this.options.onProblem(problem, client, error);
    const payload = encodeProblem(id, encoding, problem, this.options.agent);
    this.publish(delivery, payload, (outcome) => this.settle(delivery, column, outcome));
  }

  private answer(delivery: Delivery, column: Column, payload: Buffer): void {
    this.publish(delivery, payload, (outcome) => {
      if (outcome.ok || outcome.reason !== 'too-large') this.settle(delivery, column, outcome);
      else this.reject(delivery, 'rejected', tooLarge(outcome.detail));
    });
  }

  private publish(
    { message, replyTopic }: Delivery,
    payload: Buffer,
    settled: (outcome: PublishOutcome) => void,
  ): void {
    const { correlationData, qos } = message;
    const options = correlationData === undefined ? PLAIN[qos] : { qos, correlationData };
    this.options.publish(replyTopic, payload, options, settled);
  }

  /** The reading leaves our hands; where the connection took its answer along, it comes again with the session. */
  private settle(delivery: Delivery, column: Column, outcome: PublishOutcome): void {
    const { books, clock, onSettled } = this.options;
    const isLost = !outcome.ok && (outcome.reason === 'lost' || outcome.reason === 'not-connected');
    if (isLost) books.countReplyLost();
    else if (!outcome.ok) books.countReplyRefused();
    books.settle(column, delivery.rows);
    const durationMs = clock() - delivery.arrivedMs;
    books.recordTotal(durationMs);
    if (!isLost) delivery.message.settle();
    onSettled(delivery, column, outcome, durationMs);
    if (books.inHand === 0 && this.idle.length > 0) {
      const waiting = this.idle;
      this.idle = [];
      for (const resolve of waiting) resolve();
    }
  }
}

function tooLarge(detail: string): Problem<AgentProblemCode> {
  return {
    code: 'PAYLOAD_TOO_LARGE',
    detail: `the answer would take ${detail}: send smaller batches`,
  };
}
