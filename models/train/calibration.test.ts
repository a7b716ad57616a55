// Platt's calibration: finds the sigmoid that made the data, and is finite where a sigmoid is not.
import { expect, it } from 'vitest';
import { fitCalibration } from './calibration.ts';
import { createRandom } from './random.ts';
import { logistic } from './trainer.ts';

it('finds the slope and offset that made the targets', () => {
  const random = createRandom(3);
  const outputs = Float64Array.from({ length: 20_000 }, () => 2 * random.normal());
  const targets = outputs.map((output) => (random.next() < logistic(1.5 * output - 0.7) ? 1 : 0));
  const { offset, slope } = fitCalibration(outputs, targets);
  expect(slope).toBeCloseTo(1.5, 1);
  expect(offset).toBeCloseTo(-0.7, 1);
});

it('stays finite where the outputs separate the targets', () => {
  const { loss, offset, slope } = fitCalibration(
    Float64Array.of(-2, -1, 1, 2),
    Float64Array.of(0, 0, 1, 1),
  );
  expect([loss, offset, slope].every(Number.isFinite)).toBe(true);
  expect(slope).toBeGreaterThan(0);
  expect(logistic(2 * slope + offset)).toBeLessThan(0.95);
});

it('gives the share of the targets where the outputs say nothing', () => {
  const { offset, slope } = fitCalibration(
    new Float64Array(8),
    Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0),
  );
  expect(logistic(slope * 5 + offset)).toBeGreaterThan(0.1);
  expect(logistic(offset)).toBeCloseTo((2 * (3 / 4) + 6 / 8) / 8, 6);
});
