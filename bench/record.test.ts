import { describe, expect, it } from 'vitest';
import type { Machine } from './machine.ts';
import { addToRecord, type Recorded, readRecord, renderRecord } from './record.ts';

const ORDER = ['throughput', 'cbor', 'memory'];
const recorded = (part: string, commit: string, failed = false): Recorded => ({
  part,
  machine: { commit } as Machine,
  results: [{ part, title: part, figures: [], missing: [], ...(failed && { failed }) }],
});
const commitsOf = (record: readonly Recorded[]) =>
  record.map(({ machine, part }) => `${part} ${machine.commit}`);

describe('the record of runs', () => {
  const before = [recorded('throughput', 'a'), recorded('memory', 'a')];

  it('gets a new part at its place, and a later run in the place of the earlier one', () => {
    const added = addToRecord(ORDER, before, recorded('cbor', 'b'));
    expect(commitsOf(added)).toEqual(['throughput a', 'cbor b', 'memory a']);
    const again = addToRecord(ORDER, added, recorded('throughput', 'c'));
    expect(commitsOf(again)).toEqual(['throughput c', 'cbor b', 'memory a']);
  });

  it('keeps what it has where a run has failed or found nothing', () => {
    expect(addToRecord(ORDER, before, recorded('memory', 'b', true))).toEqual(before);
    expect(addToRecord(ORDER, before, { ...recorded('memory', 'b'), results: [] })).toEqual(before);
  });

  it('is read as it was written, without parts that are no more', () => {
    const text = renderRecord([...before, recorded('gone', 'a')]);
    expect(readRecord(ORDER, text)).toEqual(before);
    expect(readRecord(ORDER, null)).toEqual([]);
    expect(() => readRecord(ORDER, '{}')).toThrow('no parts');
  });
});
