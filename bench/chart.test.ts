import { describe, expect, it } from 'vitest';
import { renderChart } from './chart.ts';
import { figureOf, type Measured } from './figures.ts';

const ours: Measured = { what: 'p50 < p99', who: 'agent', unit: 'ms', values: [3, 3] };
const theirs: Measured = { ...ours, who: 'R&D', values: [2, 2] };
const chartOf = (bar?: { atMost: number }) =>
  renderChart(
    [
      {
        part: 'latency',
        title: 'Latency',
        figures: [figureOf(ours, theirs, bar), figureOf(theirs)],
        missing: [],
      },
      { part: 'memory', title: 'Memory', figures: [figureOf(ours)], missing: [] },
    ],
    'here, today',
  );

describe('renderChart', () => {
  it('shows each ratio with its interval, and leaves out what has none', () => {
    const chart = chartOf();
    expect(chart.match(/<circle /g)).toHaveLength(1);
    expect(chart).toContain('Latency');
    expect(chart).not.toContain('Memory');
    expect(chart).toContain('here, today');
  });

  it('tells a bar that is met from one that is not, by more than the colour', () => {
    expect(chartOf({ atMost: 2 })).toContain('<circle ');
    expect(chartOf({ atMost: 1.25 })).not.toContain('<circle ');
    expect(chartOf({ atMost: 1.25 })).toContain('<path ');
  });

  it('escapes what stands in titles', () => {
    expect(chartOf()).toContain('p50 &lt; p99 (ms), to R&amp;D');
  });

  it('places a ratio right of the line of equality where we are slower', () => {
    const chart = chartOf();
    const dot = Number(/<circle cx="([\d.]+)"/.exec(chart)?.[1]);
    const equality = Number(/<line x1="([\d.]+)"[^>]*stroke-width="1.5"/.exec(chart)?.[1]);
    expect(dot).toBeGreaterThan(equality);
    expect(dot).toBeLessThan(960);
  });
});
