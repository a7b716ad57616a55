// A reading's way through the agent, in order: decode, admit, classify, encode, publish, settle.
import type { Incoming, PublishOutcome, Qos } from '../bus/types.ts';
import { type Encoding, decodeReading } from '../schemas/decode-reading.ts';
import type { AgentProblemCode, Problem } from '../schemas/problems.ts';
import { encodePrediction, encodeProblem } from './answers.ts';
import type { Books, Column } from './books.ts';
import type { Lane } from './lane.ts';
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

export interface PredictorOptions {
  readonly agent: string;
  readonly maxPayloadBytes: number;
  readonly books: Books;
  readonly publish: PublishAnswer;
  readonly onProblem: OnProblem;
  /** Milliseconds of a clock that never steps. */
  readonly clock: () => number;
  /** Milliseconds since 1970, for deadlines. */
  readonly wallClock: () => number;
}

/** One delivery under way: what is needed to answer it once. */
interface Delivery {
  readonly message: Incoming;
  readonly client: string;
  readonly replyTopic: string;
  readonly arrivedMs: number;
  readonly rows: number;
}

/** Answers every delivery once, with a prediction or with a problem. */
export class Predictor {
  private readonly options: PredictorOptions;
  private idle: (() => void)[] = [];

  constructor(options: PredictorOptions) {
    this.options = options;
  }

  /** Takes in a reading that came on the route's topic. */
  accept(message: Incoming, { client, lane, replyTopic, signature }: Route): void {
    const { books, maxPayloadBytes } = this.options;
    const arrivedMs = this.options.clock();
    const decoded = decodeReading(message.payload, lane.classifier.limits, maxPayloadBytes);
    const rows = decoded.ok ? decoded.value.rows : 1;
    const delivery: Delivery = { message, client, replyTopic, arrivedMs, rows };
    books.receive(rows);

    const id = decoded.ok ? decoded.value.id : decoded.id;
    const encoding = decoded.ok ? decoded.value.encoding : decoded.encoding;
    const refused = this.refuse(message, replyTopic) ?? (decoded.ok ? null : decoded.problem);
    if (refused) this.reject(delivery, id, encoding, 'rejected', refused);
    if (refused || !decoded.ok) return;

    const reading = decoded.value;
    const reject = (column: Column, problem: Problem<AgentProblemCode>, error?: unknown) =>
      this.reject(delivery, reading.id, reading.encoding, column, problem, error);
    const expired = () =>
      reject('expired', { code: 'DEADLINE_PASSED', detail: 'the deadline has passed' });
    const expiresMs = this.expiry(message, reading.deadlineMs, arrivedMs);
    const admitted = lane.offer({
      client,
      reading,
      arrivedMs,
      expiresMs,
      rows,
      bytes: message.payload.length + reading.values.byteLength,
      onScores: (scores, firstRow) =>
        this.answer(delivery, 'answered', encodePrediction(reading, scores, firstRow, signature)),
      onExpired: expired,
      onFailed: (error) =>
        reject(
          'rejected',
          { code: 'MODEL_FAILED', detail: 'the model failed on this reading' },
          error,
        ),
    });
    if (!admitted) reject('shed', this.overloaded(lane));
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
    id: string | null,
    encoding: Encoding,
    column: Column,
    problem: Problem<AgentProblemCode>,
    error?: unknown,
  ): void {
    this.options.onProblem(problem, delivery.client, error);
    this.answer(delivery, column, encodeProblem(id, encoding, problem, this.options.agent));
  }

  private answer(delivery: Delivery, column: Column, payload: Buffer): void {
    const { message, replyTopic } = delivery;
    const { correlationData, qos } = message;
    this.options.publish(
      replyTopic,
      payload,
      { qos, ...(correlationData !== undefined && { correlationData }) },
      (outcome) => this.settle(delivery, column, outcome),
    );
  }

  /** Whatever became of the answer, the reading leaves our hands; a lost one comes again by itself. */
  private settle(delivery: Delivery, column: Column, outcome: PublishOutcome): void {
    const { books, clock } = this.options;
    if (!outcome.ok) {
      if (outcome.reason === 'lost' || outcome.reason === 'not-connected') books.countReplyLost();
      else books.countReplyRefused();
    }
    books.settle(column, delivery.rows);
    books.recordTotal(clock() - delivery.arrivedMs);
    delivery.message.settle();
    if (books.inHand === 0 && this.idle.length > 0) {
      const waiting = this.idle;
      this.idle = [];
      for (const resolve of waiting) resolve();
    }
  }
}
