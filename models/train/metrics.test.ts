// The figures of merit, held to cases worked out by hand and to what they mean.
import { expect, it } from 'vitest';
import {
  accuracyOf,
  aucOf,
  brierOf,
  calibrationErrorOf,
  calibrationRangeOf,
  confusionOf,
  costOf,
  deviationOf,
  logLossOf,
  meanOf,
  reliabilityOf,
  rocOf,
  type Scored,
} from './metrics.ts';
import { createRandom } from './random.ts';

const row = (probability: number, positive: boolean): Scored => ({ probability, positive });
const SIX = [
  row(0.9, true),
  row(0.8, true),
  row(0.7, false),
  row(0.4, true),
  row(0.3, false),
  row(0.1, false),
];

it('counts hits, misses and false alarms at a threshold', () => {
  expect(confusionOf(SIX)).toEqual({ hits: 2, misses: 1, falseAlarms: 1, rejections: 2 });
  expect(confusionOf(SIX, 0.35)).toEqual({ hits: 3, misses: 0, falseAlarms: 1, rejections: 2 });
  expect(confusionOf(SIX, 0.4)).toEqual(confusionOf(SIX, 0.35));
  expect(accuracyOf(SIX)).toBeCloseTo(4 / 6);
});

it('gives the cost of misses and false alarms per row', () => {
  expect(costOf(SIX, 5, 0.5)).toBeCloseTo(6 / 6);
  expect(costOf(SIX, 5, 0.35)).toBeCloseTo(1 / 6);
});

it('gives log loss and Brier score', () => {
  const two = [row(0.5, true), row(0.2, false)];
  expect(logLossOf(two)).toBeCloseTo(-(Math.log(0.5) + Math.log(0.8)) / 2);
  expect(brierOf(two)).toBeCloseTo((0.25 + 0.04) / 2);
  expect(logLossOf([row(0, true)])).toBeCloseTo(-Math.log(1e-15));
});

it('gives as area under the curve the share of pairs in the right order, ties as half', () => {
  expect(aucOf(SIX)).toBeCloseTo(8 / 9);
  expect(aucOf(SIX.map(({ positive }) => row(0.5, positive)))).toBeCloseTo(0.5);
  expect(rocOf(SIX).at(-1)).toEqual({ falseRate: 1, hitRate: 1 });
});

it('gives the calibration error of bins that promise too much', () => {
  const scored = [row(0.95, true), row(0.95, false), row(0.05, false), row(0.05, false)];
  expect(reliabilityOf(scored)).toMatchObject([
    { rows: 2, share: 0 },
    { rows: 2, share: 0.5 },
  ]);
  expect(calibrationErrorOf(scored)).toBeCloseTo((2 * 0.05 + 2 * 0.45) / 4);
});

it('simulates the range in which a calibrated model stays and an overconfident one does not', () => {
  const random = createRandom(11);
  const probabilities = Array.from({ length: 400 }, () => random.next());
  const honest = probabilities.map((p) => row(p, random.next() < p));
  const [low, high] = calibrationRangeOf(honest, 1);
  expect(low).toBeGreaterThan(0);
  expect(calibrationErrorOf(honest)).toBeGreaterThan(low);
  expect(calibrationErrorOf(honest)).toBeLessThan(high);
  const boastful = honest.map(({ probability, positive }) =>
    row(Math.round(probability), positive),
  );
  expect(calibrationErrorOf(boastful)).toBeGreaterThan(calibrationRangeOf(boastful, 1)[1]);
});

it('gives mean and sample standard deviation', () => {
  expect(meanOf([1, 2, 6])).toBe(3);
  expect(meanOf([])).toBe(0);
  expect(deviationOf([1, 3])).toBeCloseTo(Math.SQRT2);
  expect(deviationOf([4])).toBe(0);
});
