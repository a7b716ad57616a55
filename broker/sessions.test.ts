// Sessions without a network: what waits, for how long, within which bounds, and what is journalled.
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryJournal } from './memory-journal.fixture.ts';
import { type QueuedPacket, Sessions } from './sessions.ts';

const TOPIC = 'echolot/v1/replies/dev-1/sonar';
let journal: MemoryJournal;
let sessions: Sessions;
let counter: number;

beforeEach(() => {
  journal = new MemoryJournal();
  sessions = new Sessions({ queueMessages: 3, queueBytes: 100 }, journal);
  sessions.subscribe('dev-1', 'alice', [{ topic: TOPIC, qos: 1 }]);
  counter = 0;
});

function packet(text: string, more: Partial<QueuedPacket> = {}): QueuedPacket {
  counter += 1;
  const ids = { brokerId: 'b', brokerCounter: counter };
  const payload = Buffer.from(text);
  return { cmd: 'publish', ...ids, topic: TOPIC, payload, qos: 1, retain: false, ...more };
}

const enqueue = (text: string, id = 'dev-1') => sessions.enqueue(id, packet(text));
const waiting = (id = 'dev-1') => [...sessions.pending(id)].map(({ payload }) => String(payload));
const keys = (kind: string) => [...journal.records.keys()].filter((key) => key.startsWith(kind));

/** Sends what was enqueued under this message id. */
function send(queued: QueuedPacket | null, messageId: number): void {
  if (!queued) throw new Error('nothing was enqueued');
  sessions.update('dev-1', { ...queued, messageId });
}

describe('what waits in a session', () => {
  it('stays in the order of its arrival until it is acknowledged', () => {
    const [one, two] = ['1', '2', '3'].map((text) => enqueue(text));
    send(one ?? null, 10);
    send(two ?? null, 11);
    expect(waiting()).toEqual(['1', '2', '3']);
    expect(sessions.acknowledge('dev-1', 11)?.payload.toString()).toBe('2');
    expect(waiting()).toEqual(['1', '3']);
    expect(sessions.acknowledge('dev-1', 11)).toBeNull();
    expect(sessions.acknowledge('nobody', 10)).toBeNull();
    expect(keys('q/')).toHaveLength(2);
  });

  it('is read live: what comes meanwhile is read too', () => {
    enqueue('1');
    const read: string[] = [];
    for (const { payload } of sessions.pending('dev-1')) {
      read.push(String(payload));
      if (read.length === 1) enqueue('2');
    }
    expect(read).toEqual(['1', '2']);
  });

  it('is bounded in number, and an acknowledgement makes room', () => {
    const [one] = ['1', '2', '3'].map((text) => enqueue(text));
    expect(enqueue('4')).toBeNull();
    send(one ?? null, 7);
    sessions.acknowledge('dev-1', 7);
    expect(enqueue('5')).not.toBeNull();
    expect(waiting()).toEqual(['2', '3', '5']);
  });

  it('is bounded in bytes, and an acknowledgement makes room', () => {
    const first = enqueue('x'.repeat(60));
    expect(enqueue('x'.repeat(41))).toBeNull();
    send(first, 7);
    sessions.acknowledge('dev-1', 7);
    expect(enqueue('x'.repeat(100))).not.toBeNull();
    expect(enqueue('x')).toBeNull();
  });

  it('has its message ids in use while it is in flight, under the last one alone', () => {
    const one = enqueue('1');
    send(one, 5);
    expect([4, 5].map((id) => sessions.isInFlight('dev-1', id))).toEqual([false, true]);
    send(one, 6);
    expect([5, 6].map((id) => sessions.isInFlight('dev-1', id))).toEqual([false, true]);
    expect([...sessions.pending('dev-1')]).toMatchObject([{ messageId: 6 }]);
  });

  it('is a PUBREL once its PUBLISH at QoS 2 was received', () => {
    sessions.subscribe('dev-1', 'alice', [{ topic: TOPIC, qos: 2 }]);
    send(sessions.enqueue('dev-1', packet('1', { qos: 2 })), 5);
    sessions.update('dev-1', { cmd: 'pubrel', messageId: 5 });
    expect([...sessions.pending('dev-1')]).toMatchObject([{ cmd: 'pubrel', messageId: 5 }]);
    expect(sessions.acknowledge('dev-1', 5)).not.toBeNull();
    expect(waiting()).toEqual([]);
  });

  it.each([
    [1, 1],
    [2, 2],
  ])('of QoS 2 goes out at %i at most where %i was granted', (granted, qos) => {
    sessions.subscribe('dev-1', 'alice', [
      { topic: TOPIC, qos: granted },
      { topic: 'echolot/v1/agents/#', qos: 2 },
    ]);
    expect(sessions.enqueue('dev-1', packet('1', { qos: 2 }))?.qos).toBe(qos);
  });

  it('is nothing for a client without a session', () => {
    expect(enqueue('1', 'dev-2')).toBeNull();
    expect(waiting('dev-2')).toEqual([]);
    expect(keys('q/')).toEqual([]);
  });
});

describe('a session', () => {
  it('gets what matches a subscription above QoS 0, once', () => {
    sessions.subscribe('dev-1', 'alice', [{ topic: 'echolot/v1/replies/dev-1/+', qos: 2 }]);
    sessions.subscribe('dev-2', 'bob', [{ topic: TOPIC, qos: 0 }]);
    expect(sessions.matching(TOPIC)).toEqual([{ clientId: 'dev-1' }]);
    expect(sessions.matching('echolot/v1/replies/dev-2/sonar')).toEqual([]);
    sessions.subscribe('dev-1', 'alice', [{ topic: TOPIC, qos: 0 }]);
    sessions.unsubscribe('dev-1', ['echolot/v1/replies/dev-1/+']);
    expect(sessions.matching(TOPIC)).toEqual([]);
  });

  it('keeps what comes to its subscriptions above QoS 0, and nothing else', () => {
    const other = 'echolot/v1/agents/edge-1/status';
    sessions.subscribe('dev-1', 'alice', [{ topic: other, qos: 0 }]);
    expect([TOPIC, other].map((topic) => sessions.keeps('dev-1', topic))).toEqual([true, false]);
    sessions.subscribe('dev-1', 'alice', [{ topic: other, qos: 1 }]);
    expect(sessions.keeps('dev-1', other)).toBe(true);
    expect(sessions.keeps('dev-2', TOPIC)).toBe(false);
  });

  it('belongs to whoever subscribed last', () => {
    expect(sessions.ownerOf('dev-1')).toBe('alice');
    sessions.subscribe('dev-1', 'bob', [{ topic: TOPIC, qos: 1 }]);
    expect(sessions.ownerOf('dev-1')).toBe('bob');
    expect(sessions.idsWhere((owner) => owner === 'bob')).toEqual(['dev-1']);
    expect(sessions.idsWhere((owner) => owner === 'alice')).toEqual([]);
    expect(sessions.ownerOf('dev-2')).toBeNull();
  });

  it('that ends leaves nothing behind, in memory or in the journal', () => {
    enqueue('1');
    sessions.end('dev-1');
    expect([sessions.ownerOf('dev-1'), waiting(), sessions.matching(TOPIC)]).toEqual([
      null,
      [],
      [],
    ]);
    expect([...journal.records]).toEqual([]);
    sessions.end('dev-1');
  });

  it('ends with its last subscription, unless something still waits', () => {
    enqueue('1');
    sessions.unsubscribe('dev-1', [TOPIC]);
    expect(waiting()).toEqual(['1']);
    expect(sessions.keeps('dev-1', TOPIC)).toBe(false);
    sessions.subscribe('dev-2', 'bob', [{ topic: TOPIC, qos: 1 }]);
    sessions.unsubscribe('dev-2', [TOPIC]);
    expect(sessions.ownerOf('dev-2')).toBeNull();
    expect(keys('s/')).toEqual(['s/dev-1']);
  });
});

describe('the journal of sessions', () => {
  it('holds each under a key of its own, whatever its client id', () => {
    for (const id of ['a', 'a/q', 'a%2Fq', 'ü']) {
      sessions.subscribe(id, 'alice', [{ topic: TOPIC, qos: 1 }]);
      enqueue(id, id);
    }
    const ids = keys('q/').map((key) => decodeURIComponent(key.split('/')[1] ?? ''));
    expect(ids.sort()).toEqual(['a', 'a%2Fq', 'a/q', 'ü']);
    sessions.end('a');
    expect(keys('q/')).toHaveLength(3);
  });

  it('continues behind what it held, so that nothing is overwritten', () => {
    enqueue('1');
    const [[key, kept] = ['', {}]] = journal.entries.filter(([name]) => name.startsWith('q/'));
    const again = new Sessions({ queueMessages: 3, queueBytes: 100 }, journal);
    again.restoreSession('dev-1', 'alice', [{ topic: TOPIC, qos: 1 }]);
    again.restoreQueued(key, 'dev-1', 1, kept as QueuedPacket);
    again.enqueue('dev-1', packet('2'));
    expect([...again.pending('dev-1')].map(({ payload }) => String(payload))).toEqual(['1', '2']);
    expect(keys('q/')).toHaveLength(2);
    expect(keys('q/').sort()[0]).toBe(key);
  });

  it('loses what waits for a session that is not there', () => {
    journal.set('q/ghost/0000000000000009', packet('1'));
    sessions.restoreQueued('q/ghost/0000000000000009', 'ghost', 9, packet('1'));
    expect(keys('q/')).toEqual([]);
  });
});
