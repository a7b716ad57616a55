// Packets are found in any stream however it is cut, and no byte is lost.
import fc from 'fast-check';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { atQosZero, CONNECT, type Frame, FrameCutter, readPublish } from './frames.ts';

const CONNECT_PACKET = mqttPacket.generate({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clientId: 'c',
  clean: true,
} as Packet);

function publish(more: object, protocolVersion = 4): Buffer {
  const packet = { cmd: 'publish', topic: 'a/b', payload: Buffer.from('hi'), qos: 0 };
  return mqttPacket.generate({ ...packet, dup: false, retain: false, ...more } as Packet, {
    protocolVersion,
  });
}

function parse(bytes: Buffer, protocolVersion: number): Packet[] {
  const packets: Packet[] = [];
  const parser = mqttPacket.parser({ protocolVersion });
  parser.on('packet', (packet) => packets.push(packet));
  parser.parse(bytes);
  return packets;
}

/** Cuts the stream into chunks at the places. */
function push(cutter: FrameCutter, bytes: Buffer, places: readonly number[] = []): Frame[] {
  const cuts = [0, ...places.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b)];
  const chunks = cuts.map((from, index) => bytes.subarray(from, cuts[index + 1]));
  return chunks.flatMap((chunk) => cutter.push(chunk));
}

const wholeOf = (bytes: Buffer): Frame => {
  const [, frame] = new FrameCutter(CONNECT).push(Buffer.concat([CONNECT_PACKET, bytes]));
  if (frame === undefined) throw new Error('no whole packet');
  return frame;
};

describe('a stream of packets', () => {
  it('is cut into them, wherever its chunks begin', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 6 });
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(), { maxLength: 12 }), (payloads, places) => {
        const packets = [
          CONNECT_PACKET,
          ...payloads.map((size) => publish({ payload: Buffer.alloc(size, 1) })),
        ];
        const frames = push(new FrameCutter(CONNECT), Buffer.concat(packets), places);
        expect(frames.map(({ type }) => type)).toEqual([1, ...payloads.map(() => 3)]);
        expect(frames.every(({ bytes }, n) => bytes.equals(packets[n] as Buffer))).toBe(true);
      }),
    );
  });

  it('lets a packet pass in pieces that is too long to be held, and cuts on behind it', () => {
    const long = publish({ payload: Buffer.alloc(600_000, 1) });
    const cutter = new FrameCutter(CONNECT);
    const stream = Buffer.concat([CONNECT_PACKET, long, publish({})]);
    const frames = push(cutter, stream, [5000, 200_000, 400_000]);
    expect(frames.at(0)?.type).toBe(1);
    expect(frames.at(-1)?.type).toBe(3);
    expect(frames.slice(1, -1).every(({ type }) => type === 0)).toBe(true);
    expect(Buffer.concat(frames.map(({ bytes }) => bytes)).equals(stream)).toBe(true);
    expect(cutter.heldBytes).toBe(0);
  });
});

it('loses, adds and changes no byte of anything', () => {
  const begin = fc.constantFrom(Buffer.alloc(0), CONNECT_PACKET);
  fc.assert(
    fc.property(begin, fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat()), (head, tail, at) => {
      const stream = Buffer.concat([head, tail]);
      const cutter = new FrameCutter(CONNECT);
      const frames = [...push(cutter, stream, at), ...cutter.flush()];
      expect(Buffer.concat(frames.map(({ bytes }) => bytes)).equals(stream)).toBe(true);
      expect(cutter.heldBytes).toBe(0);
      for (const frame of frames) readPublish(frame);
    }),
  );
});

it('holds nothing back of what is no MQTT', () => {
  for (const bytes of ['hello', '\u0010\u00ff\u00ff\u00ff\u00ff\u0001', '\u0000']) {
    const cutter = new FrameCutter(CONNECT);
    cutter.push(Buffer.from(bytes, 'latin1'));
    expect(cutter.heldBytes).toBe(0);
  }
});

describe.each([4, 5])('of MQTT version %i', (version) => {
  const properties = version === 5 ? { properties: { userProperties: { k: 'v' } } } : {};

  it.each([0, 1, 2] as const)('a PUBLISH of QoS %i is read', (qos) => {
    const bytes = publish({ qos, messageId: 7, retain: true, ...properties }, version);
    const read = readPublish(wholeOf(bytes));
    expect(read).toMatchObject({ qos, retain: true, topic: 'a/b' });
    if (qos > 0) expect(bytes.readUInt16BE(read?.afterTopicAt)).toBe(7);
  });

  it.each([0, 1])('a copy of QoS %i is the same message of QoS 0 to a parser', (qos) => {
    const payload = Buffer.alloc(126, 7);
    const more = { qos, messageId: 7, dup: qos > 0, payload, ...properties };
    const frame = wholeOf(publish(more, version));
    const read = readPublish(frame);
    if (read === null) throw new Error('no PUBLISH');
    const [copy] = parse(atQosZero(frame, read), version);
    expect(copy).toMatchObject({ cmd: 'publish', qos: 0, dup: false, topic: 'a/b', payload });
    expect(copy).not.toHaveProperty('messageId', 7);
    if (version === 5) expect(copy).toMatchObject(properties);
  });
});
