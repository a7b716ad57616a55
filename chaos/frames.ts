// Cuts a stream of bytes into MQTT control packets; what is no MQTT passes through as it came.

/** A packet that is longer passes in pieces, so that a stream never holds more than this. */
const MAX_WHOLE_BYTES = 256 * 1024;
const PUBLISH = 3;
const NO_BYTES = Buffer.alloc(0);

/** MQTT control packet type of the first packet that either side sends (3.1, 3.2). */
export const CONNECT = 1;
export const CONNACK = 2;
export const DISCONNECT = 14;

export interface Frame {
  readonly bytes: Buffer;
  /** The control packet type of a whole packet; 0 for bytes that pass without being understood. */
  readonly type: number;
}

/** A PUBLISH, of MQTT 3.1.1 and 5 alike: they differ only behind the packet id. */
export interface Publish {
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly topic: string;
  /** Where the variable header begins, and what follows the topic: the packet id at QoS 1 and 2. */
  readonly variableAt: number;
  readonly afterTopicAt: number;
}

/** One direction of one connection. Total: never throws, and loses no byte. */
export class FrameCutter {
  /** The beginning of a packet whose end has not come. */
  private held: Buffer = NO_BYTES;
  /** Bytes of a packet that is too long to be held. */
  private passing = 0;
  private readonly firstType: number;
  private isFirst = true;
  private isMqtt = true;

  /** @param firstType with which packet the stream begins if it is MQTT */
  constructor(firstType: number) {
    this.firstType = firstType;
  }

  /** Bytes of a packet whose end has not come. */
  get heldBytes(): number {
    return this.held.length;
  }

  /** What is complete by now. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    this.held = NO_BYTES;
    while (rest.length > 0) {
      if (this.passing > 0 || !this.isMqtt) {
        const piece = rest.subarray(0, this.isMqtt ? this.passing : rest.length);
        if (this.isMqtt) this.passing -= piece.length;
        frames.push({ bytes: piece, type: 0 });
        rest = rest.subarray(piece.length);
        continue;
      }
      const header = readFixedHeader(rest);
      const type = (rest[0] as number) >> 4;
      if (header === 'malformed' || type === 0 || (this.isFirst && type !== this.firstType)) {
        this.isMqtt = false;
        continue;
      }
      if (header !== 'incomplete' && header.length > MAX_WHOLE_BYTES) {
        this.passing = header.length;
        this.isFirst = false;
        continue;
      }
      if (header === 'incomplete' || header.length > rest.length) {
        // A copy: a view would keep the whole chunk that it came in.
        this.held = Buffer.from(rest);
        break;
      }
      this.isFirst = false;
      frames.push({ bytes: rest.subarray(0, header.length), type });
      rest = rest.subarray(header.length);
    }
    return frames;
  }

  /** The beginning of a packet whose end never came, once the stream is over. */
  flush(): Frame[] {
    const bytes = this.held;
    this.held = NO_BYTES;
    return bytes.length === 0 ? [] : [{ bytes, type: 0 }];
  }
}

/** Reads a PUBLISH; `null` where the frame is another packet or breaks the format. */
export function readPublish({ bytes, type }: Frame): Publish | null {
  const header = readFixedHeader(bytes);
  const flags = bytes[0] ?? 0;
  const qos = (flags >> 1) & 3;
  if (type !== PUBLISH || typeof header === 'string' || qos === 3) return null;
  const variableAt = header.headerLength;
  if (bytes.length < variableAt + 2) return null;
  const afterTopicAt = variableAt + 2 + bytes.readUInt16BE(variableAt);
  if (bytes.length < afterTopicAt + (qos > 0 ? 2 : 0)) return null;
  const topic = bytes.toString('utf8', variableAt + 2, afterTopicAt);
  return { qos: qos as 0 | 1 | 2, retain: (flags & 1) === 1, topic, variableAt, afterTopicAt };
}

/** The same message as a PUBLISH of QoS 0: no packet id, no DUP (MQTT-2.3.1-5, MQTT-3.3.1-2). */
export function atQosZero({ bytes }: Frame, publish: Publish): Buffer {
  const { afterTopicAt, qos, retain, variableAt } = publish;
  const body = [
    bytes.subarray(variableAt, afterTopicAt),
    bytes.subarray(afterTopicAt + (qos > 0 ? 2 : 0)),
  ] as const;
  const header = [(PUBLISH << 4) | (retain ? 1 : 0)];
  let left = body[0].length + body[1].length;
  do {
    header.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from(header), ...body]);
}

/** `length` is that of the whole packet. The remaining length has at most four bytes (2.2.3). */
function readFixedHeader(
  bytes: Buffer,
): { readonly length: number; readonly headerLength: number } | 'incomplete' | 'malformed' {
  let remaining = 0;
  for (let at = 1; at <= 4; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) return 'incomplete';
    remaining += (byte & 0x7f) * 128 ** (at - 1);
    if (byte < 0x80) return { length: at + 1 + remaining, headerLength: at + 1 };
  }
  return 'malformed';
}
