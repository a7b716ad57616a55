import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimate, logLogSlope, median, ratioOf } from './statistics.ts';

describe('median', () => {
  it('is the middle of an odd number of values and the mean of the two middles otherwise', () => {
    expect(median([9, 1, 10])).toBe(9);
    expect(median([4, 1, 10, 2])).toBe(3);
  });

  it('refuses nothing at all', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('estimate', () => {
  it('lies in its interval, and the interval in the values', () => {
    const values = fc.array(fc.double({ min: 0.1, max: 1e6, noNaN: true }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(values, (rounds) => {
        const { high, low, value } = estimate(rounds);
        expect(low).toBeGreaterThanOrEqual(Math.min(...rounds));
        expect(low).toBeLessThanOrEqual(value);
        expect(value).toBeLessThanOrEqual(high);
        expect(high).toBeLessThanOrEqual(Math.max(...rounds));
      }),
      { numRuns: 20 },
    );
  });

  it('is the same for the same values', () => {
    const values = Array.from({ length: 25 }, (_, index) => (index * 37.7) ** 1.5 % 11);
    expect(estimate(values)).toEqual(estimate(values));
  });

  it('covers the median of what was sampled about 95 times of 100', () => {
    // Exponential waiting times by inversion, from a low-discrepancy sequence: median log 2.
    let serial = 0;
    const sample = () => {
      serial += 1;
      return -Math.log(1 - ((serial * 0.618_033_988_749_895) % 1) * 0.999);
    };
    const shuffled = Array.from({ length: 1500 }, sample);
    for (let at = shuffled.length - 1; at > 0; at -= 1) {
      const other = (at * 7919 + 104_729) % (at + 1);
      [shuffled[at], shuffled[other]] = [shuffled[other] as number, shuffled[at] as number];
    }
    let covered = 0;
    for (let run = 0; run < 100; run += 1) {
      const { high, low } = estimate(shuffled.slice(run * 15, run * 15 + 15));
      if (low <= Math.LN2 && Math.LN2 <= high) covered += 1;
    }
    expect(covered).toBeGreaterThan(85);
    expect(covered).toBeLessThan(100);
  });
});

describe('ratioOf', () => {
  it('compares round by round, so that a drift of both cancels out', () => {
    expect(ratioOf([10, 20, 40], [5, 10, 20])).toEqual({ value: 2, low: 2, high: 2 });
  });

  it('refuses rounds without a partner, and a partner of nothing', () => {
    expect(() => ratioOf([1, 2], [1])).toThrow('without a partner');
    expect(() => ratioOf([1], [0])).toThrow('by nothing');
  });
});

describe('logLogSlope', () => {
  it('is the exponent of a power law', () => {
    const points = [1, 10, 100, 1000].map((x) => ({ x, y: 3 * x ** 1.3 }));
    expect(logLogSlope(points)).toBeCloseTo(1.3, 10);
  });

  it('refuses points without extent and numbers without a logarithm', () => {
    expect(() => logLogSlope([{ x: 2, y: 1 }])).toThrow(RangeError);
    expect(() =>
      logLogSlope([
        { x: 1, y: 0 },
        { x: 2, y: 1 },
      ]),
    ).toThrow(RangeError);
  });
});
