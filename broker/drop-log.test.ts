// What the log says of lost messages and broken connections, and that a flood cannot fill it.
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { DropLog } from './drop-log.ts';

const WHO = { username: 'dev-1', clientId: 'dev-1', address: '127.0.0.1:1000' };

let nowMs: number;
let lines: Record<string, unknown>[];
let drops: DropLog;

beforeEach(() => {
  nowMs = 0;
  lines = [];
  const log = pino(
    { base: null, timestamp: false },
    { write: (line) => lines.push(JSON.parse(line)) },
  );
  drops = new DropLog(log, () => nowMs);
});

describe('the log of dropped messages', () => {
  it('says the first of each reason and victim at once, and the others as a count', () => {
    for (const who of ['a', 'a', 'b', 'a']) drops.dropped('session-full', who);
    drops.dropped('subscriber-slow', 'a');
    expect(lines).toEqual([
      { level: 40, reason: 'session-full', who: 'a', count: 1, msg: 'message dropped' },
      { level: 40, reason: 'session-full', who: 'b', count: 1, msg: 'message dropped' },
      { level: 40, reason: 'subscriber-slow', who: 'a', count: 1, msg: 'message dropped' },
    ]);
    nowMs = 9999;
    drops.dropped('session-full', 'a');
    expect(lines).toHaveLength(3);
    nowMs = 10_000;
    for (const who of ['a', 'a']) drops.dropped('session-full', who);
    expect(lines.slice(3)).toEqual([
      { level: 40, reason: 'session-full', who: 'a', count: 3, msg: 'messages dropped' },
      { level: 40, reason: 'session-full', who: 'a', count: 1, msg: 'message dropped' },
    ]);
  });

  it('names a thousand victims at most, and escapes what they are called', () => {
    for (let index = 0; index < 1001; index += 1) drops.dropped('retained-full', `t\n${index}`);
    expect(lines).toHaveLength(1000);
    expect(lines[0]).toMatchObject({ who: 't\\u{a}0' });
    drops.dropped('retained-full', 't\n0');
    drops.flush();
    expect(lines.slice(1000)).toMatchObject([{ who: 't\\u{a}0', count: 1 }]);
  });
});

describe('the log of broken connections', () => {
  it('says who, from where and why, once per username and error', () => {
    drops.broken(WHO, new Error('drain timeout'));
    drops.broken({ ...WHO, address: '127.0.0.1:2000' }, new Error('drain timeout'));
    drops.broken(WHO, new Error('keep alive timeout'));
    drops.broken({ ...WHO, username: null }, new Error('drain timeout'));
    expect(lines).toMatchObject([
      { ...WHO, detail: 'drain timeout', msg: 'connection ended by an error' },
      { ...WHO, detail: 'keep alive timeout' },
      { username: null, detail: 'drain timeout' },
    ]);
    drops.flush();
    drops.flush();
    expect(lines.slice(3)).toEqual([
      { level: 40, count: 1, msg: 'more connections ended by errors' },
    ]);
  });

  it('begins anew with every interval', () => {
    drops.broken(WHO, new Error('drain timeout'));
    nowMs = 10_000;
    drops.broken(WHO, new Error('drain timeout'));
    drops.broken(WHO, new Error('drain timeout'));
    expect(lines).toMatchObject([{ detail: 'drain timeout' }, { detail: 'drain timeout' }]);
  });

  it('names a thousand at most, and escapes what strangers chose', () => {
    drops.broken({ ...WHO, clientId: 'a\nb' }, new Error('bad\u001b[2J'));
    expect(lines).toMatchObject([{ clientId: 'a\\u{a}b', detail: 'bad\\u{1b}[2J' }]);
    for (let index = 0; index < 1100; index += 1) drops.broken(WHO, new Error(`error ${index}`));
    expect(lines).toHaveLength(1000);
  });
});
