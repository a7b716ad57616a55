// The self-check: a reading of our own that must come back answered, through the broker and the model.
import { randomUUID } from 'node:crypto';
import type { Incoming, PublishOptions, PublishOutcome } from '../bus/types.ts';
import { decodeReading } from '../schemas/decode-reading.ts';
import { decodeAnswer, encodeMessage } from '../schemas/encode.ts';
import { SELF_CHECK_MODEL } from '../schemas/names.ts';
import { buildTopic } from '../schemas/topics.ts';
import { createSignature, encodePrediction, encodeProblem } from './answers.ts';
import type { Classifier } from './classifier.ts';

type Publish = (
  topic: string,
  payload: Buffer,
  options: PublishOptions,
  settled?: (outcome: PublishOutcome) => void,
) => void;

export type SelfCheckResult =
  | { readonly ok: true }
  /** `missing` is the right that lacks, as `publish to …`; `null` where it is not a matter of rights. */
  | { readonly ok: false; readonly detail: string; readonly missing: string | null };

interface Asked {
  /** Our question came back to us: what fails from here on is the answer. */
  arrived: boolean;
  readonly finish: (result: SelfCheckResult) => void;
}

interface SelfCheckOptions {
  readonly agent: string;
  /** `{self}` of the topics: the username. */
  readonly self: string;
  readonly namespace: string;
  readonly classifier: Classifier;
  readonly maxPayloadBytes: number;
  readonly publish: Publish;
}

/** Outside the books and ahead of the queue: it proves this agent, not its group. */
export class SelfCheck {
  readonly readingTopic: string;
  readonly replyTopic: string;
  private readonly options: SelfCheckOptions;
  private readonly waiting = new Map<string, Asked>();

  constructor(options: SelfCheckOptions) {
    this.options = options;
    const address = { client: options.self, model: SELF_CHECK_MODEL };
    this.readingTopic = buildTopic(options.namespace, { kind: 'reading', ...address });
    this.replyTopic = buildTopic(options.namespace, { kind: 'reply', ...address });
  }

  /** Asks once. Never rejects: what went wrong is in the result. */
  ask(timeoutMs: number): Promise<SelfCheckResult> {
    const { classifier, publish } = this.options;
    const { width, minimum, maximum } = classifier.limits;
    const id = randomUUID();
    const values = Array.from({ length: width }, () => (minimum + maximum) / 2);
    return new Promise((resolve) => {
      const finish = (result: SelfCheckResult) => {
        clearTimeout(timer);
        if (this.waiting.delete(id)) resolve(result);
      };
      const asked: Asked = { arrived: false, finish };
      const timer = setTimeout(() => {
        const topic = asked.arrived ? this.replyTopic : this.readingTopic;
        const detail = `nothing came back on ${topic} within ${timeoutMs} ms`;
        finish({ ok: false, detail, missing: `publish to ${topic}, and receive it` });
      }, timeoutMs);
      this.waiting.set(id, asked);
      publish(this.readingTopic, encodeMessage({ id, values }, 'json'), { qos: 1 }, (outcome) => {
        if (!outcome.ok) finish(unpublished(this.readingTopic, outcome));
      });
    });
  }

  /** Answers a reading on our own self-check topic. */
  async answer(message: Incoming): Promise<void> {
    const { agent, classifier, maxPayloadBytes, publish } = this.options;
    const { correlationData, qos } = message;
    const reply = (payload: Buffer) =>
      publish(
        this.replyTopic,
        payload,
        { qos, ...(correlationData !== undefined && { correlationData }) },
        (outcome) => {
          message.settle();
          if (!outcome.ok) asked?.finish(unpublished(this.replyTopic, outcome));
        },
      );
    const decoded = decodeReading(message.payload, classifier.limits, maxPayloadBytes);
    const asked = decoded.ok ? this.waiting.get(decoded.value.id) : undefined;
    if (asked) asked.arrived = true;
    if (!decoded.ok) {
      reply(encodeProblem(decoded.id, decoded.encoding, decoded.problem, agent));
      return;
    }
    const reading = decoded.value;
    try {
      const scores = await classifier.classify(reading.values, reading.rows);
      reply(
        encodePrediction(
          reading,
          scores,
          0,
          createSignature(agent, classifier.model, classifier.labels),
        ),
      );
    } catch {
      const detail = 'the model failed on the self-check';
      reply(encodeProblem(reading.id, reading.encoding, { code: 'MODEL_FAILED', detail }, agent));
    }
  }

  /** Takes in what came back on our own reply topic. */
  receive(message: Incoming): void {
    const answer = decodeAnswer(message.payload);
    message.settle();
    const asked = answer?.id ? this.waiting.get(answer.id) : undefined;
    // A stranger's answer proves nothing of ours.
    if (!answer || !asked || answer.agent !== this.options.agent) return;
    if ('problem' in answer) {
      const detail = `${answer.problem.code}: ${answer.problem.detail}`;
      asked.finish({ ok: false, detail, missing: null });
    } else asked.finish({ ok: true });
  }
}

/** What a publish that failed proves. */
export function unpublished(
  topic: string,
  { detail, reason }: Extract<PublishOutcome, { ok: false }>,
): SelfCheckResult {
  const missing = reason === 'refused' ? `publish to ${topic}` : null;
  return { ok: false, detail: `publish to ${topic}: ${detail}`, missing };
}
