// What comes twice, what comes late, and what is left alone.
import mqttPacket, { type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../devices/random.ts';
import { type Frame, readPublish } from './frames.ts';
import { Shuffler } from './shuffler.ts';

const ALL = { duplicateShare: 1, reorderShare: 0 };
const REORDER = { duplicateShare: 0, reorderShare: 0.5 };

function message(text: string, more: object = {}): Frame {
  const packet = { cmd: 'publish', topic: 't', payload: text, qos: 1, messageId: 9, dup: false };
  const bytes = mqttPacket.generate({ ...packet, retain: false, ...more } as Packet);
  return { bytes, type: 3 };
}

const textOf = (bytes: Buffer) => {
  const publish = readPublish({ bytes, type: bytes[0] === undefined ? 0 : bytes[0] >> 4 });
  return publish ? bytes.toString('utf8', publish.afterTopicAt + (publish.qos > 0 ? 2 : 0)) : '-';
};
const qosOf = (bytes: Buffer) => ((bytes[0] as number) >> 1) & 3;

it('sends each message as it is, and a copy of QoS 0 behind a later one', () => {
  const shuffler = new Shuffler(createRandom(1));
  const out = Array.from({ length: 50 }, (_, n) => shuffler.pass(message(`${n}`), ALL)).flat();
  const all = [...out, ...shuffler.flush()];
  expect(all.filter((bytes) => qosOf(bytes) === 1).map(textOf)).toEqual(
    Array.from({ length: 50 }, (_, n) => `${n}`),
  );
  const copies = all.filter((bytes) => qosOf(bytes) === 0).map(textOf);
  expect(copies.toSorted()).toEqual(Array.from({ length: 50 }, (_, n) => `${n}`).toSorted());
  for (const text of copies) {
    const [first, second] = all.flatMap((bytes, at) => (textOf(bytes) === text ? [at] : []));
    // At the very end there is no later one.
    if (Number(text) < 49) expect((second as number) - (first as number)).toBeGreaterThan(1);
  }
  expect(shuffler.counts).toEqual({ duplicated: 50, reordered: 0 });
});

it('changes the order of messages by at most three, and loses none', () => {
  const shuffler = new Shuffler(createRandom(2));
  const texts = Array.from({ length: 200 }, (_, n) => `${n}`);
  const out = texts.flatMap((text) => shuffler.pass(message(text), REORDER));
  const all = [...out, ...shuffler.flush()].map(textOf);
  expect(all).not.toEqual(texts);
  expect(all.toSorted()).toEqual(texts.toSorted());
  for (const [at, text] of all.entries()) {
    expect(Math.abs(at - Number(text))).toBeLessThanOrEqual(3);
  }
  expect(shuffler.counts.reordered).toBeGreaterThan(20);
});

it('never holds back all that there is', () => {
  const shuffler = new Shuffler(createRandom(3));
  const shares = { duplicateShare: 0, reorderShare: 1 };
  const out = Array.from({ length: 100 }, (_, n) => shuffler.pass(message(`${n}`), shares));
  expect(out.flat().length).toBeGreaterThan(95);
});

describe('leaves alone', () => {
  const cases: [string, Frame][] = [
    ['QoS 2', message('x', { qos: 2 })],
    ['what is retained', message('x', { retain: true })],
    ['the last words of agents', message('x', { topic: 'echolot/v1/agents/edge-1/status' })],
    ['an alias', { bytes: Buffer.from('300500000378', 'hex'), type: 3 }],
    ['other packets', { bytes: mqttPacket.generate({ cmd: 'pingreq' }), type: 12 }],
    ['bytes that it does not know', { bytes: Buffer.from('hello'), type: 0 }],
  ];
  it.each(cases)('%s', (_, frame) => {
    for (const shares of [ALL, { duplicateShare: 0, reorderShare: 1 }]) {
      const shuffler = new Shuffler(createRandom(4));
      expect(shuffler.pass(frame, shares)).toEqual([frame.bytes]);
      expect(shuffler.holds).toBe(false);
    }
  });
});

it('sends nothing behind a DISCONNECT', () => {
  const shuffler = new Shuffler(createRandom(5));
  shuffler.pass(message('x'), ALL);
  const bytes = mqttPacket.generate({ cmd: 'disconnect' } as Packet);
  const out = shuffler.pass({ bytes, type: 14 }, ALL);
  expect(out).toHaveLength(2);
  expect(out.at(-1)).toEqual(bytes);
  expect(shuffler.holds).toBe(false);
});

it('holds a bounded number of bytes', () => {
  const large = message('x'.repeat(250_000));
  for (let seed = 1; seed <= 50; seed += 1) {
    const shuffler = new Shuffler(createRandom(seed));
    for (let count = 0; count < 20; count += 1) shuffler.pass(large, ALL);
    const held = shuffler.flush().reduce((sum, bytes) => sum + bytes.length, 0);
    expect(held).toBeLessThan(1_400_000);
  }
});

it('does the same again with the same seed', () => {
  const run = () => {
    const shuffler = new Shuffler(createRandom(7));
    const shares = { duplicateShare: 0.3, reorderShare: 0.3 };
    return Array.from({ length: 80 }, (_, n) => shuffler.pass(message(`${n}`), shares)).flat();
  };
  expect(run().map(textOf)).toEqual(run().map(textOf));
});
