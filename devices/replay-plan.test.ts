import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlanOptions, planReplay } from './replay-plan.ts';

const ROWS = Array.from({ length: 7 }, (_, at) => ({ values: [at / 10, 0.5], label: `l${at}` }));

function take(count: number, options: Partial<PlanOptions> = {}) {
  const plan = planReplay({
    rows: ROWS,
    noise: 0,
    limits: { minimum: 0, maximum: 1 },
    seed: 1,
    ...options,
  });
  return Array.from(
    { length: count },
    () => plan.next().value as { values: number[]; label: string },
  );
}

describe('planReplay', () => {
  it('gives the same readings for the same seed and others for another', () => {
    expect(take(50, { noise: 0.1 })).toEqual(take(50, { noise: 0.1 }));
    expect(take(50, { noise: 0.1 })).not.toEqual(take(50, { noise: 0.1, seed: 2 }));
  });

  it('gives every row once before any comes again, with its label', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const plan = take(14, { seed });
        for (const pass of [plan.slice(0, 7), plan.slice(7)]) {
          expect(pass.toSorted((a, b) => (a.label < b.label ? -1 : 1))).toEqual(ROWS);
        }
      }),
    );
  });

  it('adds noise of the given spread, and never leaves the limits', () => {
    const middle = [{ values: [0.5], label: 'x' }];
    const noisy = take(4000, { rows: middle, noise: 0.1 }).map(({ values }) => values[0] as number);
    const mean = noisy.reduce((sum, value) => sum + value, 0) / noisy.length;
    const variance = noisy.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noisy.length;
    expect(mean).toBeCloseTo(0.5, 1);
    expect(Math.sqrt(variance)).toBeCloseTo(0.1, 1);
    const wild = take(1000, { noise: 5 }).flatMap(({ values }) => values);
    expect(Math.min(...wild)).toBe(0);
    expect(Math.max(...wild)).toBe(1);
  });

  it('ends at once without rows', () => {
    expect(
      planReplay({ rows: [], noise: 0, limits: { minimum: 0, maximum: 1 }, seed: 1 }).next().done,
    ).toBe(true);
  });
});
