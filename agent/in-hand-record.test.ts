// Holds the record of a run to what is read back, and to reading nothing from what is no record.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InHandRecord, keyOf, readInHand } from './in-hand-record.ts';
import type { DecodedReading } from '../schemas/decode-reading.ts';
import type { RunEntry } from './admitted.ts';
import { lazyFingerprint } from './repeats.ts';

const DIGEST = 'sha256:abc';

function entry(client: string, id: string, values = [0.1, 0.2]): RunEntry {
  const reading: DecodedReading = {
    id,
    values: Float32Array.from(values),
    rows: 1,
    form: 'single',
    encoding: 'json',
    deadlineMs: null,
  };
  return { client, reading, fingerprint: lazyFingerprint(client, DIGEST, reading) };
}

const many = (count: number) =>
  Array.from({ length: count }, (_, index) => entry('buoy-7', `r-${index}`));
const recordOf = (entries: readonly RunEntry[]) =>
  Uint8Array.from(new InHandRecord(DIGEST).fill(entries));

describe('a key', () => {
  it('is the same in every version: a suspect outlives an upgrade', () => {
    expect(keyOf(entry('buoy-7', 'r-1'))).toBe('42065e1e35eaaabf');
  });
});

describe('a record', () => {
  it.each([0, 1, 64, 1000])('of %d readings gives their keys', (count) => {
    const entries = many(count);
    const keys = entries.map((one) => keyOf(one));
    expect(readInHand(recordOf(entries), DIGEST)).toEqual(keys);
    expect(new Set(keys).size).toBe(count);
  });

  it('is that of its own readings, however long the one before was', () => {
    const record = new InHandRecord(DIGEST);
    for (const count of [1, 1, 64, 65, 1, 300, 2, 2]) {
      const entries = many(300).slice(-count);
      const keys = entries.map((one) => keyOf(one));
      expect(readInHand(record.fill(entries), DIGEST)).toEqual(keys);
    }
  });

  it('is told from what an earlier, larger one left behind it', () => {
    const record = new InHandRecord(DIGEST);
    const file = Buffer.from(record.fill(many(10)));
    file.set(record.fill(many(2)));
    expect(readInHand(file, DIGEST)).toHaveLength(2);
    file.set(record.fill([]));
    expect(readInHand(file, DIGEST)).toEqual([]);
  });

  it('of another model holds nothing', () => {
    expect(readInHand(recordOf(many(3)), 'sha256:def')).toEqual([]);
  });

  it('that is cut off anywhere is none', () => {
    const whole = recordOf(many(3));
    for (let length = 0; length < whole.length; length += 1) {
      expect(readInHand(whole.subarray(0, length), DIGEST)).toBe(null);
    }
  });

  it('with any byte changed is none', () => {
    const whole = recordOf(many(3));
    for (const [index, byte] of whole.entries()) {
      const changed = Uint8Array.from(whole);
      changed[index] = byte ^ 0x10;
      expect(readInHand(changed, DIGEST)).toBe(null);
    }
  });

  it('is not found in any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(readInHand(bytes, DIGEST)).toBe(null);
      }),
    );
  });
});

describe('a key', () => {
  it.each<[string, RunEntry]>([
    ['client', entry('buoy-8', 'r-1')],
    ['id', entry('buoy-7', 'r-2')],
    ['values', entry('buoy-7', 'r-1', [0.1, 0.3])],
    ['order of values', entry('buoy-7', 'r-1', [0.2, 0.1])],
  ])('is another for another %s, in each half', (_, other) => {
    const [one, two] = [other, entry('buoy-7', 'r-1')].map((some) => keyOf(some));
    expect(one?.slice(0, 8)).not.toBe(two?.slice(0, 8));
    expect(one?.slice(8)).not.toBe(two?.slice(8));
  });
});
