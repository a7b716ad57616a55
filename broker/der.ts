// DER, as far as certificates and revocation lists need it (ITU-T X.690): writing, and a reader of elements.

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element as it stands in a document; `whole` has the tag and the length, `content` has not. */
export interface Element {
  readonly tag: number;
  readonly whole: Buffer;
  readonly content: Buffer;
}

export function sequence(...items: readonly Buffer[]): Buffer {
  return element(TAG.sequence, Buffer.concat(items));
}

export function set(...items: readonly Buffer[]): Buffer {
  return element(TAG.set, Buffer.concat(items));
}

export function boolean(value: boolean): Buffer {
  return element(TAG.boolean, Buffer.from([value ? 0xff : 0]));
}

/** A non-negative integer, big-endian. */
export function integer(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const short = first === -1 ? Buffer.from([0]) : bytes.subarray(first);
  // A set top bit would mean a negative number.
  const padding = (short[0] ?? 0) >= 0x80 ? [0] : [];
  return element(TAG.integer, Buffer.concat([Buffer.from(padding), short]));
}

export function enumerated(value: number): Buffer {
  return element(TAG.enumerated, Buffer.from([value]));
}

export function utf8String(text: string): Buffer {
  return element(TAG.utf8String, Buffer.from(text, 'utf8'));
}

export function octetString(bytes: Buffer): Buffer {
  return element(TAG.octetString, bytes);
}

/** @param unused how many of the last bits do not count */
export function bitString(bytes: Buffer, unused = 0): Buffer {
  return element(TAG.bitString, Buffer.concat([Buffer.from([unused]), bytes]));
}

/** @param dotted for example 2.5.4.3 */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(TAG.objectId, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** UTCTime up to 2049, GeneralizedTime after that (RFC 5280, 4.1.2.5); whole seconds. */
export function time(instant: Date): Buffer {
  const digits = `${instant.toISOString().slice(0, 19).replace(/\D/g, '')}Z`;
  return instant.getUTCFullYear() < 2050
    ? element(TAG.utcTime, Buffer.from(digits.slice(2), 'ascii'))
    : element(TAG.generalizedTime, Buffer.from(digits, 'ascii'));
}

/** `[number]` around other elements (`explicit`), or in place of the tag of a primitive one. */
export function tagged(number: number, content: Buffer, kind: 'explicit' | 'primitive'): Buffer {
  return element((kind === 'explicit' ? 0xa0 : 0x80) | number, content);
}

/**
 * The elements that stand one after the other in `bytes`.
 * @throws {RangeError} a tag or a length that DER does not have, or that goes past the end
 */
export function readElements(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { start, end } = extentOf(bytes, at);
    elements.push({
      tag: bytes.readUInt8(at),
      whole: bytes.subarray(at, end),
      content: bytes.subarray(start, end),
    });
    at = end;
  }
  return elements;
}

/** True for a sequence. */
export function isSequence(element: Element | undefined): element is Element {
  return element?.tag === TAG.sequence;
}

/** True for either form of an instant. */
export function isTime(element: Element | undefined): boolean {
  return element?.tag === TAG.utcTime || element?.tag === TAG.generalizedTime;
}

function element(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes = base256(length);
  return [0x80 | bytes.length, ...bytes];
}

function base256(value: number): number[] {
  return value < 256 ? [value] : [...base256(Math.floor(value / 256)), value % 256];
}

function base128(value: number): number[] {
  const groups = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    groups.unshift((rest % 128) | 0x80);
  }
  return groups;
}

function extentOf(bytes: Buffer, at: number): { readonly start: number; readonly end: number } {
  if ((bytes.readUInt8(at) & 0x1f) === 0x1f) throw new RangeError('a tag of more than one byte');
  const first = bytes.readUInt8(at + 1);
  const size = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || size > 4) throw new RangeError('a length that DER does not have');
  const start = at + 2 + size;
  const end = start + (size === 0 ? first : bytes.readUIntBE(at + 2, size));
  if (end > bytes.length) throw new RangeError('cut short');
  return { start, end };
}
