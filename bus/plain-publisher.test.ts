// The plain publisher: its bytes are those of mqtt-packet, and every PUBACK finds its message once.
import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { UniqueMessageIdProvider } from 'mqtt';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { promotedBytes } from '../schemas/heap.fixture.ts';
import { encodePublish, PlainPublisher } from './plain-publisher.ts';
import type { Protocol } from './types.ts';

const VERSION = { '3.1.1': 4, '5': 5 } as const;

describe('encodePublish', () => {
  it.each<Protocol>(['3.1.1', '5'])(
    'writes the bytes that mqtt-packet writes (MQTT %s)',
    (protocol) => {
      const sizes = fc.oneof(fc.nat(300), fc.constantFrom(16_350, 16_384, 70_000, 2_097_152));
      const topics = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 });
      const ids = fc.option(fc.integer({ min: 1, max: 65_535 }));
      fc.assert(
        fc.property(topics, sizes, ids, (topic, size, messageId) => {
          const payload = Buffer.alloc(size, 'echo');
          const expected = generate(
            {
              cmd: 'publish',
              topic,
              payload,
              qos: messageId === null ? 0 : 1,
              dup: false,
              retain: false,
              ...(messageId !== null && { messageId }),
            },
            { protocolVersion: VERSION[protocol] },
          );
          expect(encodePublish(topic, payload, messageId, protocol).equals(expected)).toBe(true);
        }),
      );
    },
  );
});

function describeOutcome(error: (Error & { code?: number }) | null | undefined): string {
  if (!error) return 'ok';
  return String(error.code ?? error.message);
}

function publisher() {
  const written: Buffer[] = [];
  const ids = new UniqueMessageIdProvider();
  const plain = new PlainPublisher(
    (bytes, done) => {
      written.push(bytes);
      done?.();
    },
    ids,
    '5',
  );
  const outcomes: string[] = [];
  const publish = (name: string, qos: 0 | 1) =>
    plain.publish('t', Buffer.from(name), qos, (error) =>
      outcomes.push(`${name}: ${describeOutcome(error)}`),
    );
  return { ids, outcomes, plain, publish, written };
}

afterEach(() => vi.unstubAllGlobals());

/** What is received is told when mqtt.js has looked at it: in a microtask. */
const mqttLooked = () => Promise.resolve();

describe('the plain publisher', () => {
  it('settles QoS 0 when it is written, and QoS 1 with its own PUBACK, once', async () => {
    const { outcomes, plain, publish } = publisher();
    publish('zero', 0);
    publish('one', 1);
    publish('two', 1);
    expect(outcomes).toEqual(['zero: ok']);
    plain.receive(2);
    plain.receive(2);
    plain.receive(77);
    plain.receive(1, 0x10);
    expect(outcomes).toEqual(['zero: ok']);
    await mqttLooked();
    expect(outcomes).toEqual(['zero: ok', 'two: ok', 'one: ok']);
  });

  it('tells the reason of a refusal', async () => {
    const { outcomes, plain, publish } = publisher();
    publish('forbidden', 1);
    plain.receive(1, 0x87);
    await mqttLooked();
    expect(outcomes).toEqual(['forbidden: 135']);
  });

  it('takes no identifier that is in use, and gives back what is acknowledged', async () => {
    const { ids, plain, publish, written } = publisher();
    expect(ids.register(1)).toBe(true);
    publish('a', 1);
    expect(written[0]?.equals(encodePublish('t', Buffer.from('a'), 2, '5'))).toBe(true);
    expect(ids.register(2)).toBe(false);
    plain.receive(2);
    expect(ids.register(2)).toBe(false);
    await mqttLooked();
    expect(ids.register(2)).toBe(true);
  });

  it('takes no acknowledgement of another for that of a message that got its identifier', async () => {
    const { ids, outcomes, plain, publish, written } = publisher();
    ids.register(1);
    plain.receive(1);
    ids.deallocate(1);
    publish('a', 1);
    expect(written[0]?.equals(encodePublish('t', Buffer.from('a'), 1, '5'))).toBe(true);
    await mqttLooked();
    expect(outcomes).toEqual([]);
    plain.receive(1);
    await mqttLooked();
    expect(outcomes).toEqual(['a: ok']);
  });

  it('leaves V8 nothing that grows old', () => {
    vi.stubGlobal('queueMicrotask', (task: () => void) => task());
    const ids = { allocate: () => 1, deallocate: () => {} };
    const plain = new PlainPublisher(() => {}, ids, '5');
    const payload = Buffer.from('x');
    const told = () => {};
    const promoted = promotedBytes(() => {
      plain.publish('t', payload, 1, told);
      plain.receive(1);
    });
    // With a `Map` it is 214.
    expect(promoted).toBeLessThan(120);
  });

  it('says so where every identifier is in use', () => {
    const { ids, publish, outcomes, written } = publisher();
    for (let id = 1; id <= 65_535; id += 1) ids.register(id);
    publish('late', 1);
    expect(outcomes).toEqual(['late: all packet identifiers are in use']);
    expect(written).toEqual([]);
  });
});
