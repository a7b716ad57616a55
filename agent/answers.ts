// Scores to answers: the one place that gives a prediction or a problem its form on the wire.
import type { DecodedReading, Encoding } from '../schemas/decode-reading.ts';
import { encodeMessage } from '../schemas/encode.ts';
import type { ModelReference } from '../schemas/messages.ts';
import type { AgentProblemCode, Problem } from '../schemas/problems.ts';

/** What all answers of one model of one agent share. */
export interface Signature {
  readonly agent: string;
  readonly model: ModelReference;
  readonly labels: readonly string[];
  /** The same as JSON, written once. */
  readonly json: { readonly labels: readonly string[]; readonly end: string };
}

export function createSignature(
  agent: string,
  model: ModelReference,
  labels: readonly string[],
): Signature {
  const end = JSON.stringify({ model, agent }).slice(1);
  return {
    agent,
    model,
    labels,
    json: { labels: labels.map((label) => JSON.stringify(label)), end },
  };
}

/**
 * Encodes the answer to a reading in the encoding and form of its question.
 * @param scores rows × labels of a whole run of the model
 * @param firstRow the row of `scores` where this reading begins
 */
export function encodePrediction(
  reading: DecodedReading,
  scores: Float32Array,
  firstRow: number,
  signature: Signature,
): Buffer {
  const { agent, labels, model } = signature;
  const { id, encoding, rows } = reading;
  if (reading.form === 'single' && encoding === 'json') {
    return renderSingle(id, scores, firstRow, signature);
  }
  if (reading.form === 'single') {
    return encodeMessage({ id, ...predictRow(scores, firstRow, labels), model, agent }, encoding);
  }
  if (reading.form === 'typed') {
    const own = scores.slice(firstRow * labels.length, (firstRow + rows) * labels.length);
    return encodeMessage({ id, labels, scores: own, model, agent }, encoding);
  }
  const predictions = Array.from({ length: rows }, (_, row) =>
    predictRow(scores, firstRow + row, labels),
  );
  return encodeMessage({ id, predictions, model, agent }, encoding);
}

/** Encodes the answer to what could not be classified. */
export function encodeProblem(
  id: string | null,
  encoding: Encoding,
  problem: Problem<AgentProblemCode>,
  agent: string,
): Buffer {
  return encodeMessage({ id, problem, agent }, encoding);
}

/** The commonest answer, in the very bytes that `JSON.stringify` gives, for a third of its time. */
function renderSingle(
  id: string,
  scores: Float32Array,
  row: number,
  { json, labels }: Signature,
): Buffer {
  const offset = row * labels.length;
  let best = 0;
  let list = '';
  for (let index = 0; index < labels.length; index += 1) {
    list += `${index === 0 ? '' : ','}${json.labels[index]}:${shorten(scores[offset + index] as number)}`;
    if ((scores[offset + index] as number) > (scores[offset + best] as number)) best = index;
  }
  const score = shorten(scores[offset + best] as number);
  return Buffer.from(
    `{"id":${JSON.stringify(id)},"label":${json.labels[best]},"score":${score},"scores":{${list}},${json.end}`,
  );
}

/** Seven digits say all that a float32 holds, and keep the message short. */
function shorten(score: number): number {
  return Math.round(score * 1e7) / 1e7;
}

function predictRow(scores: Float32Array, row: number, labels: readonly string[]) {
  const byLabel: Record<string, number> = {};
  let best = 0;
  const offset = row * labels.length;
  for (let index = 0; index < labels.length; index += 1) {
    const score = scores[offset + index] as number;
    byLabel[labels[index] as string] = shorten(score);
    if (score > (scores[offset + best] as number)) best = index;
  }
  const label = labels[best] as string;
  return { label, score: byLabel[label] as number, scores: byLabel };
}
