// Shared groups without a network: who gets which message, and that none is lost or given twice.
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { SharedGroups } from './shared-groups.ts';

const KEY = '$share/g/readings/+/sonar';
const LIMITS = { window: 4, windowBytes: 1000, queueMessages: 10, queueBytes: 1000 };

class Peer {
  readonly id: string;
  readonly got: { id: number; text: string; retain: boolean; qos: number }[] = [];
  isOpen = true;

  constructor(id: string) {
    this.id = id;
  }
  get texts(): string[] {
    return this.got.map(({ text }) => text);
  }
}

let groups: SharedGroups<Peer>;
let owed: Set<number>;
let dropped: string[];
let lastId: number;

beforeEach(() => {
  owed = new Set();
  dropped = [];
  lastId = 0;
  groups = new SharedGroups<Peer>(LIMITS, {
    send(peer, { payload, retain }, qos) {
      if (!peer.isOpen) return null;
      lastId += 1;
      peer.got.push({ id: lastId, text: payload.toString(), retain, qos });
      return qos === 0 ? 0 : lastId;
    },
    owed: (_, { seq }) => owed.add(seq),
    settled: (seq) => owed.delete(seq),
    dropped: (_, reason) => dropped.push(reason),
  });
});

const publish = (text: string, qos = 1, topic = 'readings/c/sonar', retain = false) =>
  groups.publish({ topic, payload: Buffer.from(text), retain }, qos);
const join = (peer: Peer, persistent = false, key = KEY, qos: 0 | 1 = 1) =>
  groups.join(key, peer, { id: peer.id, qos, persistent });
const ackAll = (peer: Peer) => {
  const ids = peer.got.map(({ id }) => id);
  for (const id of ids) groups.acknowledge(peer, id);
};
const leaveFor = (peer: Peer, keepSession: boolean) => {
  peer.isOpen = false;
  groups.disconnect(peer, keepSession);
};

describe('a shared group', () => {
  it('gives each message to one member, in turn', () => {
    const peers = ['a', 'b', 'c'].map((id) => new Peer(id));
    for (const peer of peers) join(peer);
    for (let index = 0; index < 9; index += 1) publish(`m${index}`);
    expect(peers.map(({ got }) => got.length)).toEqual([3, 3, 3]);
    expect(new Set(peers.flatMap(({ texts }) => texts)).size).toBe(9);
  });

  it('gives to both groups of a topic, and to a client in both of them twice', () => {
    const peer = new Peer('a');
    join(peer);
    join(peer, false, '$share/h/readings/#');
    publish('m');
    publish('n', 1, 'readings/c/other');
    expect(peer.texts).toEqual(['m', 'm', 'n']);
  });

  it('holds back what exceeds the window until something is acknowledged, in order', () => {
    const peer = new Peer('a');
    join(peer);
    for (let index = 0; index < 8; index += 1) publish(`m${index}`);
    expect(peer.texts).toEqual(['m0', 'm1', 'm2', 'm3']);
    expect(groups.acknowledge(peer, peer.got[1]?.id ?? 0)).toBe(true);
    expect(peer.texts).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
    ackAll(peer);
    ackAll(peer);
    expect(peer.texts).toHaveLength(8);
    expect(owed.size).toBe(0);
  });

  it('counts bytes in the window too, but lets a large message through alone', () => {
    const peer = new Peer('a');
    join(peer);
    publish('x'.repeat(900));
    publish('y'.repeat(200));
    expect(peer.got).toHaveLength(1);
    ackAll(peer);
    expect(peer.got).toHaveLength(2);
    ackAll(peer);
    publish('z'.repeat(5000));
    expect(peer.got).toHaveLength(3);
  });

  it('passes over a member whose window is full', () => {
    const [slow, quick] = [new Peer('slow'), new Peer('quick')];
    join(slow);
    join(quick);
    for (let index = 0; index < 20; index += 1) {
      publish(`m${index}`);
      ackAll(quick);
    }
    expect(slow.got).toHaveLength(4);
    expect(quick.got).toHaveLength(16);
  });

  it('gives what a dead member held to another, and nothing back to it', () => {
    const [dead, living] = [new Peer('dead'), new Peer('living')];
    join(dead, true);
    for (let index = 0; index < 6; index += 1) publish(`m${index}`);
    groups.acknowledge(dead, dead.got[0]?.id ?? 0);
    join(living);
    expect(living.texts).toEqual(['m5']);
    leaveFor(dead, true);
    ackAll(living);
    ackAll(living);
    expect(living.texts).toEqual(['m5', 'm1', 'm2', 'm3', 'm4']);
    const returned = new Peer('dead');
    join(returned, true);
    expect(returned.texts).toEqual([]);
    publish('new');
    publish('newer');
    expect(returned.texts).toHaveLength(1);
  });

  it('gives what a dead member held before what came after it and waits', () => {
    const [dead, next] = [new Peer('dead'), new Peer('next')];
    join(dead, true);
    for (let index = 0; index < 6; index += 1) publish(`m${index}`);
    expect(dead.got).toHaveLength(4);
    leaveFor(dead, true);
    join(next);
    ackAll(next);
    expect(next.texts).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5']);
  });

  it('keeps messages while its last member is away with its session', () => {
    const peer = new Peer('a');
    join(peer, true);
    publish('m0');
    leaveFor(peer, true);
    publish('m1');
    const back = new Peer('a');
    join(back, true);
    expect(back.texts).toEqual(['m0', 'm1']);
    expect(dropped).toEqual([]);
  });

  it('gives no share to who is away', () => {
    const [away, present] = [new Peer('away'), new Peer('present')];
    join(away, true);
    join(present);
    leaveFor(away, true);
    for (let index = 0; index < 4; index += 1) publish(`m${index}`);
    expect(present.got).toHaveLength(4);
  });

  it('forgets everything when its last member is gone for good', () => {
    const peer = new Peer('a');
    join(peer);
    publish('m0');
    leaveFor(peer, true);
    expect(dropped).toEqual(['no-members']);
    const next = new Peer('b');
    join(next, true);
    leaveFor(next, true);
    publish('m1');
    groups.endSession('b');
    publish('m2');
    join(new Peer('c'));
    expect(dropped).toEqual(['no-members', 'no-members']);
    expect(owed.size).toBe(0);
  });

  it('leaves to who unsubscribes what it holds, until its connection ends', () => {
    const [leaving, staying] = [new Peer('leaving'), new Peer('staying')];
    join(leaving);
    publish('m0');
    publish('m1');
    join(staying);
    groups.leave(KEY, 'leaving');
    publish('m2');
    expect(leaving.texts).toEqual(['m0', 'm1']);
    expect(staying.texts).toEqual(['m2']);
    expect(groups.acknowledge(leaving, leaving.got[0]?.id ?? 0)).toBe(true);
    leaveFor(leaving, false);
    expect(staying.texts).toEqual(['m2', 'm1']);
  });

  it('drops the newest where its queue is full, by number and by bytes', () => {
    join(new Peer('a'), true);
    for (let index = 0; index < 16; index += 1) publish(`m${index}`);
    expect(dropped).toEqual(['queue-full', 'queue-full']);
    expect(owed.size).toBe(14);
    const other = '$share/h/readings/+/sonar';
    const away = new Peer('b');
    join(away, true, other);
    leaveFor(away, true);
    publish('x'.repeat(1001));
    expect(dropped).toEqual(['queue-full', 'queue-full', 'queue-full', 'queue-full']);
  });

  it('gives a QoS 0 message to one connected member at QoS 0, and keeps none', () => {
    const [a, b] = [new Peer('a'), new Peer('b')];
    join(a, true);
    join(b);
    publish('m0', 0);
    publish('m1', 0);
    expect([a.got[0]?.qos, b.got[0]?.qos]).toEqual([0, 0]);
    leaveFor(a, true);
    leaveFor(b, false);
    publish('m2', 0);
    const back = new Peer('a');
    join(back, true);
    expect(back.got).toEqual([]);
    expect(owed.size).toBe(0);
  });

  it('delivers at QoS 0 to a member that asked for it, and counts it as done', () => {
    const peer = new Peer('a');
    join(peer, true, KEY, 0);
    publish('m0');
    expect(peer.got[0]?.qos).toBe(0);
    expect(owed.size).toBe(0);
    leaveFor(peer, true);
    publish('m1');
    expect(owed.size).toBe(0);
  });

  it('passes the retain flag on as it was published', () => {
    const peer = new Peer('a');
    join(peer);
    publish('m', 1, 'readings/c/sonar', true);
    expect(peer.got[0]?.retain).toBe(true);
  });

  it('restores members that are away and what was owed, in order', () => {
    groups.restoreMember(KEY, 'a', 1);
    const message = (seq: number) => ({
      topic: 'readings/c/sonar',
      payload: Buffer.from(`m${seq}`),
      retain: false,
      seq,
    });
    groups.restoreMessage(KEY, message(8));
    groups.restoreMessage(KEY, message(3));
    groups.restoreMessage('$share/gone/x', message(9));
    expect(dropped).toEqual(['no-members']);
    publish('new');
    const peer = new Peer('a');
    join(peer, true);
    expect(peer.texts).toEqual(['m3', 'm8', 'new']);
  });

  it('ignores ids that are not its own', () => {
    const [a, b] = [new Peer('a'), new Peer('b')];
    join(a);
    join(b);
    publish('m');
    const [owner, other] = a.got.length > 0 ? [a, b] : [b, a];
    const id = owner.got[0]?.id ?? 0;
    expect(groups.acknowledge(other, id)).toBe(false);
    expect(groups.isInFlight(owner, id)).toBe(true);
    expect(groups.acknowledge(owner, id)).toBe(true);
    expect(groups.acknowledge(owner, id)).toBe(false);
  });

  it('neither loses nor doubles a message, whoever comes, goes, acknowledges or stalls', () => {
    const step = fc.record({
      what: fc.constantFrom('publish', 'ack', 'ack', 'die', 'away', 'join', 'unsubscribe'),
      who: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const done: string[] = [];
        const held = new Map<number, { peer: Peer; text: string }>();
        let nextId = 0;
        const live = new Map<number, Peer>();
        let lost = 0;
        const queue = { window: 3, windowBytes: 1e6, queueMessages: 1e6, queueBytes: 1e9 };
        const tested = new SharedGroups<Peer>(queue, {
          send(peer, { payload }) {
            if (!peer.isOpen) return null;
            nextId += 1;
            held.set(nextId, { peer, text: payload.toString() });
            expect([...held.values()].filter((each) => each.peer === peer).length).toBeLessThan(5);
            return nextId;
          },
          owed: () => undefined,
          settled: () => undefined,
          dropped: () => {
            lost += 1;
          },
        });
        // One that never goes for good keeps the group alive.
        tested.restoreMember(KEY, 'keeper', 1);
        let sent = 0;
        for (const { what, who } of steps) {
          const peer = live.get(who);
          if (what === 'publish') {
            tested.publish(
              { topic: 'readings/c/sonar', payload: Buffer.from(`${sent}`), retain: false },
              1,
            );
            sent += 1;
          } else if (what === 'join' && !peer) {
            const fresh = new Peer(`p${who}`);
            live.set(who, fresh);
            tested.join(KEY, fresh, { id: fresh.id, qos: 1, persistent: true });
          } else if (what === 'ack' && peer) {
            const [id, flight] = [...held].find(([, each]) => each.peer === peer) ?? [];
            if (id === undefined || !flight) continue;
            held.delete(id);
            done.push(flight.text);
            expect(tested.acknowledge(peer, id)).toBe(true);
          } else if (what === 'unsubscribe' && peer) {
            tested.leave(KEY, peer.id);
          } else if ((what === 'die' || what === 'away') && peer) {
            live.delete(who);
            peer.isOpen = false;
            for (const [id, each] of held) if (each.peer === peer) held.delete(id);
            tested.disconnect(peer, what === 'away');
          }
        }
        const last = new Peer('last');
        for (const peer of live.values()) {
          peer.isOpen = false;
          for (const [id, each] of held) if (each.peer === peer) held.delete(id);
          tested.disconnect(peer, false);
        }
        tested.join(KEY, last, { id: 'last', qos: 1, persistent: false });
        for (let left = held.size; left > 0; left = held.size) {
          const [id, flight] = [...held][0] ?? [];
          if (id === undefined || !flight) break;
          held.delete(id);
          done.push(flight.text);
          tested.acknowledge(last, id);
        }
        expect(lost).toBe(0);
        expect(done.map(Number).sort((a, b) => a - b)).toEqual(
          Array.from({ length: sent }, (_, index) => index),
        );
      }),
      { numRuns: 500 },
    );
  });
});
