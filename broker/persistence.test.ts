// What aedes is answered: whose sessions and wills are kept, and whose are not.
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryJournal } from './memory-journal.fixture.ts';
import { Persistence, type PersistenceParts } from './persistence.ts';
import { Retained } from './retained.ts';
import { type QueuedPacket, Sessions } from './sessions.ts';

interface Client {
  readonly id: string;
}

const CLIENT = { id: 'dev-1' };
const WILL = { topic: 'a', payload: Buffer.from('gone'), qos: 1, retain: true };

let journal: MemoryJournal;
let sessions: Sessions;
let told: string[];
let parts: { -readonly [Part in keyof PersistenceParts<Client>]: PersistenceParts<Client>[Part] };
let persistence: Persistence<Client>;

beforeEach(() => {
  journal = new MemoryJournal();
  sessions = new Sessions({ queueMessages: 2, queueBytes: 100 }, journal);
  told = [];
  parts = {
    sessions,
    retained: new Retained({ messages: 1, bytes: 100 }, journal),
    journal,
    usernameOf: () => 'alice',
    maySubscribe: (_, filter) => filter !== 'denied',
    mayReceive: (_, topic) => topic !== 'denied',
    mayRetain: (topic) => topic !== 'denied',
    sessionEnded: (id) => told.push(`ended ${id}`),
    acknowledgeShared: (_, messageId) => messageId === 9,
    queued: (id, { payload }) => told.push(`queued ${payload.toString()} for ${id}`),
    hasLiveWill: () => false,
    dropped: (what, who) => told.push(`${what} ${who}`),
  };
  persistence = new Persistence<Client>(parts);
});

let counter = 0;
function packet(topic: string, text: string): QueuedPacket {
  counter += 1;
  const ids = { cmd: 'publish', brokerId: 'b', brokerCounter: counter };
  return { ...ids, topic, payload: Buffer.from(text), qos: 1, retain: true };
}

describe('the persistence', () => {
  it('keeps no subscription that was denied, and no session of nothing else', async () => {
    await persistence.addSubscriptions(CLIENT, [{ topic: 'denied', qos: 1 }]);
    expect(sessions.ownerOf('dev-1')).toBeNull();
    const both = ['denied', 'a'].map((topic) => ({ topic, qos: 1 }));
    await persistence.addSubscriptions(CLIENT, both);
    expect(await persistence.subscriptionsByClient(CLIENT)).toEqual([{ topic: 'a', qos: 1 }]);
    expect(sessions.ownerOf('dev-1')).toBe('alice');
  });

  it('keeps nothing of who is not logged in', async () => {
    parts.usernameOf = () => null;
    await persistence.addSubscriptions(CLIENT, [{ topic: 'a', qos: 1 }]);
    await persistence.putWill(CLIENT, WILL);
    expect(await persistence.getWill(CLIENT)).toBeUndefined();
    expect(journal.entries).toEqual([]);
  });

  it('queues what a session may receive and has room for, and says what it drops', async () => {
    await persistence.addSubscriptions(CLIENT, [{ topic: '#', qos: 1 }]);
    for (const text of ['1', '2', '3']) {
      await persistence.outgoingEnqueue({ clientId: 'dev-1' }, packet('a', text));
      await persistence.outgoingEnqueue({ clientId: 'dev-1' }, packet('denied', text));
    }
    expect(told).toEqual(['queued 1 for dev-1', 'queued 2 for dev-1', 'session-full dev-1']);
    // What was published as retained is no retained message where it was subscribed to before.
    expect([...sessions.pending('dev-1')].map(({ retain }) => retain)).toEqual([false, false]);
  });

  it('retains what may be retained and has room for, and says what it drops', async () => {
    for (const topic of ['denied', 'a', 'b']) await persistence.storeRetained(packet(topic, 'x'));
    expect(parts.retained.matching(['#'])).toMatchObject([{ topic: 'a' }]);
    expect(told).toEqual(['retained-full b']);
  });

  it('settles an acknowledgement where its message is, and none without an id', async () => {
    await persistence.addSubscriptions(CLIENT, [{ topic: 'a', qos: 1 }]);
    for (const messageId of [9, 5]) {
      const queued = packet('a', String(messageId));
      await persistence.outgoingEnqueue({ clientId: 'dev-1' }, queued);
      await persistence.outgoingUpdate(CLIENT, { ...queued, messageId });
    }
    // 9 is that of a group's message.
    for (const settled of [{}, { messageId: 9 }, { messageId: 5 }]) {
      await persistence.outgoingClearMessageId(CLIENT, settled);
    }
    expect([...sessions.pending('dev-1')]).toMatchObject([{ messageId: 9 }]);
  });

  it('ends what a client had when it begins anew', async () => {
    await persistence.addSubscriptions(CLIENT, [{ topic: 'a', qos: 1 }]);
    await persistence.cleanSubscriptions(CLIENT);
    expect(journal.entries).toEqual([]);
    expect(told).toEqual(['ended dev-1']);
  });

  it('keeps a will with its owner until it is deleted', async () => {
    await persistence.putWill(CLIENT, WILL);
    expect(journal.entries).toEqual([['w/dev-1', { username: 'alice', will: WILL }]]);
    expect(await persistence.delWill(CLIENT)).toEqual(WILL);
    expect(journal.entries).toEqual([]);
    expect(await persistence.delWill(CLIENT)).toBeUndefined();
  });

  it('keeps the will of a new connection though the old one of its id takes its own back', async () => {
    await persistence.putWill(CLIENT, WILL);
    parts.hasLiveWill = () => true;
    expect(await persistence.delWill({ id: 'dev-1' })).toBeUndefined();
    expect(await persistence.getWill(CLIENT)).toEqual(WILL);
    expect(journal.entries).toHaveLength(1);
  });

  it('remembers what it received at QoS 2 until it is released', async () => {
    const one = { messageId: 1 };
    await persistence.incomingStorePacket(CLIENT, one);
    expect(await persistence.incomingGetPacket(CLIENT, one)).toEqual(one);
    await expect(persistence.incomingGetPacket(CLIENT, { messageId: 2 })).rejects.toThrow();
    await expect(persistence.incomingGetPacket({ id: 'dev-2' }, one)).rejects.toThrow();
    await persistence.incomingDelPacket(CLIENT, one);
    await expect(persistence.incomingGetPacket(CLIENT, one)).rejects.toThrow();
    await persistence.incomingStorePacket(CLIENT, one);
    await persistence.cleanIncoming(CLIENT);
    await expect(persistence.incomingGetPacket(CLIENT, one)).rejects.toThrow();
  });
});
