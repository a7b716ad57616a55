// The split file: written, read back, and refused where it does not fit its data.
import { expect, it } from 'vitest';
import { parseDataset } from './csv.ts';
import { formatSplit, parseSplit, type Split } from './split.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const data = parseDataset('a,label\n1,x\n2,y\n3,x\n4,y\n');
const split: Split = {
  schema: 'echolot/split/v1',
  data: DIGEST,
  seed: 1,
  fraction: 0.5,
  train: [0, 3],
  heldOut: [1, 2],
};
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

it('is read back as it was written', () => {
  expect(parseSplit(Buffer.from(formatSplit(split)), data, DIGEST)).toEqual(split);
});

it.each([
  ['no JSON', Buffer.from('{'), /no JSON/],
  ['another schema', bytesOf({ ...split, schema: 'other' }), /schema/],
  ['other data', bytesOf({ ...split, data: `sha256:${'b'.repeat(64)}` }), /is for the data/],
  ['a row in both parts', bytesOf({ ...split, train: [0, 1] }), /each of the 4 rows once/],
  ['a row in no part', bytesOf({ ...split, train: [0] }), /each of the 4 rows once/],
  ['a row beyond the end', bytesOf({ ...split, train: [0, 4] }), /each of the 4 rows once/],
])('is refused with %s', (_, bytes, message) => {
  expect(() => parseSplit(bytes, data, DIGEST)).toThrow(message);
});
