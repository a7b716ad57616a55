import { describe, expect, it } from 'vitest';
import { NOTES, renderDocumentation } from './documentation.ts';
import { figureOf, type PartResult } from './figures.ts';
import type { Recorded } from './record.ts';

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

const recorded = (limit: number, more = {}): Recorded => ({
  part: 'memory',
  machine: { ...machine, ...more },
  results: [result(limit)],
});

describe('renderDocumentation', () => {
  it('names the machine, the versions, the day, every figure and the chart', () => {
    const page = renderDocumentation([recorded(200)], 'performance.svg', null);
    expect(page).toContain('2026-01-31, commit abc1234, load before the run 0.21.');
    expect(page).toContain('- 2 × Fast, 24 GiB; Linux; node v20.20.2, mosquitto 2.0.11');
    expect(page).toContain('| idle | agent | 150 MB |');
    expect(page).toContain('](performance.svg)');
    expect(page).toContain('Every bar was met.');
  });

  it('tells the day and the commit of each part, and once what they have in common', () => {
    const later = recorded(200, { date: '2026-02-01T12:00:00.000Z', commit: 'def5678' });
    const page = renderDocumentation([recorded(200), later], 'a.svg', null);
    expect(page).toContain('2026-01-31, commit abc1234');
    expect(page).toContain('2026-02-01, commit def5678');
    expect(page.match(/2 × Fast/g)).toHaveLength(1);
    const elsewhere = { ...recorded(200, { processor: '4 × Slow' }), part: 'clients' };
    const both = renderDocumentation([recorded(200), elsewhere], 'a.svg', null);
    expect(both).toContain('- memory: 2 × Fast');
    expect(both).toContain('- clients: 4 × Slow');
  });

  it('says first what was not met', () => {
    const page = renderDocumentation([recorded(140)], 'performance.svg', null);
    expect(page).toContain('Not met:\n\n- Memory, idle, agent: 150, wanted ≤ 140');
  });

  it('keeps what was written by hand when it is written again', () => {
    const first = renderDocumentation([recorded(200)], 'a.svg', null);
    const again = renderDocumentation([], 'b.svg', `${first}## What was found\n`);
    expect(again.endsWith(`${NOTES}\n## What was found\n`)).toBe(true);
    expect(again).not.toContain('a.svg');
  });
});
