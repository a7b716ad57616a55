// The tests of significance, held to published values.
import { expect, it } from 'vitest';
import { mcNemar, pairedDifference } from './significance.ts';

it('gives the two-sided binomial probability of the rows that differ', () => {
  const own = [...Array(9).fill(true), false, ...Array(10).fill(true)] as boolean[];
  const other = [...Array(9).fill(false), true, ...Array(10).fill(true)] as boolean[];
  const result = mcNemar(own, other);
  expect(result).toMatchObject({ onlyThis: 9, onlyOther: 1 });
  // 2 × (1 + 10) / 2^10
  expect(result.p).toBeCloseTo(22 / 1024, 12);
});

it('finds nothing where the models agree', () => {
  expect(mcNemar([true, false], [true, false])).toEqual({ onlyThis: 0, onlyOther: 0, p: 1 });
});

it('widens the interval of paired differences for shared training rows', () => {
  const differences = [0.1, 0.2, 0.15, 0.05, 0.1, 0.2, 0.25, 0.1, 0.15, 0.2];
  const { high, low, mean } = pairedDifference(differences, 1 / 9);
  expect(mean).toBeCloseTo(0.15);
  // t(9) = 2.262, standard deviation 0.0624, times the root of 1/10 + 1/9
  expect(high - mean).toBeCloseTo(2.262 * 0.06236 * Math.sqrt(1 / 10 + 1 / 9), 3);
  expect(mean - low).toBeCloseTo(high - mean, 12);
});
