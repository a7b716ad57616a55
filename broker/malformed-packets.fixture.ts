// For tests: MQTT packets that no sane client sends, the same for the same seed.
import { generate, type Packet } from 'mqtt-packet';

/** A whole number from 0 up to, not including, `below`. */
export type Random = (below: number) => number;

/** A generator that gives the same numbers for the same seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export interface FuzzLogin {
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
  readonly clean: boolean;
  /** Where a last will goes. */
  readonly willTopic: string | null;
}

export function connectPacket(login: FuzzLogin): Buffer {
  const { clean, clientId, password, username, willTopic } = login;
  return generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId,
    username,
    password: Buffer.from(password),
    clean,
    // Half-open connections end after half as much again.
    keepalive: 1,
    ...(willTopic === null
      ? {}
      : { will: { topic: willTopic, payload: Buffer.from('gone'), qos: 1, retain: true } }),
  } as Packet);
}

/** One malformed packet, or a sound one where none may come; `login` is who sends it. */
export function malformedPacket(random: Random, login: FuzzLogin): Buffer {
  const [first, second] = [soundPacket(random, login), soundPacket(random, login)];
  switch (random(12)) {
    case 0:
      return first.subarray(0, 1 + random(first.length));
    case 1:
      return withLength(first, random(first.length * 2));
    case 2:
      return withLength(first, 2 ** (7 + random(21)) + random(1000));
    case 3:
      // A remaining length of five bytes and more (MQTT-2.2.3).
      return Buffer.concat([first.subarray(0, 1), Buffer.alloc(4 + random(4), 0x80 + random(128))]);
    case 4:
      return withByte(first, 0, random(256));
    case 5:
      return withByte(first, 0, (first[0] ?? 0) ^ (1 << random(4)));
    case 6:
      return withBrokenText(first, random);
    case 7:
      return Buffer.from(Array.from({ length: 1 + random(80) }, () => random(256)));
    case 8:
      // A sound header with anything behind it gets deeper into the parser.
      return withLength(
        Buffer.from([random(256), 0, ...Array.from({ length: random(60) }, () => random(256))]),
        null,
      );
    case 9:
      return Buffer.concat([first.subarray(0, random(first.length)), second]);
    case 10:
      return outOfOrder(random, login);
    default: {
      let changed = first;
      for (let places = 1 + random(4); places > 0; places -= 1) {
        changed = withByte(changed, random(first.length), random(256));
      }
      return changed;
    }
  }
}

/** A packet that an honest client might send, within its rights and beyond. */
export function soundPacket(random: Random, login: FuzzLogin): Buffer {
  const pick = <T>(values: readonly T[]) => values[random(values.length)] as T;
  const { clientId, username } = login;
  const topic = pick([
    `echolot/v1/readings/${username}/fuzzed`,
    `echolot/v1/replies/${username}/fuzzed`,
    `echolot/v1/replies/asker/echo`,
    `echolot/v1/agents/${username}/x${random(20)}`,
    `a/${'b/'.repeat(random(40))}`,
    '__proto__',
  ]);
  const filter = pick([
    topic,
    '#',
    '+/+',
    'echolot/v1/agents/+/status',
    '$share/predictors/echolot/v1/readings/+/fuzzed',
    '$share/predictors/echolot/v1/readings/+/echo',
    `$share/${'x'.repeat(random(20))}/#`,
    '$SYS/#',
  ]);
  const qos = random(3) as 0 | 1 | 2;
  const messageId = 1 + random(20);
  const payload = Buffer.alloc(random(100), random(256));
  return generate(
    pick<Packet>([
      {
        cmd: 'publish',
        topic,
        payload,
        qos,
        dup: qos > 0 && random(4) === 0,
        retain: random(3) === 0,
        ...(qos > 0 ? { messageId } : {}),
      },
      { cmd: 'subscribe', messageId, subscriptions: [{ topic: filter, qos }] },
      { cmd: 'unsubscribe', messageId, unsubscriptions: [filter] },
      { cmd: pick(['puback', 'pubrec', 'pubrel', 'pubcomp']), messageId },
      { cmd: pick(['pingreq', 'disconnect']) },
      { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, clean: true },
    ] as Packet[]),
  );
}

/** Packets that are well-formed and have no business here: of a server, without ids or filters, reserved. */
function outOfOrder(random: Random, login: FuzzLogin): Buffer {
  const packets = [
    connectPacket(login),
    Buffer.from([0x20, 2, 0, 0]),
    Buffer.from([0x90, 3, 0, 1, 0]),
    Buffer.from([0xb0, 2, 0, 1]),
    Buffer.from([0xd0, 0]),
    Buffer.from([0xf0, 0]),
    Buffer.from([0x00, 0]),
    // SUBSCRIBE and UNSUBSCRIBE without a filter (MQTT-3.8.3-3, MQTT-3.10.3-2).
    Buffer.from([0x82, 2, 0, 1]),
    Buffer.from([0xa2, 2, 0, 1]),
    // Message id 0 (MQTT-2.3.1-1): SUBSCRIBE to `a`, PUBLISH at QoS 1 to `a`, and each acknowledgement.
    Buffer.from([0x82, 6, 0, 0, 0, 1, 0x61, 0]),
    Buffer.from([0x32, 5, 0, 1, 0x61, 0, 0]),
    ...[0x40, 0x50, 0x62, 0x70].map((first) => Buffer.from([first, 2, 0, 0])),
    // QoS 3, in PUBLISH and in SUBSCRIBE; a topic of no length.
    Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1]),
    Buffer.from([0x82, 6, 0, 1, 0, 1, 0x61, 3]),
    Buffer.from([0x30, 2, 0, 0]),
  ];
  return packets[random(packets.length)] as Buffer;
}

/** NUL, an overlong slash, half a surrogate pair, a byte that is never in UTF-8, a cut sequence. */
const BROKEN_TEXTS = ['00', 'c0af', 'eda080', 'ff', 'e282', 'f8888080', 'efbfbf', 'efbbbf'];

/** Overwrites some text of the packet with what is no UTF-8 (MQTT-1.5.3-1, MQTT-1.5.3-2). */
function withBrokenText(packet: Buffer, random: Random): Buffer {
  const broken = Buffer.from(BROKEN_TEXTS[random(BROKEN_TEXTS.length)] as string, 'hex');
  const changed = Buffer.from(packet);
  broken.copy(changed, Math.min(packet.length - 1, 4 + random(Math.max(1, packet.length - 4))));
  return changed;
}

function withByte(packet: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(packet);
  changed[at] = value;
  return changed;
}

/** The packet under another remaining length; `null`: the right one for a body behind a two-byte header. */
function withLength(packet: Buffer, length: number | null): Buffer {
  let left = length ?? packet.length - 2;
  const bytes: number[] = [];
  do {
    bytes.push((left % 128) | (left >= 128 ? 0x80 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.concat([packet.subarray(0, 1), Buffer.from(bytes), packet.subarray(2)]);
}
