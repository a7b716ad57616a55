import { describe, expect, it } from 'vitest';
import { prettyEntry } from './journal-entry.ts';

const time = new Date(2026, 10, 21, 5, 4, 3, 7).getTime();
const pretty = (entry: object) =>
  prettyEntry(
    JSON.stringify({
      __REALTIME_TIMESTAMP: `${time}999`,
      _SYSTEMD_UNIT: 'echolot-agent@edge-1.service',
      PRIORITY: '6',
      ...entry,
    }),
    false,
  );

describe('an entry of the journal', () => {
  it('is the line of the log that a service wrote, with its name', () => {
    const line = JSON.stringify({ level: 40, time, msg: 'broker unreachable', detail: 'gone' });
    expect(pretty({ MESSAGE: line, PRIORITY: '4' })).toBe(
      '2026-11-21 05:04:03.007 edge-1 warning broker unreachable detail=gone',
    );
    const broker = { MESSAGE: line, _SYSTEMD_UNIT: 'echolot-broker.service' };
    expect(pretty(broker)).toContain(' broker warning broker unreachable');
  });

  it.each([
    ['2', 'fatal'],
    ['3', 'error'],
    ['4', 'warning'],
    ['5', 'info'],
    ['7', 'debug'],
    ['x', 'info'],
  ])('is text too, with the level of priority %s', (PRIORITY, word) => {
    const entry = { MESSAGE: 'hint: a b', PRIORITY };
    expect(pretty(entry)).toMatch(
      new RegExp(`^2026-11-21 05:04:03.007 edge-1 ${word} +hint: a b$`),
    );
  });

  it('is about the unit that systemd speaks of', () => {
    const entry = { _SYSTEMD_UNIT: 'init.scope', UNIT: 'echolot-agent@edge-2.service' };
    expect(pretty({ ...entry, MESSAGE: 'Started' })).toContain(' edge-2 info    Started');
  });

  it('is passed on where it is none', () => {
    expect(prettyEntry('-- No\u001bentries --', true)).toBe('-- No entries --');
  });

  it('may hold bytes, or nothing, and drives no terminal', () => {
    expect(pretty({ MESSAGE: [...Buffer.from('a\u001b[2Jb')] })).toMatch(/ a \[2Jb$/);
    expect(pretty({ MESSAGE: null })).toMatch(/ info {4}$/);
  });
});
