// CBOR (RFC 8949) in and out through cbor-x, behind a check that no length in the bytes can be a lie.
import { Decoder, Encoder } from 'cbor-x';

/** Nesting that any message of ours needs, with room for unknown fields. */
const MAX_DEPTH = 16;
/** Self-described CBOR (RFC 8949, 3.4.6). */
const SELF_DESCRIBED = 55_799;
/** Tags that cbor-x decodes to plain data: dates, big numbers, text forms, typed arrays (RFC 8746). */
const isKnownTag = (tag: number) =>
  tag <= 5 ||
  (tag >= 21 && tag <= 24) ||
  (tag >= 32 && tag <= 37) ||
  isTypedArrayTag(tag) ||
  tag === SELF_DESCRIBED;
const isTypedArrayTag = (tag: number) => tag >= 64 && tag <= 87;

// tagUint8Array off and records off: the bytes hold nothing that another CBOR library would not read.
const encoder = new Encoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false });
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true });

export function encodeCbor(value: unknown): Buffer {
  return encoder.encode(value);
}

/** True where a payload is to be read as CBOR: a map (0xA0 to 0xBF), or tag 55799. */
export function looksLikeCbor(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0;
  return (first & 0xe0) === 0xa0 || (first === 0xd9 && bytes[1] === 0xd9 && bytes[2] === 0xf7);
}

/** Decodes one CBOR item. Total: anything that is not exactly one well-formed item gives the reason. */
export function decodeCbor(
  bytes: Uint8Array,
): { ok: true; value: unknown } | { ok: false; reason: string } {
  const scan = new Scan(bytes);
  const reason = scan.check();
  if (reason !== null) return { ok: false, reason };
  try {
    return { ok: true, value: decoder.decode(bytes) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : 'not decodable' };
  }
}

/**
 * Well-formedness as in RFC 8949, appendix C: linear in the bytes and without allocation, so that a
 * five-byte array header cannot make the decoder reserve a gigabyte.
 */
class Scan {
  private at = 0;
  private readonly bytes: Uint8Array;
  private reason: string | null = null;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  check(): string | null {
    this.item(0, false);
    if (this.reason === null && this.at !== this.bytes.length) return 'bytes follow the CBOR item';
    return this.reason;
  }

  /** Reads one item; returns true where it was a "break" that the caller allows. */
  private item(depth: number, breakAllowed: boolean): boolean {
    if (depth > MAX_DEPTH) return this.fail('CBOR nested too deeply');
    const initial = this.bytes[this.at++];
    if (initial === undefined) return this.fail('CBOR ends too early');
    const major = initial >> 5;
    const info = initial & 0x1f;
    if (info === 31) return this.indefinite(major, depth, breakAllowed);
    const argument = this.argument(info);
    if (this.reason !== null) return false;
    switch (major) {
      case 2:
      case 3:
        this.skip(argument);
        break;
      case 4:
        this.items(argument, depth);
        break;
      case 5:
        this.items(argument * 2, depth);
        break;
      case 6:
        if (!isKnownTag(argument)) return this.fail(`CBOR tag ${argument} is not supported`);
        if (isTypedArrayTag(argument) && (this.bytes[this.at] ?? 0) >> 5 !== 2) {
          return this.fail('a CBOR typed array must tag a byte string');
        }
        this.item(depth + 1, false);
        break;
      case 7:
        if (info === 24 && argument < 32) return this.fail('CBOR simple value malformed');
        break;
    }
    return false;
  }

  private indefinite(major: number, depth: number, breakAllowed: boolean): boolean {
    if (major === 7) return breakAllowed || this.fail('CBOR break out of place');
    // Chunked strings decode badly in cbor-x and no device needs them.
    if (major !== 4 && major !== 5) return this.fail('CBOR indefinite length not supported here');
    let count = 0;
    while (this.reason === null && !this.item(depth + 1, true)) count += 1;
    if (major === 5 && count % 2 === 1) this.fail('CBOR map without a last value');
    return false;
  }

  private argument(info: number): number {
    if (info < 24) return info;
    if (info > 27) return Number(this.fail('CBOR length reserved'));
    const width = 1 << (info - 24);
    let value = 0;
    for (let index = 0; index < width; index += 1) {
      value = value * 256 + (this.bytes[this.at + index] ?? 0);
    }
    this.skip(width);
    return value;
  }

  private items(count: number, depth: number): void {
    // Each item takes one byte at the least, so a count that lies ends with the bytes.
    for (let index = 0; index < count && this.reason === null; index += 1)
      this.item(depth + 1, false);
  }

  private skip(count: number): void {
    if (count > this.bytes.length - this.at) this.fail('CBOR ends too early');
    else this.at += count;
  }

  private fail(reason: string): false {
    this.reason ??= reason;
    return false;
  }
}
