// What aedes relies on in its emitter: who gets a packet, in which order, and that nobody waits.
import { describe, expect, it } from 'vitest';
import { Dispatcher } from './dispatcher.ts';

interface Packet {
  readonly topic: string;
}

function setUp() {
  const got: string[] = [];
  const dispatcher = new Dispatcher<Packet>(({ topic }) => got.push(`share ${topic}`));
  const subscriber = (name: string) => (packet: Packet) => void got.push(`${name} ${packet.topic}`);
  const emit = (topic: string) =>
    new Promise<Error | undefined>((resolve) => dispatcher.emit({ topic }, resolve));
  return { dispatcher, emit, got, subscriber };
}

describe('the dispatcher', () => {
  it('gives a packet to every subscriber of a matching filter, then once to the groups', async () => {
    const { dispatcher, emit, got, subscriber } = setUp();
    dispatcher.on('a/+', subscriber('one')).on('#', subscriber('two')).on('b', subscriber('three'));
    expect(await emit('a/b')).toBeUndefined();
    expect(got.slice(0, 2).sort()).toEqual(['one a/b', 'two a/b']);
    expect(got.slice(2)).toEqual(['share a/b']);
  });

  it('waits for no subscriber, and is not done in the same turn', async () => {
    const { dispatcher, got } = setUp();
    dispatcher.on('a', () => undefined);
    dispatcher.on('a', (_, done) => done());
    const done = new Promise<void>((resolve) => {
      dispatcher.emit({ topic: 'a' }, () => {
        got.push('done');
        setImmediate(resolve);
      });
    });
    got.push('emitted');
    await done;
    expect(got).toEqual(['share a', 'emitted', 'done']);
  });

  it('gives nothing to who was removed, and says when it is added or removed', async () => {
    const { dispatcher, emit, got, subscriber } = setUp();
    const [one, two] = [subscriber('one'), subscriber('two')];
    await new Promise<void>((resolve) => dispatcher.on('a', one, resolve));
    dispatcher.on('a', two);
    await new Promise<void>((resolve) => dispatcher.removeListener('a', one, resolve));
    await emit('a');
    expect(got).toEqual(['two a', 'share a']);
  });

  it('gives nothing to anybody once it is closed, and says so', async () => {
    const { dispatcher, emit, got, subscriber } = setUp();
    dispatcher.on('a', subscriber('one'));
    await new Promise<void>((resolve) => dispatcher.close(resolve));
    expect(await emit('a')).toBeInstanceOf(Error);
    expect(got).toEqual([]);
  });
});
