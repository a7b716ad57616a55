import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLayout } from './csv-layout.ts';
import { headerFields, labelsOfHeader, toCell, toLine } from './csv-output.ts';

describe('toLine', () => {
  it('writes one line that reads back as the cells, whatever the fields hold', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 2 }), (fields) => {
        const line = toLine(fields);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(parse(line)).toEqual([fields.map(toCell)]);
      }),
    );
  });
});

describe('labelsOfHeader', () => {
  it('finds the labels in a header of the same layout and in no other', () => {
    const labelled = readLayout(['id', 'a', 'label'], ['1', '2', 'rock']);
    const bare = readLayout(['id', 'a'], ['1', '2']);
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), (labels) => {
        const header = headerFields(labelled, labels).map(toCell);
        expect(labelsOfHeader(header, labelled)?.map(toCell)).toEqual(
          labels.map((label) => toCell(`score_${label}`).slice('score_'.length)).map(toCell),
        );
        expect(labelsOfHeader(header, bare)).toBeNull();
      }),
    );
  });
});
