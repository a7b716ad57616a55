import { describe, expect, it } from 'vitest';
import { leadsToJournal, markLevel, markText } from './journal.ts';

describe('the journal of systemd', () => {
  it('is where standard error leads only if device and inode are those of the variable', () => {
    const stat = { dev: 9n, ino: 71_238_111_111_111_111n };
    expect(leadsToJournal({ JOURNAL_STREAM: '9:71238111111111111' }, stat)).toBe(true);
    for (const other of ['9:71238111111111112', '8:71238111111111111', '', '9:', 'x'])
      expect(leadsToJournal({ JOURNAL_STREAM: other }, stat), other).toBe(false);
    expect(leadsToJournal({}, stat)).toBe(false);
  });

  it.each([
    [60, 2],
    [50, 3],
    [40, 4],
    [30, 6],
    [20, 7],
    [10, 7],
  ])('files level %i of pino under priority %i', (level, priority) => {
    expect(markLevel(level, '{"level":1}\n')).toBe(`<${priority}>{"level":1}\n`);
  });

  it('files what is told to people by its first word, line by line', () => {
    expect(markText('error: broken\nhint: mend it\n')).toBe('<3>error: broken\n<3>hint: mend it\n');
    expect(markText('warning: unknown variable ECHOLOT_X\n')).toBe(
      '<4>warning: unknown variable ECHOLOT_X\n',
    );
    expect(markText('3 stored\n\nnote: a\n')).toBe('<6>3 stored\n\n<6>note: a\n');
    expect(markText('constructor: x')).toBe('<6>constructor: x');
    expect(markText('hint: report\n    at a.js:1\nx')).toBe(
      '<3>hint: report\n<3>    at a.js:1\n<6>x',
    );
  });
});
