// The commonest reading, straight from its bytes to numbers: what JSON.parse gives, for a quarter of its time.
import type { InputLimits } from './decode-reading.ts';

const HEAD = bytesOf('{"id":"');
const BETWEEN = bytesOf('","values":[');
const MAX_ID = 64;
/** Of so many digits a whole number is exact, and so is its quotient by a power of ten, but for one rounding. */
const MAX_DIGITS = 15;
const POWERS = Float64Array.from({ length: MAX_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const BRACKET = 0x5d;
const BRACE = 0x7d;

/**
 * Reads `{"id":"…","values":[…]}` with one row, nothing else in it, no white space, no escapes, and numbers as
 * people and devices write them: up to 15 digits, no exponent.
 * @returns null for anything else, be it right or wrong: who reads all JSON says what it is
 */
export function readPlainJson(
  bytes: Uint8Array,
  { maximum, minimum, width }: InputLimits,
): { readonly id: string; readonly values: Float32Array } | null {
  if (!hasAt(bytes, 0, HEAD)) return null;
  const idEnd = endOfId(bytes, HEAD.length);
  if (idEnd < 0 || !hasAt(bytes, idEnd, BETWEEN)) return null;
  const end = bytes.length - 2;
  if (bytes[end] !== BRACKET || bytes[end + 1] !== BRACE) return null;
  const least = Math.fround(minimum);
  const most = Math.fround(maximum);
  const values = new Float32Array(width);
  let at = idEnd + BETWEEN.length;
  for (let index = 0; index < width; index += 1) {
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at += 1;
    const start = at;
    let whole = 0;
    let digit = (bytes[at] as number) - ZERO;
    while (digit >= 0 && digit <= 9) {
      whole = whole * 10 + digit;
      at += 1;
      digit = (bytes[at] as number) - ZERO;
    }
    let digits = at - start;
    // JSON has no digits before a point that are none, and no zeros before others.
    if (digits === 0 || (digits > 1 && bytes[start] === ZERO)) return null;
    let decimals = 0;
    if (bytes[at] === POINT) {
      const point = at;
      at += 1;
      digit = (bytes[at] as number) - ZERO;
      while (digit >= 0 && digit <= 9) {
        whole = whole * 10 + digit;
        at += 1;
        digit = (bytes[at] as number) - ZERO;
      }
      decimals = at - point - 1;
      if (decimals === 0) return null;
      digits += decimals;
    }
    if (digits > MAX_DIGITS) return null;
    const size = decimals === 0 ? whole : whole / (POWERS[decimals] as number);
    const value = Math.fround(isNegative ? -size : size);
    if (!(value >= least && value <= most)) return null;
    values[index] = value;
    const isLast = index === width - 1;
    if (isLast ? at !== end : bytes[at] !== COMMA) return null;
    at += 1;
  }
  return { id: latin1(bytes, HEAD.length, idEnd), values };
}

/** Where the quote after the id is; -1 where it is not the id of a plain reading. */
function endOfId(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at - start <= MAX_ID) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) return at === start ? -1 : at;
    if (!(byte >= 0x20 && byte <= 0x7e) || byte === BACKSLASH) return -1;
    at += 1;
  }
  return -1;
}

function hasAt(bytes: Uint8Array, offset: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[offset + index] !== text[index]) return false;
  }
  return true;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
