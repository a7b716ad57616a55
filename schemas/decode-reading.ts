// From the bytes of a reading to a row-major Float32Array, or to the problem that its sender is told.
import { isAscii } from 'node:buffer';
import { decodeCbor, looksLikeCbor } from './cbor.ts';
import { MAX_ROWS } from './messages.ts';
import { readPlainJson } from './plain-json.ts';
import type { AgentProblemCode, Problem } from './problems.ts';
import { findStranger } from './value-limits.ts';

/** What a model takes in; it comes from the bundle's manifest. */
export interface InputLimits {
  /** Values per row. */
  readonly width: number;
  /** Smallest value allowed, inclusive, after rounding to float32. */
  readonly minimum: number;
  /** Largest value allowed, inclusive, after rounding to float32. */
  readonly maximum: number;
}

export type Encoding = 'json' | 'cbor';

/** `single` is answered with one prediction, `batch` with a list, `typed` with a typed array. */
export type ReadingForm = 'single' | 'batch' | 'typed';

export interface DecodedReading {
  readonly id: string;
  readonly encoding: Encoding;
  readonly form: ReadingForm;
  readonly rows: number;
  /** rows × width numbers, row by row, all finite and within the limits. */
  readonly values: Float32Array;
  /** Milliseconds since 1970, or `null` where the sender set no deadline. */
  readonly deadlineMs: number | null;
}

export type DecodeResult =
  | { readonly ok: true; readonly value: DecodedReading }
  | {
      readonly ok: false;
      /** The id where it could be read, so that the sender can match the problem. */
      readonly id: string | null;
      readonly encoding: Encoding;
      readonly problem: Problem<AgentProblemCode>;
    };

const ID = /^[ -~]{1,64}$/;
/** Deeper JSON than this is refused before it is parsed: a million brackets cost 0.4 s. */
const MAX_DEPTH = 32;
/** Below this size not even nesting alone can take noticeable time. */
const DEPTH_CHECK_BYTES = 4096;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Decodes and checks the payload of a reading. Total: every payload gives a reading or a problem.
 * @param maxBytes payloads above this are refused unread
 */
export function decodeReading(
  payload: Uint8Array,
  limits: InputLimits,
  maxBytes: number,
): DecodeResult {
  if (payload.length === 0) return refuse(null, 'json', 'PAYLOAD_EMPTY', 'the payload is empty');
  const encoding: Encoding = looksLikeCbor(payload) ? 'cbor' : 'json';
  if (payload.length > maxBytes) {
    const detail = `the payload has ${payload.length} bytes, at most ${maxBytes} are read`;
    return refuse(null, encoding, 'PAYLOAD_TOO_LARGE', detail);
  }
  const plain = encoding === 'json' ? readPlainJson(payload, limits) : null;
  if (plain) {
    const { id, values } = plain;
    return {
      ok: true,
      value: { id, encoding, form: 'single', rows: 1, values, deadlineMs: null },
    };
  }
  const parsed = encoding === 'cbor' ? decodeCbor(payload) : parseJson(payload);
  // A problem with an unreadable payload is answered in JSON.
  if (!parsed.ok) return refuse(null, 'json', 'PAYLOAD_MALFORMED', parsed.reason);
  return decodeMessage(parsed.value, encoding, limits);
}

/** Names the first thing that is wrong: the schema of the reading says the same, but not which. */
function decodeMessage(message: unknown, encoding: Encoding, limits: InputLimits): DecodeResult {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    const detail = `expected an object with id and values, got ${describe(message)}`;
    return refuse(null, encoding, 'PAYLOAD_MALFORMED', detail);
  }
  const { id, values, deadline } = message as Record<string, unknown>;
  if (id === undefined) return refuse(null, encoding, 'ID_MISSING', 'the reading has no id');
  if (typeof id !== 'string' || !ID.test(id)) {
    const found = typeof id === 'string' ? `a string of ${id.length} characters` : describe(id);
    const detail = `expected 1 to 64 printable ASCII characters as id, got ${found}`;
    return refuse(null, encoding, 'ID_INVALID', detail);
  }
  const deadlineMs = parseDeadline(deadline);
  if (deadlineMs === undefined) return refuseDeadline(id, encoding, deadline);
  if (values === undefined) {
    return refuse(id, encoding, 'VALUES_MISSING', 'the reading has no values');
  }
  if (values instanceof Float32Array) return decodeTyped(id, values, deadlineMs, limits);
  if (!Array.isArray(values)) {
    const detail = `expected an array of numbers as values, got ${describe(values)}`;
    return refuse(id, encoding, 'VALUES_NOT_NUMBERS', detail);
  }
  return decodeRows(id, encoding, values, deadlineMs, limits);
}

function decodeRows(
  id: string,
  encoding: Encoding,
  values: unknown[],
  deadlineMs: number | null,
  limits: InputLimits,
): DecodeResult {
  const { width } = limits;
  const isBatch = Array.isArray(values[0]);
  if (isBatch && values.length > MAX_ROWS) return refuseRows(id, encoding, values.length);
  const rows = isBatch ? values : [values];
  // Memory for all rows is taken only where all look like rows.
  const fits = rows.every((row) => Array.isArray(row) && row.length === width);
  const target = new Float32Array(fits ? rows.length * width : width);
  for (const [row, source] of rows.entries()) {
    if (!Array.isArray(source)) {
      const detail = `expected an array of numbers as row ${row}, got ${describe(source)}`;
      return { ok: false, id, encoding, problem: { code: 'VALUES_NOT_NUMBERS', detail, row } };
    }
    const problem = copyRow(source, target, fits ? row * width : 0, limits);
    if (problem)
      return { ok: false, id, encoding, problem: isBatch ? { ...problem, row } : problem };
  }
  const form: ReadingForm = isBatch ? 'batch' : 'single';
  return { ok: true, value: { id, encoding, form, rows: rows.length, values: target, deadlineMs } };
}

function decodeTyped(
  id: string,
  values: Float32Array,
  deadlineMs: number | null,
  limits: InputLimits,
): DecodeResult {
  const { width } = limits;
  if (values.length === 0 || values.length % width !== 0) {
    const detail = `expected a multiple of ${width} values, got ${values.length}`;
    return refuse(id, 'cbor', 'VALUES_WRONG_LENGTH', detail);
  }
  const rows = values.length / width;
  if (rows > MAX_ROWS) return refuseRows(id, 'cbor', rows);
  const stranger = findStranger(values, limits);
  if (stranger >= 0) {
    const problem = valueProblem(values[stranger], stranger % width, limits);
    const row = Math.floor(stranger / width);
    return { ok: false, id, encoding: 'cbor', problem: { ...problem, row } };
  }
  return { ok: true, value: { id, encoding: 'cbor', form: 'typed', rows, values, deadlineMs } };
}

/** Copies one row of any values into `target`; gives the problem of the first that may not stand there. */
function copyRow(
  source: readonly unknown[],
  target: Float32Array,
  offset: number,
  limits: InputLimits,
): Problem<AgentProblemCode> | null {
  const { width } = limits;
  if (source.length !== width) {
    const detail = `expected ${width} values, got ${source.length}`;
    return { code: 'VALUES_WRONG_LENGTH', detail };
  }
  const minimum = Math.fround(limits.minimum);
  const maximum = Math.fround(limits.maximum);
  for (let index = 0; index < width; index += 1) {
    const value = source[index];
    const rounded = typeof value === 'number' ? Math.fround(value) : Number.NaN;
    if (!(rounded >= minimum && rounded <= maximum)) return valueProblem(value, index, limits);
    target[offset + index] = rounded;
  }
  return null;
}

function valueProblem(
  value: unknown,
  index: number,
  { minimum, maximum }: InputLimits,
): Problem<AgentProblemCode> {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    const detail = `expected a number as value ${index}, got ${describe(value)}`;
    return { code: 'VALUES_NOT_NUMBERS', detail };
  }
  const detail = `value ${index} is ${value}, expected ${minimum} to ${maximum}`;
  return { code: 'VALUES_OUT_OF_RANGE', detail };
}

/** Milliseconds, `null` for none, `undefined` for what is no instant. */
function parseDeadline(deadline: unknown): number | null | undefined {
  if (deadline === undefined) return null;
  if (typeof deadline !== 'string' || deadline.length > 64) return undefined;
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i.test(deadline)) {
    return undefined;
  }
  // A leap second is an instant too (RFC 3339, 5.7), but not to Date.
  const ms = Date.parse(deadline.toUpperCase().replace(/:60(?=[.Z+-])/, ':59'));
  return Number.isNaN(ms) ? undefined : ms;
}

function parseJson(payload: Uint8Array) {
  if (payload.length > DEPTH_CHECK_BYTES && isTooDeep(payload)) {
    return { ok: false, reason: `the JSON is nested deeper than ${MAX_DEPTH} levels` } as const;
  }
  try {
    // Readings are ASCII but for strange fields, and ASCII needs no decoder.
    const text = isAscii(payload)
      ? Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('latin1')
      : utf8.decode(payload);
    return { ok: true, value: JSON.parse(text) as unknown } as const;
  } catch {
    return {
      ok: false,
      reason: 'the payload is no valid JSON (NaN and Infinity are not JSON)',
    } as const;
  }
}

function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (inString) {
      if (byte === 0x5c) index += 1;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}

/** Names a value without repeating its text: what a stranger sent stays out of logs and answers. */
function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function refuseDeadline(id: string, encoding: Encoding, deadline: unknown): DecodeResult {
  const found = typeof deadline === 'string' ? 'another text' : describe(deadline);
  const detail = `expected an instant such as 2026-01-31T12:00:00Z as deadline, got ${found}`;
  return refuse(id, encoding, 'DEADLINE_INVALID', detail);
}

function refuseRows(id: string, encoding: Encoding, rows: number): DecodeResult {
  const detail = `expected at most ${MAX_ROWS} rows, got ${rows}`;
  return refuse(id, encoding, 'BATCH_TOO_LARGE', detail);
}

function refuse(
  id: string | null,
  encoding: Encoding,
  code: AgentProblemCode,
  detail: string,
): DecodeResult {
  return { ok: false, id, encoding, problem: { code, detail } };
}
