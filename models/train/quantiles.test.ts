// The quantile transform: the training rows come out uniform, and nothing leaves its range.
import { expect, it } from 'vitest';
import { fitQuantiles } from './quantiles.ts';
import { createRandom } from './random.ts';

const random = createRandom(1);
const rows = Array.from({ length: 400 }, () => Float64Array.of(random.next() ** 3, random.next()));
const HALF = Math.sqrt(12) / 2;

it('maps the quantiles to even steps', () => {
  const { apply } = fitQuantiles(rows, 4);
  const sorted = rows.map((row) => row[0] as number).sort((a, b) => a - b);
  for (const [step, share] of [0, 0.25, 0.5, 0.75, 1].entries()) {
    const place = share * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]] as [
      number,
      number,
    ];
    const value = below + (above - below) * (place - Math.floor(place));
    const expected = (step / 4 - 0.5) * 2 * HALF;
    expect(apply(Float64Array.of(value, 0.5))[0]).toBeCloseTo(expected, 4);
  }
});

it('is flat beyond the training rows', () => {
  const { apply } = fitQuantiles(rows, 3);
  expect([...apply(Float64Array.of(-5, 7))]).toEqual([
    expect.closeTo(-HALF, 9),
    expect.closeTo(HALF, 9),
  ]);
});

it('stays finite and within its range where a column has one value only', () => {
  const { apply } = fitQuantiles([Float64Array.of(0.5), Float64Array.of(0.5)], 3);
  for (const value of [0, 0.5, 1]) {
    expect(Math.abs(apply(Float64Array.of(value))[0] as number)).toBeLessThanOrEqual(HALF + 1e-9);
  }
});
