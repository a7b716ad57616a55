// Messages out: readings and answers to bytes, answers and status back from bytes.
import { decodeCbor, encodeCbor, looksLikeCbor } from './cbor.ts';
import type { Encoding } from './decode-reading.ts';
import {
  type Answer,
  type Adopting,
  checkAdopting,
  checkBatchPrediction,
  checkPrediction,
  checkProblemAnswer,
  checkStats,
  checkStatus,
  type Stats,
  type Status,
} from './messages.ts';

/** Encodes any message of the contract. JSON is UTF-8; CBOR is the same map with text keys. */
export function encodeMessage(message: object, encoding: Encoding): Buffer {
  return encoding === 'cbor' ? encodeCbor(message) : Buffer.from(JSON.stringify(message));
}

/** Decodes an answer of either encoding; `null` for anything that is none. Total. */
export function decodeAnswer(payload: Uint8Array): Answer | null {
  const message = decodeObject(payload);
  if (message === null) return null;
  if (checkPrediction.Check(message)) return message;
  if (checkProblemAnswer.Check(message)) return message;
  if (checkBatchPrediction.Check(message)) return message;
  return isTypedPrediction(message) ? message : null;
}

/** Decodes a status; `null` for anything that is none. Total. */
export function decodeStatus(payload: Uint8Array): Status | null {
  const message = decodeObject(payload);
  return checkStatus.Check(message) ? message : null;
}

/** Decodes stats; `null` for anything that is none. Total. */
export function decodeStats(payload: Uint8Array): Stats | null {
  const message = decodeObject(payload);
  return checkStats.Check(message) ? message : null;
}

/** Decodes the announcement of an adoption; `null` for anything that is none. Total. */
export function decodeAdopting(payload: Uint8Array): Adopting | null {
  const message = decodeObject(payload);
  return checkAdopting.Check(message) ? message : null;
}

function decodeObject(payload: Uint8Array): object | null {
  if (payload.length === 0) return null;
  try {
    if (!looksLikeCbor(payload)) return asObject(JSON.parse(Buffer.from(payload).toString('utf8')));
    const decoded = decodeCbor(payload);
    return decoded.ok ? asObject(decoded.value) : null;
  } catch {
    return null;
  }
}

function asObject(value: unknown): object | null {
  return typeof value === 'object' ? value : null;
}

function isTypedPrediction(message: object): message is Extract<Answer, { labels: string[] }> {
  const { labels, scores, ...rest } = message as Record<string, unknown>;
  if (!Array.isArray(labels) || !(scores instanceof Float32Array)) return false;
  if (labels.length === 0 || scores.length === 0 || scores.length % labels.length !== 0)
    return false;
  const [label] = labels;
  // The fields that all predictions share are checked by the schema of the plain one.
  return (
    labels.every((text) => typeof text === 'string') &&
    checkPrediction.Check({ ...rest, label, score: 1, scores: {} })
  );
}
