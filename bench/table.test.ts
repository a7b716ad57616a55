import { describe, expect, it } from 'vitest';
import { figureOf, type Measured } from './figures.ts';
import { renderMarkdown, renderTable } from './table.ts';

const ours: Measured = { what: 'window 1', who: 'agent', unit: 'ms', values: [0.3, 0.3, 0.3] };
const result = {
  part: 'throughput',
  title: 'Throughput',
  figures: [
    figureOf(
      { ...ours, note: '2 lost' },
      { ...ours, who: 'bare', values: [0.2, 0.2, 0.2] },
      {
        atMost: 1.25,
      },
    ),
    figureOf({ ...ours, who: 'bare', values: [12, 12, 12] }),
  ],
  missing: [{ who: 'Node-RED', why: 'not asked for' }],
};

describe('tables', () => {
  it('line up for a terminal, with ratio, interval, bar, verdict and note', () => {
    expect(renderTable(result).split('\n')).toEqual([
      'Throughput',
      'what      who       median     95 % interval  ratio  95 % interval  to    bar',
      'window 1  agent   0.300 ms    0.300 to 0.300   1.50   1.50 to 1.50  bare  ≤ 1.25  NOT met; 2 lost',
      'window 1  bare   12.000 ms  12.000 to 12.000',
      'not run: Node-RED: not asked for',
    ]);
  });

  it('write a figure once that stands beside several peers', () => {
    const figures = ['bare', 'naive'].map((who) => figureOf(ours, { ...ours, who }));
    const lines = renderTable({ ...result, figures, missing: [] }).split('\n');
    expect(lines[2]).toContain('window 1  agent');
    expect(lines[3]?.trim()).toBe('1.00   1.00 to 1.00  naive');
  });

  it('are tables of Markdown for the documentation', () => {
    const lines = renderMarkdown(result).split('\n');
    expect(lines[0]).toBe('## Throughput');
    expect(lines[4]).toBe(
      '| window 1 | agent | 0.300 ms | 0.300 to 0.300 | 1.50 | 1.50 to 1.50 | bare | ≤ 1.25 | NOT met; 2 lost |',
    );
    expect(lines.at(-1)).toBe('Not run: Node-RED: not asked for');
    expect(renderMarkdown({ ...result, figures: [] })).not.toContain('| what |');
    expect(renderTable({ ...result, figures: [] })).not.toContain('interval');
    const columns = lines.slice(2, 6).map((line) => line.split(' | ').length);
    expect(new Set(columns).size).toBe(1);
  });
});
