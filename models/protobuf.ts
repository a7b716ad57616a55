// Just enough of the protobuf wire format to walk a message, and to write one: linear, no recursion.

/** One field as it stands on the wire; `bytes` is a view, empty for a varint. */
export interface Field {
  readonly number: number;
  readonly wire: 'varint' | 'fixed64' | 'bytes' | 'fixed32';
  /** The value of a varint, rounded where it passes 2^53. */
  readonly value: number;
  readonly bytes: Uint8Array;
  /** The field with its tag, as it may be copied into another message. */
  readonly whole: Uint8Array;
}

export class ProtobufError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtobufError';
  }
}

/**
 * The fields of one message, in the order of the wire; nested messages are not entered.
 * @throws {ProtobufError} truncated, or written as no exporter writes (groups, oversize tags)
 */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;

  function varint(maxBytes: number): number {
    let value = 0;
    for (let index = 0; index < maxBytes; index += 1) {
      const byte = message[at];
      if (byte === undefined) throw new ProtobufError('it ends in the middle of a number');
      at += 1;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw new ProtobufError('it holds a number that is too long');
  }

  function take(length: number): Uint8Array {
    if (length > message.length - at) {
      throw new ProtobufError(`it ends ${length - (message.length - at)} bytes too early`);
    }
    at += length;
    return message.subarray(at - length, at);
  }

  while (at < message.length) {
    const start = at;
    const tag = varint(5);
    const number = Math.floor(tag / 8);
    // Readers cut larger tags to 32 bits, and could so see another field than this one.
    if (number === 0 || tag >= 2 ** 32) throw new ProtobufError('it holds an impossible field');
    const wire = wireOf(tag % 8);
    const value = wire === 'varint' ? varint(10) : 0;
    let bytes = message.subarray(at, at);
    if (wire === 'bytes') bytes = take(varint(5));
    else if (wire !== 'varint') bytes = take(wire === 'fixed64' ? 8 : 4);
    yield { number, wire, value, bytes, whole: message.subarray(start, at) };
  }
}

function wireOf(type: number): Field['wire'] {
  if (type === 0) return 'varint';
  if (type === 1) return 'fixed64';
  if (type === 2) return 'bytes';
  if (type === 5) return 'fixed32';
  throw new ProtobufError(`it holds a field of wire type ${type}`);
}

const utf8 = new TextDecoder();

/** The text of a `bytes` field; what is no UTF-8 is replaced. */
export function textOf(field: Field): string {
  return utf8.decode(field.bytes);
}

/** A length-delimited field: a string, bytes or a nested message. */
export function bytesField(number: number, content: Uint8Array | string): Uint8Array {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return concat([varintBytes(number * 8 + 2), varintBytes(bytes.length), bytes]);
}

/** @param value a whole number from 0 to 2^53 - 1 */
export function varintField(number: number, value: number): Uint8Array {
  return concat([varintBytes(number * 8), varintBytes(value)]);
}

/** A message from its fields. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function varintBytes(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
