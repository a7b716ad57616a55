// The few frames of MQTT 3.1.1 that a load needs, to bytes and from bytes. Pure.

const DIGITS = 9;
/** What templates hold where a reading's serial goes, and what no other part of a message contains. */
export const ID_MARK = '#';
export const ID_TEMPLATE = ID_MARK + '0'.repeat(DIGITS);

const PUBLISH = 3;
const PUBACK = 4;
const PUBLISH_QOS = 6;

/** CONNECT with a clean session and no keepalive; client id and username are one name. */
export function connectFrame(name: string, password: string): Buffer {
  const head = Buffer.concat([field('MQTT'), Buffer.from([4, 0xc2, 0, 0])]);
  return frame(0x10, Buffer.concat([head, field(name), field(name), field(password)]));
}

export function subscribeFrame(packetId: number, filter: string, qos: 0 | 1): Buffer {
  const id = Buffer.from([packetId >> 8, packetId & 0xff]);
  return frame(0x82, Buffer.concat([id, field(filter), Buffer.from([qos])]));
}

export function pubackFrame(packetId: number): Buffer {
  return Buffer.from([PUBACK << 4, 2, packetId >> 8, packetId & 0xff]);
}

/** A PUBLISH made once and sent often: only the serial in its payload and the packet identifier change. */
export class PublishTemplate {
  private readonly bytes: Buffer;
  private readonly serialEnd: number;
  private readonly packetIdAt: number | null;

  /** @param payload holds `ID_TEMPLATE` once, as its id */
  constructor(topic: string, payload: Buffer, qos: 0 | 1) {
    const id = qos === 1 ? Buffer.alloc(2) : Buffer.alloc(0);
    const head = Buffer.concat([field(topic), id]);
    this.bytes = frame((PUBLISH << 4) | (qos << 1), Buffer.concat([head, payload]));
    const payloadAt = this.bytes.length - payload.length;
    this.packetIdAt = qos === 1 ? payloadAt - 2 : null;
    const idAt = payload.indexOf(ID_TEMPLATE);
    if (idAt < 0) throw new RangeError(`a payload without ${ID_TEMPLATE}`);
    this.serialEnd = payloadAt + idAt + ID_TEMPLATE.length;
  }

  /** @param serial the reading's number, below a thousand million */
  fill(serial: number, packetId: number): Buffer {
    const bytes = Buffer.allocUnsafe(this.bytes.length);
    this.bytes.copy(bytes);
    let rest = serial;
    for (let digit = 1; digit <= DIGITS; digit += 1) {
      bytes[this.serialEnd - digit] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    if (this.packetIdAt !== null) bytes.writeUInt16BE(packetId, this.packetIdAt);
    return bytes;
  }
}

/** The serial in an answer, or `null` where it has none. */
export function readSerial(payload: Buffer): number | null {
  const at = payload.indexOf(ID_MARK);
  if (at < 0 || at + DIGITS >= payload.length) return null;
  let serial = 0;
  for (let index = at + 1; index <= at + DIGITS; index += 1) {
    serial = serial * 10 + ((payload[index] as number) - 0x30);
  }
  return serial;
}

export interface FrameHandlers {
  /** @param packetId `null` at QoS 0 */
  publish(payload: Buffer, packetId: number | null): void;
  /** Any other frame, by the number of its type and its body. */
  other(type: number, body: Buffer): void;
}

/** Takes a stream in any pieces, and hands over whole frames. Payloads are views that live until the next piece. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);
  private readonly handlers: FrameHandlers;

  constructor(handlers: FrameHandlers) {
    this.handlers = handlers;
  }

  push(piece: Buffer): void {
    const bytes = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
    let at = 0;
    for (;;) {
      const body = bodyOf(bytes, at);
      if (body === null) break;
      this.dispatch(bytes[at] as number, bytes.subarray(body.start, body.end));
      at = body.end;
    }
    this.rest = bytes.subarray(at);
  }

  private dispatch(head: number, body: Buffer): void {
    if (head >> 4 !== PUBLISH) {
      this.handlers.other(head >> 4, body);
      return;
    }
    const topicEnd = 2 + body.readUInt16BE(0);
    if ((head & PUBLISH_QOS) === 0) this.handlers.publish(body.subarray(topicEnd), null);
    else this.handlers.publish(body.subarray(topicEnd + 2), body.readUInt16BE(topicEnd));
  }
}

function bodyOf(bytes: Buffer, at: number): { start: number; end: number } | null {
  let length = 0;
  for (let index = 1; index <= 4; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined) return null;
    length += (byte & 0x7f) * 128 ** (index - 1);
    if (byte < 128) {
      const start = at + index + 1;
      return start + length <= bytes.length ? { start, end: start + length } : null;
    }
  }
  throw new RangeError('a length of more than four bytes: this is no MQTT');
}

function frame(head: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([head, ...varint(body.length)]), body]);
}

function field(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 0x80, ...varint(Math.floor(value / 128))];
}
