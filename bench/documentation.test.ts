import { describe, expect, it } from 'vitest';
import { NOTES, renderDocumentation } from './documentation.ts';
import { figureOf, type PartResult } from './figures.ts';

const machine = {
  date: '2026-01-31T12:00:00.000Z',
  commit: 'abc1234',
  processor: '2 × Fast',
  memory: '24 GiB',
  system: 'Linux',
  loadBefore: 0.214,
  versions: { node: 'v20.20.2', mosquitto: '2.0.11' },
};
const result = (limit: number): PartResult => ({
  part: 'memory',
  title: 'Memory',
  figures: [
    figureOf({ what: 'idle', who: 'agent', unit: 'MB', values: [150] }, null, { atMost: limit }),
  ],
  missing: [],
});

describe('renderDocumentation', () => {
  it('names the machine, the versions, the day, every figure and the chart', () => {
    const page = renderDocumentation(machine, [result(200)], 'performance.svg', null);
    expect(page).toContain('- 2026-01-31, commit abc1234');
    expect(page).toContain('- 2 × Fast, 24 GiB, load before the run 0.21');
    expect(page).toContain('node v20.20.2, mosquitto 2.0.11');
    expect(page).toContain('| idle | agent | 150 MB |');
    expect(page).toContain('](performance.svg)');
    expect(page).toContain('Every bar was met.');
  });

  it('says first what was not met', () => {
    const page = renderDocumentation(machine, [result(140)], 'performance.svg', null);
    expect(page).toContain('Not met:\n\n- memory: idle, agent: 150, wanted ≤ 140');
  });

  it('keeps what was written by hand when it is written again', () => {
    const first = renderDocumentation(machine, [result(200)], 'a.svg', null);
    const again = renderDocumentation(machine, [], 'b.svg', `${first}## What was found\n`);
    expect(again.endsWith(`${NOTES}\n## What was found\n`)).toBe(true);
    expect(again).not.toContain('a.svg');
  });
});
