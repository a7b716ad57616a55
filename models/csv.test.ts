// Reading labelled CSV: good text becomes rows, bad text an error that names its place.
import { expect, it } from 'vitest';
import { DataError, parseDataset, selectRows } from './csv.ts';

it('reads rows, labels in sorted order, and either line ending', () => {
  const data = parseDataset('a,b,label\r\n0.5,1,rock\n\n0.25, 0 ,metal\n');
  expect(data).toMatchObject({ width: 2, labels: ['metal', 'rock'], targets: [1, 0] });
  expect(data.rows.map((row) => [...row])).toEqual([
    [0.5, 1],
    [0.25, 0],
  ]);
});

it('selects rows in the order asked for and keeps the labels of the whole', () => {
  const data = parseDataset('a,label\n1,x\n2,y\n3,x\n');
  expect(selectRows(data, [2, 0])).toMatchObject({ labels: ['x', 'y'], targets: [0, 0] });
});

it.each([
  ['nothing', '', /header line/],
  ['a header alone', 'a,label\n', /two different labels, found 0/],
  ['one label only', 'a,label\n1,x\n2,x\n', /two different labels, found 1/],
  ['a missing column', 'a,b,label\n1,x\n', /line 2 has 2 columns, the header has 3/],
  ['a word for a number', 'a,label\n1,x\ntwo,y\n', /line 3, column 1: "two" is no number/],
  ['an empty number', 'a,label\n,x\n', /line 2, column 1: "" is no number/],
  ['an infinite number', 'a,label\n1e999,x\n', /line 2, column 1/],
  ['no label', 'a,label\n1,\n', /line 2 has no label/],
])('refuses %s', (_, text, message) => {
  expect(() => parseDataset(text)).toThrow(DataError);
  expect(() => parseDataset(text)).toThrow(message);
});
