// Splits and folds: every row once, every label with its share, the same for the same seed.
import { expect, it } from 'vitest';
import type { Dataset } from '../csv.ts';
import { createRandom } from './random.ts';
import { makeFolds, makeSplit } from './stratify.ts';

const data: Dataset = {
  width: 1,
  labels: ['a', 'b'],
  rows: Array.from({ length: 50 }, (_, row) => Float64Array.of(row)),
  targets: Array.from({ length: 50 }, (_, row) => (row < 30 ? 0 : 1)),
};
const digest = `sha256:${'a'.repeat(64)}`;
const all = Array.from({ length: 50 }, (_, row) => row);
const ascending = (a: number, b: number) => a - b;

it('holds out the same fraction of every label', () => {
  const { heldOut, train } = makeSplit(data, { seed: 4, fraction: 0.3, digest });
  expect([...train, ...heldOut].sort(ascending)).toEqual(all);
  expect(heldOut.filter((row) => row < 30)).toHaveLength(9);
  expect(heldOut.filter((row) => row >= 30)).toHaveLength(6);
});

it('gives the same split for the same seed', () => {
  const split = (seed: number) => makeSplit(data, { seed, fraction: 0.3, digest });
  expect(split(4)).toEqual(split(4));
  expect(split(4).heldOut).not.toEqual(split(5).heldOut);
});

it('tests every row in one fold and trains on all others there', () => {
  const folds = makeFolds(data, 10, createRandom(1));
  expect(folds.flatMap(({ test }) => [...test]).sort(ascending)).toEqual(all);
  for (const { test, train } of folds) {
    expect([...test, ...train].sort(ascending)).toEqual(all);
    expect(test.filter((row) => row < 30)).toHaveLength(3);
    expect(test).toHaveLength(5);
  }
});
