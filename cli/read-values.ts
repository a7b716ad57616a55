// The values of a reading as people write them: JSON, or numbers between spaces, commas or lines.
import type { Problem, Result } from '../schemas/problems.ts';

/** One reading, or a batch of them. */
export type Values = number[] | number[][];

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Parses what a person typed, piped or wrote into a file: `[0.1, 0.2]`, `[[…],[…]]`,
 * `{"values":[…]}`, or `0.1 0.2, 0.3`. Total: any text gives values or a problem.
 */
export function parseValues(text: string): Result<Values> {
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  if (trimmed === '') return refuse('VALUES_MISSING', 'no numbers were given');
  return /^[[{"]/.test(trimmed) ? parseJson(trimmed) : parseNumbers(trimmed);
}

function parseNumbers(text: string): Result<Values> {
  const words = text.split(/[\s,;]+/).filter((word) => word !== '');
  const wrong = words.findIndex((word) => !NUMBER.test(word));
  if (wrong >= 0) return refuseNumber(wrong, words[wrong]);
  return { ok: true, value: words.map(Number) };
}

function parseJson(text: string): Result<Values> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return refuse('PAYLOAD_MALFORMED', `this is no JSON: ${(error as Error).message}`);
  }
  const isMessage =
    typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, 'values');
  const values = isMessage ? (parsed as { values: unknown }).values : parsed;
  if (!Array.isArray(values)) {
    return refuse('VALUES_MISSING', 'expected an array of numbers, or an object with "values"');
  }
  if (values.length === 0) return refuse('VALUES_MISSING', 'the array is empty');
  if (!Array.isArray(values[0])) return checkRow(values);
  for (const [row, each] of values.entries()) {
    const checked = Array.isArray(each) ? checkRow(each) : refuseNumber(0, each);
    if (!checked.ok) return { ok: false, problem: { ...checked.problem, row } };
  }
  return { ok: true, value: values as number[][] };
}

function checkRow(row: unknown[]): Result<number[]> {
  const wrong = row.findIndex((value) => typeof value !== 'number');
  return wrong >= 0 ? refuseNumber(wrong, row[wrong]) : { ok: true, value: row as number[] };
}

function refuseNumber(index: number, found: unknown): { ok: false; problem: Problem } {
  const shown = JSON.stringify(found)?.slice(0, 40);
  return refuse('VALUES_NOT_NUMBERS', `expected a number as value ${index}, got ${shown}`);
}

function refuse(code: Problem['code'], detail: string): { ok: false; problem: Problem } {
  return { ok: false, problem: { code, detail } };
}
