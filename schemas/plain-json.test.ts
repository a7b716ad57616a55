// The short way of plain JSON: never another answer than JSON.parse gives, and taken for what devices send.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlainJson } from './plain-json.ts';

const LIMITS = { width: 3, minimum: -1e9, maximum: 1e9 };

function read(text: string, limits = LIMITS) {
  return readPlainJson(Buffer.from(text), limits);
}

function ofValues(list: string): string {
  return `{"id":"r","values":[${list}]}`;
}

/** What the long way makes of it; null where it is no reading of these limits. */
function reference(text: string) {
  try {
    const { id, values } = JSON.parse(text) as { id: string; values: number[] };
    const floats = Float32Array.from(values);
    const fits =
      floats.length === 3 && values.every((value) => Math.abs(Math.fround(value)) <= 1e9);
    return fits ? { id, values: floats } : null;
  } catch {
    return null;
  }
}

/** Numbers as texts, in the ways in which JSON writes them and in some in which it does not. */
const number = fc.oneof(
  fc.integer({ min: -10_000, max: 10_000 }).map((whole) => String(whole / 10_000)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.stringMatching(/^-?[0-9]{1,17}(\.[0-9]{1,17})?$/),
  fc.constantFrom('-0', '00', '-', '.5', '5.', '1e3', '1E-3', 'null', '"1"', '', ' 1', '+1', '0x1'),
);

describe('plain JSON', () => {
  it('is read as JSON.parse reads it, or left to it', () => {
    const id = fc.oneof(fc.stringMatching(/^[ -~]{0,70}$/), fc.string());
    fc.assert(
      fc.property(id, fc.array(number, { minLength: 2, maxLength: 4 }), (name, numbers) => {
        const text = `{"id":"${name}","values":[${numbers.join(',')}]}`;
        const found = read(text);
        if (found) expect(found).toEqual(reference(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('is left to JSON.parse wherever a byte was changed to something that is no plain reading', () => {
    const bytes = Buffer.from(ofValues('0.25,-17,3.5'));
    for (let at = 0; at < bytes.length; at += 1) {
      for (let byte = 0; byte < 256; byte += 1) {
        const changed = Buffer.from(bytes);
        changed[at] = byte;
        const found = readPlainJson(changed, LIMITS);
        if (found) expect(found).toEqual(reference(changed.toString('latin1')));
      }
    }
  });

  it('is left to JSON.parse wherever it was cut off or goes on', () => {
    const text = ofValues('1,2,3');
    for (let length = 0; length < text.length; length += 1) {
      expect(read(text.slice(0, length))).toBeNull();
    }
    for (const more of [' ', '}', '\n', '\0']) expect(read(text + more)).toBeNull();
  });

  it.each([
    '0,1,2',
    '0.5,-0.25,-0',
    '123456789012345,1,1',
    '0.00012345678901,1,1',
    '1234567.12345678,1,1',
  ])('takes the short way for %s', (list) => {
    const limits = { ...LIMITS, maximum: 1e15 };
    const expected = Float32Array.from(JSON.parse(`[${list}]`) as number[]);
    expect(read(ofValues(list), limits)).toEqual({ id: 'r', values: expected });
  });

  it.each([
    '1234567890123456,1,1',
    '0.1234567890123456,1,1',
    '1e1,1,1',
    '1,1',
    '1,1,1,1',
    '1, 1,1',
  ])('leaves %s to JSON.parse', (list) => {
    expect(read(ofValues(list), { ...LIMITS, maximum: 1e30 })).toBeNull();
  });

  it('leaves what is out of its limits, which are those of float32, to who names the value', () => {
    const limits = { width: 1, minimum: 0, maximum: 0.1 };
    expect(read(ofValues('0.1'), limits)?.values).toEqual(Float32Array.of(0.1));
    expect(read(ofValues('0.1000001'), limits)).toBeNull();
    expect(read(ofValues('-0.0000001'), limits)).toBeNull();
  });

  it('takes ids of 1 to 64 printable characters, and leaves the others', () => {
    const ofId = (id: string) => read(`{"id":"${id}","values":[1,2,3]}`)?.id;
    for (const id of ['a', 'a b~!', 'x'.repeat(64)]) expect(ofId(id)).toBe(id);
    for (const id of ['', 'x'.repeat(65), 'a\\n', 'ä', '\u007f', 'a\tb']) {
      expect(ofId(id)).toBeUndefined();
    }
  });

  it('is read in the middle of other bytes', () => {
    const bytes = Buffer.from(`x${ofValues('1,2,3')}x`);
    const found = readPlainJson(bytes.subarray(1, -1), LIMITS);
    expect(found).toEqual({ id: 'r', values: Float32Array.of(1, 2, 3) });
  });
});
