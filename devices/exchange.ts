// The books of a client: which readings wait, which are out, and how each comes to its one outcome.
import type { PublishOutcome } from '../bus/types.ts';
import type { Answer } from '../schemas/messages.ts';
import type { Problem } from '../schemas/problems.ts';
import type { Clock } from './clock.ts';
import type { LiveModels } from './live-models.ts';
import { type Asked, type Reply, readAnswer } from './read-answer.ts';

const FIRST_REPEAT_MS = 1000;
const LONGEST_REPEAT_MS = 30_000;
/** For an agent that is overloaded and does not say for how long. */
const DEFAULT_RETRY_MS = 1000;

export interface Question {
  readonly id: string;
  readonly model: string;
  readonly payload: Buffer;
  readonly asked: Asked;
  /** From now to the outcome. */
  readonly timeoutMs: number;
  /** Wait for an agent that serves the model, instead of refusing at once. */
  readonly waitForModel: boolean;
  /** Somebody else keeps it and bounds how many there are: `maxWaiting` is not for it. */
  readonly isKept?: boolean;
  /** At each publication. */
  readonly onSent?: () => void;
}

interface ExchangePorts {
  readonly clock: Clock;
  readonly models: LiveModels;
  readonly maxUnanswered: number;
  readonly maxWaiting: number;
  /** How long the retained statuses may take after a connect. */
  readonly discoveryMs: number;
  publish(model: string, payload: Buffer, settled: (outcome: PublishOutcome) => void): void;
}

interface Entry {
  readonly question: Question;
  readonly resolve: (reply: Reply) => void;
  readonly expiresMs: number;
  cancelTimeout: () => void;
  cancelRepeat: () => void;
  /** An overloaded agent asked for patience; a reconnection does not cut that short. */
  patient: boolean;
  times: number;
  /** Until it is published again; doubles every time. */
  pauseMs: number;
  /** The broker's word about the last attempt, where it said no. */
  refusal: string | null;
}

type Link =
  | { readonly state: 'never'; readonly detail: string }
  | { readonly state: 'up' }
  | { readonly state: 'down'; readonly detail: string }
  | { readonly state: 'over'; readonly detail: string };

export class Exchange {
  private readonly ports: ExchangePorts;
  private readonly waiting = new Map<string, Entry>();
  private readonly inFlight = new Map<string, Entry>();
  private link: Link = { state: 'never', detail: '' };
  /** True until the retained statuses had their time. */
  private discovering = true;
  private cancelDiscovery: () => void = () => {};
  private pumping = false;
  private published = 0;
  private repeated = 0;
  private answered = 0;
  private unanswered = 0;

  constructor(ports: ExchangePorts) {
    this.ports = ports;
  }

  get counts() {
    const { published, repeated, answered, unanswered } = this;
    const inFlight = this.inFlight.size;
    return { published, repeated, answered, unanswered, inFlight, waiting: this.waiting.size };
  }

  /** True while a question of that id to that model has no outcome yet. */
  has(model: string, id: string): boolean {
    const key = keyOf(model, id);
    return this.waiting.has(key) || this.inFlight.has(key);
  }

  /** Resolves exactly once and never rejects. */
  ask(question: Question): Promise<Reply> {
    const { model, id, timeoutMs } = question;
    if (this.link.state === 'over') return Promise.resolve(fail('NOT_CONNECTED', this.link.detail));
    return new Promise((resolve) => {
      const { clock, maxWaiting } = this.ports;
      const key = keyOf(model, id);
      const entry: Entry = {
        question,
        resolve,
        expiresMs: clock.now() + timeoutMs,
        cancelTimeout: clock.after(timeoutMs, () => this.expire(key)),
        cancelRepeat: () => {},
        patient: false,
        times: 0,
        pauseMs: FIRST_REPEAT_MS,
        refusal: null,
      };
      this.waiting.set(key, entry);
      this.pump();
      if (!question.isKept && this.waiting.size > maxWaiting && this.waiting.has(key)) {
        const detail = `${this.waiting.size - 1} readings wait already, behind ${this.inFlight.size} unanswered`;
        this.end(key, fail('OUTBOX_FULL', detail));
      }
    });
  }

  /** Ends a question that its asker has given up. */
  giveUp(model: string, id: string, detail: string): void {
    this.end(keyOf(model, id), fail('TIMEOUT', detail));
  }

  /** `unasked`: nobody asked, or no longer. `malformed`: it does not fit the question, which waits on. */
  answer(model: string, answer: Answer): 'taken' | 'unasked' | 'malformed' {
    const key = keyOf(model, answer.id ?? '');
    const entry = this.inFlight.get(key) ?? this.waiting.get(key);
    if (entry === undefined || entry.times === 0) return 'unasked';
    const reply = readAnswer(answer, entry.question.asked);
    if (reply === null) return 'malformed';
    const overloaded = !reply.ok && reply.problem.code === 'OVERLOADED' ? reply.problem : null;
    if (overloaded && this.retryLater(key, entry, overloaded)) return 'taken';
    this.end(key, reply, true);
    return 'taken';
  }

  connected(): void {
    const { clock, discoveryMs } = this.ports;
    this.link = { state: 'up' };
    this.discovering = true;
    this.cancelDiscovery();
    this.cancelDiscovery = clock.after(discoveryMs, () => {
      this.discovering = false;
      this.pump();
    });
    for (const [key, entry] of this.inFlight) {
      // What was published on the lost connection may or may not have arrived.
      if (entry.patient) continue;
      entry.pauseMs = FIRST_REPEAT_MS;
      this.send(key, entry);
    }
    this.pump();
  }

  disconnected(detail: string): void {
    this.link =
      this.link.state === 'never' ? { state: 'never', detail } : { state: 'down', detail };
    this.cancelDiscovery();
    for (const entry of this.inFlight.values()) {
      if (!entry.patient) entry.cancelRepeat();
    }
  }

  /** A status came in: what waited for it may go out, or be refused. */
  modelsChanged(): void {
    this.pump();
  }

  /** Ends everything; later questions get the same problem. */
  close(detail: string): void {
    if (this.link.state === 'over') return;
    this.link = { state: 'over', detail };
    this.cancelDiscovery();
    for (const key of [...this.inFlight.keys(), ...this.waiting.keys()]) {
      this.end(key, fail('NOT_CONNECTED', detail));
    }
  }

  /** Publishes what waits, in order, as far as connection, room and models allow. */
  private pump(): void {
    if (this.pumping || this.link.state !== 'up') return;
    this.pumping = true;
    const { clock, models, maxUnanswered } = this.ports;
    for (const [key, entry] of this.waiting) {
      if (this.inFlight.size >= maxUnanswered) break;
      const { model, waitForModel } = entry.question;
      if (models.serves(model, clock.now())) {
        this.waiting.delete(key);
        this.inFlight.set(key, entry);
        this.send(key, entry);
      } else if (!this.discovering && !waitForModel) {
        this.end(key, this.unknownModel(model));
      }
    }
    this.pumping = false;
  }

  private send(key: string, entry: Entry): void {
    const { clock } = this.ports;
    entry.cancelRepeat();
    entry.patient = false;
    if (entry.times === 0) this.published += 1;
    else this.repeated += 1;
    entry.times += 1;
    entry.cancelRepeat = clock.after(entry.pauseMs, () => this.repeat(key, entry));
    entry.pauseMs = Math.min(entry.pauseMs * 2, LONGEST_REPEAT_MS);
    entry.question.onSent?.();
    this.ports.publish(entry.question.model, entry.question.payload, (outcome) => {
      if (outcome.ok || this.inFlight.get(key) !== entry) return;
      // Lost or not connected: the next connect publishes it again.
      if (outcome.reason === 'refused') entry.refusal = outcome.detail;
      if (outcome.reason === 'too-large') this.end(key, fail('PAYLOAD_TOO_LARGE', outcome.detail));
      if (outcome.reason === 'topic-invalid') this.end(key, fail('NAME_INVALID', outcome.detail));
    });
  }

  /** Where nobody serves the model any more it waits again, and leaves its room to others. */
  private repeat(key: string, entry: Entry): void {
    const { clock, models } = this.ports;
    const { model, waitForModel } = entry.question;
    if (!waitForModel || models.serves(model, clock.now())) {
      this.send(key, entry);
      return;
    }
    entry.patient = false;
    entry.pauseMs = FIRST_REPEAT_MS;
    this.inFlight.delete(key);
    this.waiting.set(key, entry);
    this.pump();
  }

  /** `false` where the retry would come after the time-out: then OVERLOADED is the outcome. */
  private retryLater(key: string, entry: Entry, { retryAfterMs }: Problem): boolean {
    const { clock } = this.ports;
    // Up to a fifth more, so that a crowd that was turned away together does not return together.
    const pauseMs = (retryAfterMs ?? DEFAULT_RETRY_MS) * (1 + 0.2 * clock.random());
    if (clock.now() + pauseMs >= entry.expiresMs) return false;
    entry.cancelRepeat();
    entry.patient = true;
    entry.pauseMs = FIRST_REPEAT_MS;
    entry.cancelRepeat = clock.after(pauseMs, () => {
      entry.patient = false;
      if (this.link.state === 'up') this.repeat(key, entry);
    });
    return true;
  }

  private expire(key: string): void {
    const entry = this.inFlight.get(key) ?? this.waiting.get(key);
    if (entry === undefined) return;
    const { model, timeoutMs } = entry.question;
    if (entry.times > 0) {
      const refusal = entry.refusal === null ? '' : `; the broker refused it: ${entry.refusal}`;
      const detail = `no answer within ${timeoutMs} ms, published ${entry.times} times${refusal}`;
      this.end(key, fail('TIMEOUT', detail));
    } else if (this.link.state !== 'up') {
      const why = this.link.detail === '' ? '' : `: ${this.link.detail}`;
      this.end(key, fail('NOT_CONNECTED', `no connection within ${timeoutMs} ms${why}`));
    } else if (!this.ports.models.serves(model, this.ports.clock.now())) {
      this.end(key, this.unknownModel(model));
    } else {
      const detail = `not published within ${timeoutMs} ms: ${this.inFlight.size} readings are unanswered`;
      this.end(key, fail('TIMEOUT', detail));
    }
  }

  private unknownModel(model: string): Reply {
    const live = this.ports.models.list(this.ports.clock.now()).map(({ name }) => name);
    const known = live.length === 0 ? 'no model is served now' : `served are ${live.join(', ')}`;
    return fail('MODEL_UNKNOWN', `no live agent serves the model ${model}; ${known}`);
  }

  private end(key: string, reply: Reply, byAnswer = false): void {
    const entry = this.inFlight.get(key) ?? this.waiting.get(key);
    if (entry === undefined) return;
    this.inFlight.delete(key);
    this.waiting.delete(key);
    entry.cancelTimeout();
    entry.cancelRepeat();
    if (byAnswer) this.answered += 1;
    else this.unanswered += 1;
    entry.resolve(reply);
    this.pump();
  }
}

function keyOf(model: string, id: string): string {
  return `${model}/${id}`;
}

function fail(code: Problem['code'], detail: string): Reply {
  return { ok: false, problem: { code, detail } };
}
