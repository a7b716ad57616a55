// Readings in: every good form, every problem code, and any bytes at all.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor } from './cbor.ts';
import { checkReading } from './messages.ts';
import { decodeReading, type InputLimits } from './decode-reading.ts';

const LIMITS: InputLimits = { width: 3, minimum: 0, maximum: 1 };
const MAX_BYTES = 100_000;
const decode = (payload: Uint8Array) => decodeReading(payload, LIMITS, MAX_BYTES);
const json = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const GOOD = [0, 0.5, 1];

describe('a good reading', () => {
  it('is one row of float32 values', () => {
    for (const payload of [
      json({ id: 'r', values: GOOD }),
      encodeCbor({ id: 'r', values: GOOD }),
    ]) {
      const result = decode(payload);
      expect(result.ok && result.value).toMatchObject({
        id: 'r',
        form: 'single',
        rows: 1,
        deadlineMs: null,
      });
      expect(result.ok && [...result.value.values]).toEqual(GOOD);
    }
  });

  it('may be a batch, row by row', () => {
    const result = decode(json({ id: 'b', values: [GOOD, [1, 1, 1]] }));
    expect(result.ok && result.value).toMatchObject({ form: 'batch', rows: 2, encoding: 'json' });
    expect(result.ok && [...result.value.values]).toEqual([...GOOD, 1, 1, 1]);
  });

  it('may be a typed array, a batch even of one row', () => {
    const one = decode(encodeCbor({ id: 't', values: Float32Array.from(GOOD) }));
    expect(one.ok && one.value).toMatchObject({ form: 'typed', rows: 1, encoding: 'cbor' });
    const two = decode(encodeCbor({ id: 't', values: Float32Array.from([...GOOD, ...GOOD]) }));
    expect(two.ok && two.value.rows).toBe(2);
  });

  it('may carry a deadline and fields that nobody knows', () => {
    const result = decode(
      json({
        id: 'r',
        values: GOOD,
        deadline: '2026-01-31T12:00:00.5+01:00',
        extra: { deep: [1] },
      }),
    );
    expect(result.ok && result.value.deadlineMs).toBe(Date.UTC(2026, 0, 31, 11, 0, 0, 500));
    const leap = decode(json({ id: 'r', values: GOOD, deadline: '2016-12-31T23:59:60Z' }));
    expect(leap.ok && leap.value.deadlineMs).toBe(Date.UTC(2016, 11, 31, 23, 59, 59));
  });

  it('keeps to the limits after rounding to float32', () => {
    const result = decode(json({ id: 'r', values: [1.00000001, 0, 0] }));
    expect(result.ok && result.value.values[0]).toBe(1);
  });
});

describe('a bad reading', () => {
  const value = (text: string) => `{"id":"r","values":[0,${text},1]}`;
  it.each([
    ['nothing', Buffer.alloc(0), 'PAYLOAD_EMPTY', null],
    ['text', json('hello'), 'PAYLOAD_MALFORMED', null],
    ['a cut off object', json('{"id":"r","val'), 'PAYLOAD_MALFORMED', null],
    ['NaN, which is no JSON', json(value('NaN')), 'PAYLOAD_MALFORMED', null],
    [
      'bytes that are no UTF-8',
      Buffer.from('{"id":"r","values":[0,0,1],"x":"\xff"}', 'latin1'),
      'PAYLOAD_MALFORMED',
      null,
    ],
    ['an array', json([1]), 'PAYLOAD_MALFORMED', null],
    ['null', json('null'), 'PAYLOAD_MALFORMED', null],
    ['broken CBOR', Buffer.from('a1626964', 'hex'), 'PAYLOAD_MALFORMED', null],
    [
      'JSON of a thousand levels',
      json(`{"id":"r","values":[0,0,1],"x":${'['.repeat(9000)}${']'.repeat(9000)}}`),
      'PAYLOAD_MALFORMED',
      null,
    ],
    ['a huge payload', Buffer.alloc(MAX_BYTES + 1, 0x20), 'PAYLOAD_TOO_LARGE', null],
    ['no id', json({ values: GOOD }), 'ID_MISSING', null],
    ['an empty id', json({ id: '', values: GOOD }), 'ID_INVALID', null],
    ['a number as id', json({ id: 7, values: GOOD }), 'ID_INVALID', null],
    ['an id of 10 kB', json({ id: 'x'.repeat(10_000), values: GOOD }), 'ID_INVALID', null],
    ['an id with a line break', json({ id: 'a\nb', values: GOOD }), 'ID_INVALID', null],
    ['no values', json({ id: 'r' }), 'VALUES_MISSING', 'r'],
    ['a string as values', json({ id: 'r', values: '1,2,3' }), 'VALUES_NOT_NUMBERS', 'r'],
    ['a string among the values', json(value('"0.5"')), 'VALUES_NOT_NUMBERS', 'r'],
    ['null among the values', json(value('null')), 'VALUES_NOT_NUMBERS', 'r'],
    ['NaN in CBOR', encodeCbor({ id: 'r', values: [0, Number.NaN, 1] }), 'VALUES_NOT_NUMBERS', 'r'],
    [
      'NaN in a typed array',
      encodeCbor({ id: 'r', values: Float32Array.of(0, Number.NaN, 1) }),
      'VALUES_NOT_NUMBERS',
      'r',
    ],
    [
      'a typed array of doubles',
      encodeCbor({ id: 'r', values: Uint8Array.of(0, 1, 1) }),
      'VALUES_NOT_NUMBERS',
      'r',
    ],
    ['too few values', json({ id: 'r', values: [0, 1] }), 'VALUES_WRONG_LENGTH', 'r'],
    ['no values at all', json({ id: 'r', values: [] }), 'VALUES_WRONG_LENGTH', 'r'],
    [
      'a typed array that is no whole row',
      encodeCbor({ id: 'r', values: Float32Array.of(0, 1) }),
      'VALUES_WRONG_LENGTH',
      'r',
    ],
    [
      'an empty typed array',
      encodeCbor({ id: 'r', values: new Float32Array(0) }),
      'VALUES_WRONG_LENGTH',
      'r',
    ],
    ['1e999, which is infinite', json(value('1e999')), 'VALUES_OUT_OF_RANGE', 'r'],
    ['1e39, infinite as float32', json(value('1e39')), 'VALUES_OUT_OF_RANGE', 'r'],
    [
      'minus infinity in CBOR',
      encodeCbor({ id: 'r', values: [0, Number.NEGATIVE_INFINITY, 1] }),
      'VALUES_OUT_OF_RANGE',
      'r',
    ],
    ['a value below the limits', json(value('-0.001')), 'VALUES_OUT_OF_RANGE', 'r'],
    [
      'a typed value below the limits',
      encodeCbor({ id: 'r', values: Float32Array.of(0, -1, 1) }),
      'VALUES_OUT_OF_RANGE',
      'r',
    ],
    ['4097 rows', json({ id: 'r', values: Array(4097).fill([0, 0, 0]) }), 'BATCH_TOO_LARGE', 'r'],
    [
      '4097 typed rows',
      encodeCbor({ id: 'r', values: new Float32Array(4097 * 3) }),
      'BATCH_TOO_LARGE',
      'r',
    ],
    [
      'a word as deadline',
      json({ id: 'r', values: GOOD, deadline: 'soon' }),
      'DEADLINE_INVALID',
      'r',
    ],
    [
      'a number as deadline',
      json({ id: 'r', values: GOOD, deadline: 17 }),
      'DEADLINE_INVALID',
      'r',
    ],
    [
      'a day that no month has',
      json({ id: 'r', values: GOOD, deadline: '2026-13-41T00:00:00Z' }),
      'DEADLINE_INVALID',
      'r',
    ],
  ])('of %s is told so', (_, payload, code, id) => {
    const result = decode(payload);
    expect(result).toMatchObject({ ok: false, id, problem: { code } });
  });

  it('names the row that spoils a batch', () => {
    const cases: [unknown, string, number][] = [
      [[GOOD, [0, 1]], 'VALUES_WRONG_LENGTH', 1],
      [[GOOD, GOOD, [0, 0, 2]], 'VALUES_OUT_OF_RANGE', 2],
      [[GOOD, 'row'], 'VALUES_NOT_NUMBERS', 1],
      [[GOOD, [0, null, 0]], 'VALUES_NOT_NUMBERS', 1],
    ];
    for (const [values, code, row] of cases) {
      expect(decode(json({ id: 'b', values }))).toMatchObject({
        ok: false,
        problem: { code, row },
      });
    }
    const typed = encodeCbor({ id: 'b', values: Float32Array.from([...GOOD, 0, 0, 9]) });
    expect(decode(typed)).toMatchObject({
      ok: false,
      problem: { code: 'VALUES_OUT_OF_RANGE', row: 1 },
    });
  });

  it('never has its text repeated in the detail', () => {
    const marker = 'SECRET\u001b[31m';
    for (const message of [
      { id: marker, values: GOOD },
      { id: 'r', values: [marker, 0, 0] },
      { id: 'r', values: marker },
      { id: 'r', values: GOOD, deadline: marker },
    ]) {
      const result = decode(json(message));
      expect(!result.ok && result.problem.detail).not.toContain('SECRET');
    }
  });
});

describe('any payload', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.anything().map((value) => Buffer.from(JSON.stringify(value) ?? '')),
    fc
      .record(
        { id: fc.anything(), values: fc.anything(), deadline: fc.anything() },
        { requiredKeys: [] },
      )
      .map((value) => Buffer.from(JSON.stringify(value))),
    fc
      .record(
        { id: fc.string(), values: fc.array(fc.oneof(fc.double(), fc.float())) },
        { requiredKeys: [] },
      )
      .map((value) => encodeCbor(value)),
  );

  it('gives finite values within the limits, or a problem', () => {
    fc.assert(
      fc.property(anything, (payload) => {
        const result = decode(payload);
        if (!result.ok) return result.problem.detail.length > 0;
        return (
          result.value.values.length === result.value.rows * 3 &&
          result.value.values.every((value) => value >= 0 && value <= 1)
        );
      }),
      { numRuns: 5000 },
    );
  });
});

describe('a typed array', () => {
  const bounds = fc.constantFrom([0, 1], [0, 0.25], [-1, 1], [0.5, 2]);
  const special = fc.constantFrom(0, -0, 1, 0.25, 0.5, Number.NaN, Infinity, -Infinity, 1.0000001);
  const float = fc.oneof(fc.float({ min: 0, max: 1 }), fc.float(), special);

  it('is held to the limits at every place, as single comparisons would', () => {
    fc.assert(
      fc.property(
        bounds,
        fc.integer({ min: 1, max: 11 }),
        fc.nat(),
        float,
        (limits, width, at, value) => {
          const [minimum = 0, maximum = 0] = limits;
          const values = new Float32Array(width).fill(maximum);
          values[at % width] = value;
          const isFine = (values[at % width] as number) >= minimum && value <= maximum;
          const payload = encodeCbor({ id: 'r', values });
          const result = decodeReading(payload, { width, minimum, maximum }, 1000);
          expect(result.ok).toBe(isFine);
          if (!result.ok) expect(result.problem.detail).toContain(`value ${at % width}`);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a reading by its schema', () => {
  it('is taken, and nothing else is, width aside', () => {
    const id = fc.constantFrom<unknown>('r-1', '', 'x'.repeat(64), 'x'.repeat(65), 'é', 7, null);
    const deadline = fc.constantFrom<unknown>(undefined, '2026-01-31T12:00:00Z', 'soon', 5, null);
    const value = fc.oneof(
      {
        weight: 12,
        arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) as fc.Arbitrary<unknown>,
      },
      { weight: 1, arbitrary: fc.constantFrom<unknown>('0.5', null, true, [], {}) },
    );
    const row = fc.array(value, { minLength: 2, maxLength: 2 });
    const values = fc.oneof(
      row as fc.Arbitrary<unknown>,
      fc.array(fc.oneof({ weight: 9, arbitrary: row }, { weight: 1, arbitrary: value }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.constantFrom<unknown>(undefined, null, 'none', {}, 3),
    );
    const message = fc.record({ id, values, deadline, more: fc.json() });
    fc.assert(
      fc.property(message, (reading) => {
        const payload = Buffer.from(JSON.stringify(reading));
        const wide = [reading.values]
          .flat()
          .every((one) => !Array.isArray(one) || one.length === 2);
        const single = Array.isArray(reading.values) && !Array.isArray(reading.values[0]);
        const fits = wide && (!single || (reading.values as unknown[]).length === 2);
        const expected = fits && checkReading.Check(JSON.parse(payload.toString()));
        const result = decodeReading(payload, { width: 2, minimum: 0, maximum: 1 }, 10_000);
        expect(result.ok).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});
