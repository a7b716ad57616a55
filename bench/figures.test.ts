import { describe, expect, it } from 'vitest';
import { describeBar, figureOf, isMet, type Measured, misses } from './figures.ts';

const measured = (who: string, values: number[]): Measured => ({
  what: 'QoS 0',
  who,
  unit: 'readings/s',
  values,
});

describe('figureOf', () => {
  it('judges the ratio where there is a peer', () => {
    const figure = figureOf(measured('ours', [9, 18]), measured('theirs', [10, 20]), {
      atLeast: 0.95,
    });
    expect(figure.versus).toEqual({ who: 'theirs', ratio: { value: 0.9, low: 0.9, high: 0.9 } });
    expect(figure.bar).toEqual({ atLeast: 0.95, met: false });
  });

  it('judges the value itself where there is none', () => {
    expect(figureOf(measured('ours', [120]), null, { atMost: 140 }).bar?.met).toBe(true);
    expect(figureOf(measured('ours', [141]), null, { atMost: 140 }).bar?.met).toBe(false);
  });
});

describe('bars', () => {
  it('are inclusive at both ends', () => {
    expect(isMet(0.95, { atLeast: 0.95 })).toBe(true);
    expect(isMet(1.25, { atMost: 1.25 })).toBe(true);
    expect(isMet(1.26, { atLeast: 1, atMost: 1.25 })).toBe(false);
  });

  it('name what was missed, and by how much', () => {
    const figures = [
      figureOf(measured('ours', [90]), measured('theirs', [100]), { atLeast: 0.95 }),
      figureOf(measured('ours', [99]), measured('theirs', [100]), { atLeast: 0.95 }),
    ];
    const result = { part: 'throughput', title: 'Throughput: embedded', figures, missing: [] };
    expect(misses([result])).toEqual(['Throughput: embedded, QoS 0, ours: 0.900, wanted ≥ 0.95']);
    const why = [{ who: 'throughput', why: 'nobody answers' }];
    const failed = { ...result, figures: [], missing: why, failed: true } as const;
    expect(misses([failed])).toEqual(['throughput: nobody answers']);
    expect(describeBar({ atLeast: 1, atMost: 2 })).toBe('≥ 1, ≤ 2');
  });
});
