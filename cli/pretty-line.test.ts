import { describe, expect, it } from 'vitest';
import { type LogLine, prettyLine, readLogLine } from './pretty-line.ts';

const time = new Date(2026, 10, 21, 5, 4, 3, 7).getTime();
const read = (fields: object) =>
  readLogLine(JSON.stringify({ level: 30, time, msg: 'serving', ...fields })) as LogLine;
const pretty = (fields: object, hasColor = false) => prettyLine(read(fields), hasColor);

describe('a line of the log for people', () => {
  it('has the time of day, the level, the message and its fields', () => {
    expect(pretty({ models: ['sonar'], group: 'predictors', n: 3 })).toBe(
      '05:04:03.007 info    serving models=["sonar"] group=predictors n=3',
    );
    const failed = { level: 40, msg: 'broker away', detail: 'a "b" c', err: { message: 'lost' } };
    expect(pretty(failed)).toBe('05:04:03.007 warning broker away detail="a \\"b\\" c" cause=lost');
  });

  it.each([
    [60, 'fatal'],
    [50, 'error'],
    [40, 'warning'],
    [30, 'info'],
    [20, 'debug'],
    [10, 'trace'],
  ])('calls level %i %s', (level, word) => {
    expect(pretty({ level }).split(/ +/)[1]).toBe(word);
  });

  it('quotes what would read as something else', () => {
    expect(pretty({ a: '', b: 'x=y', c: 'a b', d: null, e: { f: 1 } })).toMatch(
      / a="" b="x=y" c="a b" d=null e=\{"f":1\}$/,
    );
  });

  it('passes on nothing that would drive the terminal or forge a line', () => {
    const evil = 'a\n05:04:03.007 error forged\u001b[2J\u202e\u009b1m';
    for (const line of [pretty({ topic: evil }), pretty({ [evil]: 1 }), pretty({ msg: evil })]) {
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(line).toMatch(/^05:04:03\.007 info /);
    }
  });

  it('is coloured where that is wanted, and says the same', () => {
    let colored = pretty({ level: 50, a: 1 }, true);
    expect(colored).toContain('\u001b[31merror\u001b[0m');
    for (const part of ['\u001b[31m', '\u001b[2m', '\u001b[0m'])
      colored = colored.replaceAll(part, '');
    expect(colored).toBe(pretty({ level: 50, a: 1 }));
  });

  it('has its day and who wrote it where several write', () => {
    expect(prettyLine(read({ a: 1 }), false, 'edge-1')).toBe(
      '2026-11-21 05:04:03.007 edge-1 info    serving a=1',
    );
  });

  it.each(['', 'error: x', '[]', 'null', '7', '{"level":30}', '{"time":1,"level":"30"}'])(
    'is not made of %j',
    (text) => {
      expect(readLogLine(text)).toBeNull();
    },
  );
});
