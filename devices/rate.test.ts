import { describe, expect, it } from 'vitest';
import { Rate } from './rate.ts';

describe('Rate', () => {
  it('tells the mean of the last ten seconds', () => {
    const rate = new Rate(0);
    for (let ms = 0; ms < 60_000; ms += 100) rate.add(1, ms);
    expect(rate.perSecond(60_000)).toBeCloseTo(10, 5);
    expect(rate.perSecond(64_000)).toBeCloseTo((10 * 5) / 9, 5);
    expect(rate.perSecond(75_000)).toBe(0);
  });

  it('does not divide by seconds that were not there at the start', () => {
    const rate = new Rate(5_000);
    for (let ms = 5_000; ms < 7_000; ms += 100) rate.add(1, ms);
    expect(rate.perSecond(7_000)).toBeCloseTo(10, 5);
  });
});
