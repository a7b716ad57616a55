// What a restart brings back from the journal, and what of it is damaged and left out.
import { beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from './limits.ts';
import { MemoryJournal } from './memory-journal.fixture.ts';
import { restore } from './restore.ts';
import { Retained } from './retained.ts';
import { Sessions } from './sessions.ts';
import { SharedGroups } from './shared-groups.ts';

const READING = 'readings/dev-1/sonar';
const SHARE = '$share/g/readings/+/sonar';

let journal: MemoryJournal;

beforeEach(() => {
  journal = new MemoryJournal();
});

/** The parts of a broker that was just started, with what went to the members of its groups. */
function start() {
  const got: string[] = [];
  const dropped: string[] = [];
  const sessions = new Sessions(DEFAULT_LIMITS.session, journal);
  const retained = new Retained(DEFAULT_LIMITS.retained, journal);
  const groups = new SharedGroups<string>(DEFAULT_LIMITS.group, {
    send: (who, { payload }) => got.push(`${who}: ${payload.toString()}`),
    owed: (share, { seq, ...message }) =>
      journal.set(`g/${String(seq).padStart(16, '0')}`, { share, ...message }),
    settled: (seq) => journal.set(`g/${String(seq).padStart(16, '0')}`, null),
    dropped: (share, reason) => dropped.push(`${share}: ${reason}`),
  });
  return { sessions, retained, groups, journal, got, dropped };
}

const bytes = (text: string) => Buffer.from(text);
const QUEUED = {
  cmd: 'publish',
  brokerId: 'b',
  brokerCounter: 1,
  topic: 'a',
  payload: bytes('x'),
  qos: 1,
  retain: false,
};
const publish = (to: ReturnType<typeof start>, text: string) =>
  to.groups.publish({ topic: READING, payload: bytes(text), retain: false }, 1);

/** As a journal on disk gives them back: bytes are no Buffers. */
function entries(): [string, unknown][] {
  return journal.entries.map(([key, record]) => {
    const { payload } = record as { payload?: Buffer };
    return [key, payload ? { ...(record as object), payload: new Uint8Array(payload) } : record];
  });
}

describe('a restart', () => {
  it('brings back retained messages, sessions with what waits, and their numbers', () => {
    const before = start();
    before.retained.store({ topic: 'a', payload: bytes('kept'), qos: 1 });
    before.sessions.subscribe('a/b', 'dev-1', [{ topic: '#', qos: 2 }]);
    for (const [at, text] of ['one', 'two'].entries()) {
      const ids = { cmd: 'publish', brokerId: `broker-${1 - at}`, brokerCounter: at };
      const payload = bytes(text);
      before.sessions.enqueue('a/b', { ...ids, topic: 'a', payload, qos: 2, retain: false });
    }
    before.sessions.update('a/b', { brokerId: 'broker-1', brokerCounter: 0, messageId: 7 });

    const after = start();
    expect(restore(entries(), after)).toEqual([]);
    expect(after.retained.matching(['#'])).toEqual([
      { topic: 'a', payload: bytes('kept'), qos: 1 },
    ]);
    expect(after.sessions.ownerOf('a/b')).toBe('dev-1');
    expect(after.sessions.subscriptions('a/b')).toEqual([{ topic: '#', qos: 2 }]);
    expect([...after.sessions.pending('a/b')]).toMatchObject([
      { payload: bytes('one'), messageId: 7, brokerId: 'broker-1', qos: 2 },
      { payload: bytes('two'), brokerId: 'broker-0' },
    ]);
    expect(after.sessions.acknowledge('a/b', 7)?.payload).toEqual(bytes('one'));
    expect(after.journal.entries.filter(([key]) => key.startsWith('q/'))).toHaveLength(1);
  });

  it('brings back what groups owe, in order, for members that are away', () => {
    const before = start();
    before.sessions.subscribe('edge-1', 'edge-1', [{ topic: SHARE, qos: 1 }]);
    before.groups.join(SHARE, 'edge-1', { id: 'edge-1', qos: 1, persistent: true });
    for (const text of ['1', '2']) publish(before, text);

    const after = start();
    restore(entries(), after);
    publish(after, '3');
    after.groups.join(SHARE, 'edge-2', { id: 'edge-2', qos: 1, persistent: false });
    expect(after.got).toEqual(['edge-2: 1', 'edge-2: 2', 'edge-2: 3']);
    // Its numbers go on behind those of before.
    expect(after.journal.entries.filter(([key]) => key.startsWith('g/'))).toHaveLength(3);
    after.groups.disconnect('edge-2', false);
    after.groups.join(SHARE, 'edge-1', { id: 'edge-1', qos: 1, persistent: true });
    expect(after.got.slice(3)).toEqual(['edge-1: 1', 'edge-1: 2', 'edge-1: 3']);
  });

  it('drops what a group without members owes, and says so', () => {
    const record = { share: SHARE, topic: READING, payload: bytes('x'), retain: false };
    journal.set('g/0000000000000005', record);
    const after = start();
    restore(entries(), after);
    expect(after.dropped).toEqual([`${SHARE}: no-members`]);
    expect(journal.entries).toEqual([]);
  });

  it('gives the last wills back, with whose they are', () => {
    const will = { topic: 'a', payload: bytes('gone'), qos: 1, retain: true };
    journal.set(`w/${encodeURIComponent('a/b')}`, { username: 'edge-1', will });
    expect(restore(entries(), start())).toEqual([{ clientId: 'a/b', username: 'edge-1', will }]);
  });

  it.each([
    ['r/a', { topic: 'a', payload: 'text', qos: 1 }],
    ['r/a', { topic: 'a', payload: bytes('x'), qos: 3 }],
    ['s/dev-2', { owner: 'dev-2', subscriptions: [{ topic: '#' }] }],
    ['s/dev-2', 'text'],
    ['q/dev-1/0000000000000001', { topic: 'a', payload: bytes('x'), qos: 1 }],
    ['g/0000000000000001', { share: SHARE, topic: READING, payload: 5, retain: false }],
    ['w/dev-2', { username: 5, will: { topic: 'a', payload: bytes('x'), qos: 1, retain: true } }],
    ['x/unknown', {}],
    ['s/%', { owner: 'dev-2', subscriptions: [] }],
    ['s/', { owner: 'dev-2', subscriptions: [] }],
    ['q/%E0%A4%A/0000000000000001', QUEUED],
    ['q/dev-1/first', QUEUED],
    ['g/first', { share: SHARE, topic: READING, payload: bytes('x'), retain: false }],
    ['w/%', { username: 'a', will: { topic: 'a', payload: bytes('x'), qos: 1, retain: true } }],
  ])('leaves out a damaged record %s and keeps the others', (key, record) => {
    journal.set('r/b', { topic: 'b', payload: bytes('x'), qos: 0 });
    journal.set('s/dev-1', { owner: 'dev-1', subscriptions: [{ topic: SHARE, qos: 1 }] });
    const after = start();
    expect(restore([...entries(), [key, record]], after)).toEqual([]);
    expect(after.retained.matching(['#'])).toMatchObject([{ topic: 'b' }]);
    expect(after.sessions.idsWhere(() => true)).toEqual(['dev-1']);
    expect([...after.sessions.pending('dev-1')]).toEqual([]);
    after.groups.join(SHARE, 'edge-1', { id: 'edge-1', qos: 1, persistent: false });
    expect(after.got).toEqual([]);
  });
});
