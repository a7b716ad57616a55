// Shows that raw outputs become probabilities or an exception, and nothing in between.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toProbabilities } from './probabilities.ts';

const of = (...values: number[]) => Float32Array.of(...values);

describe('probabilities', () => {
  it('pass as they are, in a new array', () => {
    const output = of(0.25, 0.75, 1, 0);
    const scores = toProbabilities(output, 2, 2, 'none');
    expect(scores).toEqual(output);
    expect(scores).not.toBe(output);
  });

  it('come from logits by softmax, however large', () => {
    expect([...toProbabilities(of(1000, 1000, -1000), 1, 3, 'softmax')]).toEqual([0.5, 0.5, 0]);
    const [first, second] = toProbabilities(of(1, 0), 1, 2, 'softmax');
    expect(first).toBeCloseTo(Math.E / (Math.E + 1), 6);
    expect(second).toBeCloseTo(1 / (Math.E + 1), 6);
  });

  it('come from one logit for the second of two labels', () => {
    const scores = toProbabilities(of(0, Math.log(3)), 2, 2, 'sigmoid');
    expect([...scores].map((score) => score.toFixed(4))).toEqual([
      '0.5000',
      '0.5000',
      '0.2500',
      '0.7500',
    ]);
  });

  it('come from one probability for the second of two labels', () => {
    expect([...toProbabilities(of(0.25), 1, 2, 'none')]).toEqual([0.75, 0.25]);
  });

  it('are cut to 0 and 1 where rounding has passed them', () => {
    expect([...toProbabilities(of(1.0000001, -0.0000001), 1, 2, 'none')]).toEqual([1, 0]);
  });

  it.each<[string, Float32Array, number, 'none' | 'softmax' | 'sigmoid', string]>([
    ['NaN', of(Number.NaN, 1), 2, 'none', 'gave NaN'],
    ['NaN among logits', of(Number.NaN, 1), 2, 'softmax', 'gave NaN'],
    ['an infinite logit', of(Number.POSITIVE_INFINITY, 1), 2, 'softmax', 'gave NaN'],
    ['NaN before a sigmoid', of(Number.NaN), 2, 'sigmoid', 'gave NaN'],
    ['no probability', of(1.5, -0.5), 2, 'none', 'gave 1.5'],
    ['a sum of 0.9', of(0.5, 0.4), 2, 'none', 'add up to 0.9'],
    ['a column too many', of(0.5, 0.25, 0.25), 2, 'none', '3 numbers for 1 rows × 2 labels'],
    ['a sigmoid over two columns', of(0.5, 0.5), 2, 'sigmoid', 'does not fit 2 columns'],
    ['a softmax over one column', of(0.5), 2, 'softmax', 'does not fit 1 columns'],
    ['nothing', of(), 2, 'none', '0 numbers'],
  ])('are refused for %s', (_, output, labels, activation, message) => {
    expect(() => toProbabilities(output, 1, labels, activation)).toThrow(message);
  });

  it('are finite and add up to one for whatever a model gives, or are refused', () => {
    const anything = fc.float({ noDefaultInfinity: false, noNaN: false });
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.array(anything, { minLength: 1, maxLength: 20 }),
        fc.constantFrom('none' as const, 'softmax' as const, 'sigmoid' as const),
        (labels, values, activation) => {
          const rows = Math.max(1, Math.floor(values.length / labels));
          let scores: Float32Array;
          try {
            scores = toProbabilities(Float32Array.from(values), rows, labels, activation);
          } catch {
            return;
          }
          for (let row = 0; row < rows; row += 1) {
            const own = [...scores.subarray(row * labels, (row + 1) * labels)];
            expect(own.every((score) => score >= 0 && score <= 1)).toBe(true);
            expect(Math.abs(own.reduce((sum, score) => sum + score, 0) - 1)).toBeLessThan(2e-3);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
