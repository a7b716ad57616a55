// What the log of refusals says, how often, and that a flood cannot fill it.
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Refusal, RefusalLog } from './refusal-log.ts';

const REFUSAL: Refusal = {
  verb: 'publish',
  username: 'dev-1',
  clientId: 'dev-1',
  address: '127.0.0.1:1000',
  topic: 'a/b',
  reason: 'no rule',
};

let nowMs: number;
let lines: Record<string, unknown>[];
let refusals: RefusalLog;

beforeEach(() => {
  nowMs = 0;
  lines = [];
  const log = pino(
    { base: null, timestamp: false },
    { write: (line) => lines.push(JSON.parse(line)) },
  );
  refusals = new RefusalLog(log, () => nowMs);
});

function refuse(...changes: Partial<Refusal>[]): void {
  for (const change of changes) refusals.refused({ ...REFUSAL, ...change });
}

describe('the log of refusals', () => {
  it('says at once who was refused what and why', () => {
    refuse({});
    expect(lines).toEqual([{ level: 40, ...REFUSAL, msg: 'refused' }]);
  });

  it('has no topic where a login was refused', () => {
    refuse({ verb: 'connect', topic: null, username: null });
    expect(lines).toMatchObject([{ verb: 'connect', username: null }]);
    expect(lines[0]).not.toHaveProperty('topic');
  });

  it('says the same once, from whatever port, and what differs each for itself', () => {
    refuse({}, { address: '127.0.0.1:2000' }, {});
    expect(lines).toHaveLength(1);
    refuse({ verb: 'subscribe' }, { username: 'x' }, { clientId: 'x' }, { topic: 'x' });
    refuse({ reason: 'x' });
    expect(lines).toHaveLength(6);
  });

  it('counts what repeats, and says so when its minute is over', () => {
    refuse({}, {}, {}, { topic: 'once' });
    nowMs = 59_999;
    refuse({});
    expect(lines).toHaveLength(2);
    nowMs = 60_000;
    refuse({ topic: 'next' });
    expect(lines.slice(2)).toMatchObject([{ topic: 'a/b', repeated: 3 }, { topic: 'next' }]);
    expect(lines[3]).not.toHaveProperty('repeated');
    refuse({}, {});
    expect(lines).toHaveLength(5);
  });

  it('counts at the stop what is not yet said', () => {
    refuse({}, {});
    refusals.flush();
    refusals.flush();
    expect(lines.slice(1)).toMatchObject([{ repeated: 1 }]);
  });

  it('writes a thousand different ones a minute and counts the rest', () => {
    refuse(...Array.from({ length: 1003 }, (_, index) => ({ topic: `t/${index}` })));
    expect(lines).toHaveLength(1000);
    refusals.flush();
    expect(lines.slice(1000)).toEqual([
      { level: 40, count: 3, msg: 'more refusals than are logged' },
    ]);
    refusals.flush();
    expect(lines).toHaveLength(1001);
  });

  it('shortens and escapes what strangers chose', () => {
    const hostile = `\n${'x'.repeat(300)}`;
    refuse({ username: hostile, clientId: hostile, topic: hostile });
    const shown = `\\u{a}${'x'.repeat(199)}…`;
    expect(lines).toMatchObject([{ username: shown, clientId: shown, topic: shown }]);
    // Longer than what is shown makes no difference: such a flood counts as one.
    refuse({ username: hostile, clientId: hostile, topic: `${hostile}y` });
    expect(lines).toHaveLength(1);
  });
});
