// The memory for repeats: the same answer to the same reading, and nothing else, in bounded memory.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { promotedBytes } from '../schemas/heap.fixture.ts';
import type { DecodedReading } from '../schemas/decode-reading.ts';
import { fingerprint, lazyFingerprint, Repeats } from './repeats.ts';

const ADDRESS = 'echolot/v1/replies/buoy-7/sonar';

const reading = (id: string, numbers: number[], more: Partial<DecodedReading> = {}) => ({
  id,
  encoding: 'json' as const,
  form: 'single' as const,
  rows: 1,
  values: Float32Array.from(numbers),
  deadlineMs: null,
  ...more,
});
const print = (id: string, numbers: number[] = [0.5, 1], more?: Partial<DecodedReading>) =>
  fingerprint(ADDRESS, 'sha256:a', reading(id, numbers, more));
const answer = (text: string) => Buffer.from(text);
/** What a key takes beside its answer. */
const keyBytes = (id: string) => Buffer.byteLength(print(id).key, 'utf16le');

describe('a reading that was answered', () => {
  it('is known again by client, model, id, values and model digest', () => {
    const repeats = new Repeats();
    repeats.remember(print('r-1'), answer('one'));
    expect(repeats.recall(print('r-1'))?.toString()).toBe('one');
    expect(repeats.recall(print('r-2'))).toBeNull();
    expect(repeats.recall(print('r-1', [0.5, 0.999]))).toBeNull();
    expect(repeats.recall(print('r-1', [1, 0.5]))).toBeNull();
    const values = reading('r-1', [0.5, 1]);
    expect(repeats.recall(fingerprint(`${ADDRESS}-2`, 'sha256:a', values))).toBeNull();
    expect(repeats.recall(fingerprint(ADDRESS, 'sha256:b', values))).toBeNull();
  });

  it('is another where its answer would have another form or encoding', () => {
    const repeats = new Repeats();
    repeats.remember(print('r-1'), answer('one'));
    expect(repeats.recall(print('r-1', [0.5, 1], { encoding: 'cbor' }))).toBeNull();
    expect(repeats.recall(print('r-1', [0.5, 1], { form: 'batch' }))).toBeNull();
    expect(repeats.recall(print('r-1', [0.5, 1], { form: 'typed' }))).toBeNull();
    expect(repeats.recall(print('r-1', [0.5, 1], { form: 'batch', rows: 2 }))).toBeNull();
  });

  it('is forgotten for a later one with the same id and other values', () => {
    const repeats = new Repeats({ entries: 2, bytes: 1000 });
    repeats.remember(print('r-1'), answer('one'));
    repeats.remember(print('r-1', [0, 0]), answer('two'));
    expect(repeats.recall(print('r-1'))).toBeNull();
    expect(repeats.recall(print('r-1', [0, 0]))?.toString()).toBe('two');
    // The first one leaves; the later one of the same name stays.
    repeats.remember(print('r-3'), answer('three'));
    expect(repeats.recall(print('r-1', [0, 0]))?.toString()).toBe('two');
  });

  it('keeps its answer whatever becomes of a copy that was handed out', () => {
    const repeats = new Repeats();
    repeats.remember(print('r-1'), answer('one'));
    repeats.recall(print('r-1'))?.fill(0);
    expect(repeats.recall(print('r-1'))?.toString()).toBe('one');
  });

  it('is not remembered with an answer that would push out many others', () => {
    const repeats = new Repeats({ entries: 10, bytes: 400 });
    const left = (id: string) => 100 - keyBytes(id);
    repeats.remember(print('small'), Buffer.alloc(left('small')));
    repeats.remember(print('large'), Buffer.alloc(left('large') + 1));
    expect(repeats.recall(print('large'))).toBeNull();
    expect(repeats.recall(print('small'))).not.toBeNull();
  });
});

describe('the fingerprint', () => {
  it('tells any two lists of values apart that differ in a bit', () => {
    const numbers = fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(numbers, fc.nat(), fc.nat(31), (list, at, bit) => {
        const one = print('r', list);
        const other = reading('r', list);
        const bits = new Int32Array(other.values.buffer);
        const index = at % list.length;
        bits[index] = (bits[index] as number) ^ (1 << bit);
        const { high, low } = fingerprint(ADDRESS, 'sha256:a', other);
        expect(high).not.toBe(one.high);
        expect(low).not.toBe(one.low);
      }),
    );
  });

  it('is worked out when it is asked for, and once', () => {
    const lazy = reading('r', [0.5]);
    const asked = lazyFingerprint(ADDRESS, 'sha256:a', lazy);
    lazy.values[0] = 1;
    const first = asked();
    expect(first).toEqual(print('r', [1]));
    expect(asked()).toBe(first);
  });

  it('is that of the values wherever they lie in memory', () => {
    const all = Float32Array.of(9, 0.5, 1, 9);
    const here = fingerprint(ADDRESS, 'sha256:a', {
      ...reading('r', []),
      values: all.subarray(1, 3),
    });
    expect(here).toEqual(print('r', [0.5, 1]));
  });
});

describe('the memory', () => {
  it('gives the latest answers back unchanged, the newest for certain, within its bounds', () => {
    const step = fc.record({ id: fc.integer({ min: 0, max: 30 }), length: fc.nat(45) });
    const bounds = fc.record({
      entries: fc.integer({ min: 1, max: 12 }),
      bytes: fc.integer({ min: 480, max: 1000 }),
    });
    const firstBytes = fc.integer({ min: 1, max: 500 });
    fc.assert(
      fc.property(
        bounds,
        firstBytes,
        fc.array(step, { maxLength: 300 }),
        (limits, first, steps) => {
          const repeats = new Repeats(limits, first);
          const last = new Map<number, Buffer>();
          for (const [serial, { id, length }] of steps.entries()) {
            const bytes = Buffer.alloc(length, `${serial}.`);
            repeats.remember(print(String(id)), bytes);
            last.set(id, bytes);
            const held = [...last].flatMap(([key, expected]) => {
              const got = repeats.recall(print(String(key)));
              if (got) expect(got.equals(expected)).toBe(true);
              return got ? [got] : [];
            });
            expect(repeats.recall(print(String(id)))).not.toBeNull();
            expect(held.length).toBeLessThanOrEqual(limits.entries);
            const size = held.reduce((sum, each) => sum + each.length + keyBytes('0'), 0);
            expect(size).toBeLessThanOrEqual(limits.bytes);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('begins small, and grows before it forgets', () => {
    const sizes: number[] = [];
    const small = new Repeats(undefined, undefined, (bytes) => {
      sizes.push(bytes);
      return Buffer.allocUnsafeSlow(bytes);
    });
    expect(sizes).toEqual([]);
    small.remember(print('a'), answer('a'));
    expect(sizes).toEqual([2 ** 20]);
    expect(small.recall(print('a'))?.toString()).toBe('a');
    const growing = new Repeats({ entries: 100, bytes: 4000 }, 16);
    const ids = Array.from({ length: 40 }, (_, at) => `r-${at}`);
    for (const id of ids) growing.remember(print(id), answer(id.padEnd(20)));
    expect(ids.map((id) => growing.recall(print(id))?.toString().trim())).toEqual(ids);
  });

  it('does without where there is no memory, and stays as it is where there is no more', () => {
    let mostBytes = 0;
    const repeats = new Repeats({ entries: 100, bytes: 2000 }, 16, (bytes) => {
      if (bytes > mostBytes) throw new RangeError('Array buffer allocation failed');
      return Buffer.allocUnsafeSlow(bytes);
    });
    repeats.remember(print('a'), answer('a'));
    expect(repeats.recall(print('a'))).toBeNull();
    mostBytes = 128;
    for (const id of ['b', 'c', 'd']) repeats.remember(print(id), answer(id.padEnd(16)));
    repeats.remember(print('too large'), Buffer.alloc(129));
    repeats.remember(print('e'), answer('e'));
    const left = ['b', 'c', 'd', 'too large', 'e'].filter((id) => repeats.recall(print(id)));
    expect(left).toEqual(['e']);
    mostBytes = 2000;
    for (const id of ['f', 'g', 'h']) repeats.remember(print(id), answer(id.padEnd(16)));
    expect(repeats.recall(print('h'))?.toString().trim()).toBe('h');
    expect(repeats.recall(print('f'))).toBeNull();
  });

  it('looks at few answers, whatever ids somebody chooses to fall together', () => {
    const repeats = new Repeats({ entries: 1000, bytes: 1_000_000 });
    const together = Array.from({ length: 50_000 }, (_, at) => `r-${at}`).filter(
      (id) => (print(id).keyLow & 1023) === 7,
    );
    for (const id of together) repeats.remember(print(id), answer(id));
    expect(together.length).toBeGreaterThan(20);
    const known = together.filter((id) => repeats.recall(print(id))?.toString() === id);
    expect(known).toEqual(together.slice(-16));
  });

  it('gives nobody the answer of another whose key has the same hash', () => {
    const repeats = new Repeats();
    const one = { ...print('r-1'), key: 'echolot/v1/replies/a/sonar/r-1' };
    const other = { ...one, key: 'echolot/v1/replies/b/sonar/r-1' };
    repeats.remember(one, answer('for a'));
    expect(repeats.recall(other)).toBeNull();
    repeats.remember(other, answer('for b'));
    expect(repeats.recall(one)?.toString()).toBe('for a');
    expect(repeats.recall(other)?.toString()).toBe('for b');
  });

  it('leaves V8 nothing that grows old', () => {
    const repeats = new Repeats();
    const [one, text] = [print('r-1'), answer('one')];
    const promoted = promotedBytes(() => {
      // Another object each time, as a reading brings it.
      repeats.remember({ ...one }, text);
    });
    expect(promoted).toBeLessThan(10);
  });

  it('holds as many answers as it may', () => {
    const repeats = new Repeats({ entries: 3, bytes: 1000 });
    for (const id of ['a', 'b', 'c', 'd']) repeats.remember(print(id), answer(id));
    expect(['a', 'b', 'c', 'd'].map((id) => repeats.recall(print(id))?.toString())).toEqual([
      undefined,
      'b',
      'c',
      'd',
    ]);
  });
});
