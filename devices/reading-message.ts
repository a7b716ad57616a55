// The reading as a message: values checked for what no message can carry, then encoded.
import type { Encoding } from '../schemas/decode-reading.ts';
import { encodeMessage } from '../schemas/encode.ts';
import { MAX_ROWS } from '../schemas/messages.ts';
import type { Problem, Result } from '../schemas/problems.ts';
import type { Asked } from './read-answer.ts';

/** Values that can be sent, and the form of the answer that they will get. */
export interface CheckedValues {
  readonly values: readonly number[] | readonly (readonly number[])[] | Float32Array;
  readonly asked: Asked;
}

/** One reading. How many numbers a model takes only its agents know. */
export function checkRow(values: ArrayLike<number>): Result<CheckedValues> {
  const row = toRow(values);
  if (!row.ok) return row;
  const asked: Asked = { form: 'single', rows: 1, width: row.value.length };
  return { ok: true, value: { values: row.value, asked } };
}

/** A batch of rows. */
export function checkRows(rows: readonly ArrayLike<number>[]): Result<CheckedValues> {
  const problem = checkRowCount(rows.length);
  if (problem) return { ok: false, problem };
  const values: number[][] = [];
  for (const [index, source] of rows.entries()) {
    const row = toRow(source);
    if (!row.ok) return { ok: false, problem: { ...row.problem, row: index } };
    values.push(row.value);
  }
  const asked: Asked = { form: 'batch', rows: rows.length, width: values[0]?.length ?? 0 };
  return { ok: true, value: { values, asked } };
}

/** A batch in one typed array, row by row; in CBOR it travels as it is. */
export function checkTyped(
  values: Float32Array,
  width: number,
  encoding: Encoding,
): Result<CheckedValues> {
  if (!Number.isInteger(width) || width < 1 || values.length % width !== 0) {
    const detail = `expected a multiple of the width ${width}, got ${values.length} values`;
    return { ok: false, problem: { code: 'VALUES_WRONG_LENGTH', detail } };
  }
  const rows = values.length / width;
  if (encoding === 'json') {
    return checkRows(
      Array.from({ length: rows }, (_, row) => values.subarray(row * width, (row + 1) * width)),
    );
  }
  const problem = checkRowCount(rows) ?? findBadValue(values, width);
  if (problem) return { ok: false, problem };
  return { ok: true, value: { values, asked: { form: 'typed', rows, width } } };
}

export function encodeReading(
  id: string,
  { values }: CheckedValues,
  deadline: string | undefined,
  encoding: Encoding,
): Buffer {
  return encodeMessage({ id, values, ...(deadline !== undefined && { deadline }) }, encoding);
}

function toRow(values: ArrayLike<number>): Result<number[]> {
  // A caller in plain JavaScript may pass anything.
  const source: unknown = values;
  if (typeof source !== 'object' || source === null || !('length' in source)) {
    const detail = `expected an array of numbers as values, got ${source === null ? 'null' : typeof source}`;
    return { ok: false, problem: { code: 'VALUES_NOT_NUMBERS', detail } };
  }
  const problem = findBadValue(values, Math.max(values.length, 1));
  if (problem) {
    const { row: _, ...rest } = problem;
    return { ok: false, problem: rest };
  }
  return { ok: true, value: Array.from(values) };
}

/** NaN and infinities: JSON has no word for them. */
function findBadValue(values: ArrayLike<number>, width: number): Problem | null {
  for (let index = 0; index < values.length; index += 1) {
    const value: unknown = values[index];
    if (Number.isFinite(value)) continue;
    const row = Math.floor(index / width);
    if (typeof value !== 'number' || Number.isNaN(value)) {
      const found = typeof value === 'number' ? 'NaN' : value === null ? 'null' : typeof value;
      const detail = `expected a number as value ${index % width}, got ${found}`;
      return { code: 'VALUES_NOT_NUMBERS', detail, row };
    }
    const detail = `value ${index % width} is ${value}, expected a finite number`;
    return { code: 'VALUES_OUT_OF_RANGE', detail, row };
  }
  return null;
}

function checkRowCount(rows: number): Problem | null {
  if (rows === 0) return { code: 'VALUES_MISSING', detail: 'the batch has no rows' };
  if (rows <= MAX_ROWS) return null;
  return { code: 'BATCH_TOO_LARGE', detail: `expected at most ${MAX_ROWS} rows, got ${rows}` };
}
