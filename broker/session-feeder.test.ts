// Feeding without a network: in order, each once, and no faster than the client reads.
import { beforeEach, describe, expect, it } from 'vitest';
import { SessionFeeder } from './session-feeder.ts';
import type { QueuedPacket } from './sessions.ts';

class Client {
  readonly got: string[] = [];
  /** How many more it takes before it is busy. */
  room = Infinity;
  isGone = false;
  drained: (() => void)[] = [];

  drain(room: number): void {
    this.room = room;
    for (const resume of this.drained.splice(0)) resume();
  }
}

let queue: QueuedPacket[];
let client: Client;
let feeder: SessionFeeder<Client>;

beforeEach(() => {
  queue = [];
  client = new Client();
  feeder = new SessionFeeder<Client>({
    *pending() {
      // Live: an array's iterator sees what is pushed meanwhile.
      yield* queue;
    },
    send(to, packet) {
      if (to.isGone) return false;
      to.room -= 1;
      to.got.push(packet.payload.toString());
      const at = queue.indexOf(packet);
      queue[at] = { ...packet, messageId: at + 1 };
      return true;
    },
    isBusy: ({ room }) => room <= 0,
    onceDrained: ({ drained }, resume) => void drained.push(resume),
  });
});

/** A message more in the session, and the feeder is told. */
function offer(...texts: string[]): void {
  for (const text of texts) {
    const ids = { brokerId: 'b', brokerCounter: queue.length, topic: 'a' };
    const packet = { cmd: 'publish', ...ids, qos: 1, retain: false } as const;
    const queued = { ...packet, payload: Buffer.from(text) };
    queue.push(queued);
    feeder.offer(client, queued);
  }
}

describe('a client with a session', () => {
  it('gets what waited first, and then at once what comes', () => {
    offer('1', '2');
    expect(client.got).toEqual([]);
    feeder.start(client);
    expect(client.got).toEqual(['1', '2']);
    offer('3');
    expect(client.got).toEqual(['1', '2', '3']);
  });

  it('gets what waited only as it reads, and what comes meanwhile behind it, once', () => {
    offer('1', '2', '3');
    client.room = 1;
    feeder.start(client);
    offer('4');
    expect(client.got).toEqual(['1']);
    client.drain(2);
    offer('5');
    expect(client.got).toEqual(['1', '2', '3']);
    client.drain(Infinity);
    expect(client.got).toEqual(['1', '2', '3', '4', '5']);
    offer('6');
    expect(client.got.at(-1)).toBe('6');
  });

  it('that falls behind later gets only what it was not sent yet', () => {
    feeder.start(client);
    client.room = 2;
    offer('1', '2', '3', '4');
    expect(client.got).toEqual(['1', '2']);
    client.drain(Infinity);
    expect(client.got).toEqual(['1', '2', '3', '4']);
  });

  it('that is back gets all again that it has not acknowledged', () => {
    feeder.start(client);
    offer('1', '2');
    feeder.stop(client);
    queue.shift();
    feeder.start(client);
    expect(client.got).toEqual(['1', '2', '2']);
  });

  it('that is gone is sent nothing, though it should drain', () => {
    client.room = 1;
    offer('1', '2');
    feeder.start(client);
    feeder.stop(client);
    offer('3');
    client.drain(Infinity);
    expect(client.got).toEqual(['1']);
  });

  it('whose connection breaks on the way is left alone', () => {
    offer('1', '2');
    client.isGone = true;
    feeder.start(client);
    client.isGone = false;
    offer('3');
    expect(client.got).toEqual([]);
  });
});
