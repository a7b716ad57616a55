// What was answered lately, so that a reading that comes again gets the same answer without the model.
import type { DecodedReading } from '../schemas/decode-reading.ts';
import { hashText } from './hash-text.ts';

export interface RepeatLimits {
  /** The most answers that are remembered. */
  readonly entries: number;
  /** The most bytes of answers with their keys; one above a quarter of it is not remembered. */
  readonly bytes: number;
}

/** @throws {RangeError} where there is no memory */
type Allocate = (bytes: number) => Buffer;

/** The ring begins with so many bytes and doubles while answers are too many for it. */
const FIRST_BYTES = 2 ** 20;
const DEFAULT_REPEAT_LIMITS: RepeatLimits = { entries: 10_000, bytes: 16 * 1024 * 1024 };

/** What makes a reading the same as another: made before the model has its values. */
export interface Fingerprint {
  /** Of client, model and id. */
  readonly key: string;
  /** 64 bits of the key in two halves, each from 0 up. */
  readonly keyHigh: number;
  readonly keyLow: number;
  /** Of the model that is asked. */
  readonly digest: string;
  /** Of the values, with the form and the encoding in which they are answered: 64 bits in two halves. */
  readonly high: number;
  readonly low: number;
}

/** Of a key two bytes each character, which is exact for any text. */
const KEY_ENCODING = 'utf16le';
/**
 * So many of one bucket are looked at: ids that somebody chose to fall into it must not cost more. Whoever knows a
 * client's id can so have its answer forgotten, and the model runs again.
 */
const MOST_LOOKS = 16;

/**
 * First in, first out, without an object for what is remembered: all lies in numbers and in a ring of bytes, each
 * key before its answer. Thousands of objects and small buffers that stay for a moment would grow old, and cost V8
 * more than they spare. An answer has a serial number, and by it a slot of the tables.
 */
export class Repeats {
  private readonly limits: RepeatLimits;
  private readonly firstBytes: number;
  private readonly allocate: Allocate;
  private bytes: Buffer | null = null;
  /** Less than it may be where the machine has once refused it more. */
  private mostBytes: number;
  /** By the key's hash: the serial number of the latest answer; what is forgotten is below `oldest`. */
  private readonly buckets: Float64Array;
  private readonly slots: Slots;
  /** Serial numbers: of the oldest that is remembered, and of the next. */
  private oldest = 1;
  private next = 1;
  /** Where the next entry begins in the ring. */
  private end = 0;

  constructor(
    limits: RepeatLimits = DEFAULT_REPEAT_LIMITS,
    firstBytes = FIRST_BYTES,
    allocate: Allocate = (bytes) => Buffer.allocUnsafeSlow(bytes),
  ) {
    this.limits = limits;
    this.firstBytes = Math.min(firstBytes, limits.bytes);
    this.allocate = allocate;
    this.mostBytes = limits.bytes;
    this.buckets = new Float64Array(2 ** Math.ceil(Math.log2(limits.entries)));
    this.slots = createSlots(limits.entries);
  }

  /** The answer that the same reading got from the same model, or `null`. */
  recall(print: Fingerprint): Buffer | null {
    const { bytes, slots } = this;
    const slot = bytes && this.find(print, bytes);
    if (bytes === null || slot === null || slots.digests[slot] !== print.digest) return null;
    if (slots.highs[slot] !== print.high || slots.lows[slot] !== print.low) return null;
    const start = (slots.starts[slot] as number) + (slots.keyLengths[slot] as number);
    return Buffer.from(bytes.subarray(start, start + (slots.lengths[slot] as number)));
  }

  /**
   * Takes note of an answer; an older one to the same client, model and id is forgotten. Never throws: where there
   * is no memory it does without, since the answer itself is out.
   */
  remember(print: Fingerprint, answer: Buffer): void {
    const { buckets, limits, slots } = this;
    const keyLength = print.key.length * 2;
    const length = keyLength + answer.length;
    if (length * 4 > limits.bytes) return;
    this.bytes ??= this.tryAllocate(this.firstBytes);
    let ring = this.bytes;
    if (!ring) return;
    while (this.count === limits.entries || !this.fits(length, ring.length)) {
      if (this.count < limits.entries && ring.length < this.mostBytes) ring = this.grow(ring);
      else if (this.count > 0) this.oldest += 1;
      else return;
    }
    ring.write(print.key, this.end, KEY_ENCODING);
    answer.copy(ring, this.end + keyLength);
    const slot = this.next % limits.entries;
    const bucket = this.bucketOf(print.keyLow);
    slots.starts[slot] = this.end;
    slots.keyLengths[slot] = keyLength;
    slots.lengths[slot] = answer.length;
    slots.keyHighs[slot] = print.keyHigh;
    slots.keyLows[slot] = print.keyLow;
    slots.highs[slot] = print.high;
    slots.lows[slot] = print.low;
    slots.digests[slot] = print.digest;
    slots.before[slot] = buckets[bucket] as number;
    buckets[bucket] = this.next;
    this.next += 1;
    this.end += length;
  }

  /** How many are remembered. */
  private get count(): number {
    return this.next - this.oldest;
  }

  /** The slot of the latest answer to the same client, model and id. */
  private find({ key, keyHigh, keyLow }: Fingerprint, bytes: Buffer): number | null {
    const { slots } = this;
    let serial = this.buckets[this.bucketOf(keyLow)] as number;
    for (let looks = 0; looks < MOST_LOOKS && serial >= this.oldest; looks += 1) {
      const slot = serial % this.limits.entries;
      if (slots.keyHighs[slot] === keyHigh && slots.keyLows[slot] === keyLow) {
        const start = slots.starts[slot] as number;
        const end = start + (slots.keyLengths[slot] as number);
        if (bytes.toString(KEY_ENCODING, start, end) === key) return slot;
      }
      serial = slots.before[slot] as number;
    }
    return null;
  }

  private bucketOf(keyLow: number): number {
    return keyLow & (this.buckets.length - 1);
  }

  /** Whether so many bytes are free in one piece; if need be the end goes back to the beginning. */
  private fits(length: number, ringBytes: number): boolean {
    if (this.count === 0) {
      this.end = 0;
      return length <= ringBytes;
    }
    const first = this.slots.starts[this.oldest % this.limits.entries] as number;
    if (first >= this.end) return first - this.end >= length;
    if (ringBytes - this.end >= length) return true;
    if (first < length) return false;
    this.end = 0;
    return true;
  }

  /** A ring of twice the size, with all answers from its beginning on; the same where it can grow no more. */
  private grow(ring: Buffer): Buffer {
    const larger = this.tryAllocate(Math.min(this.mostBytes, ring.length * 2));
    if (!larger) {
      this.mostBytes = ring.length;
      return ring;
    }
    const { keyLengths, lengths, starts } = this.slots;
    this.end = 0;
    for (let serial = this.oldest; serial < this.next; serial += 1) {
      const slot = serial % this.limits.entries;
      const start = starts[slot] as number;
      const length = (keyLengths[slot] as number) + (lengths[slot] as number);
      ring.copy(larger, this.end, start, start + length);
      starts[slot] = this.end;
      this.end += length;
    }
    this.bytes = larger;
    return larger;
  }

  private tryAllocate(bytes: number): Buffer | null {
    try {
      return this.allocate(bytes);
    } catch {
      return null;
    }
  }
}

/** What is known of each answer beside its bytes; a table has as many places as there may be answers. */
function createSlots(entries: number) {
  return {
    starts: new Uint32Array(entries),
    keyLengths: new Uint32Array(entries),
    lengths: new Uint32Array(entries),
    keyHighs: new Uint32Array(entries),
    keyLows: new Uint32Array(entries),
    highs: new Int32Array(entries),
    lows: new Int32Array(entries),
    digests: Array.from({ length: entries }, () => ''),
    /** The serial number of the one before it in its bucket. */
    before: new Float64Array(entries),
  };
}

type Slots = ReturnType<typeof createSlots>;

/**
 * Worked out when it is first asked for, and once: a large batch takes as long as its model.
 * @param address of client and model together, such as the reply topic
 * @param digest of the model
 */
export function lazyFingerprint(
  address: string,
  digest: string,
  reading: DecodedReading,
): () => Fingerprint {
  let print: Fingerprint | null = null;
  return () => {
    print ??= fingerprint(address, digest, reading);
    return print;
  };
}

/**
 * @param address of client and model together, such as the reply topic
 * @param digest of the model
 */
export function fingerprint(
  address: string,
  digest: string,
  { encoding, form, id, rows, values }: DecodedReading,
): Fingerprint {
  // The bits of the values, so that no rounding and no comparison of zeros comes in.
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  let high = form === 'single' ? 1 : form === 'batch' ? 2 : 3;
  let low = encoding === 'json' ? rows : ~rows;
  let oddHigh = ~high;
  let oddLow = ~low;
  const pairs = bits.length - (bits.length % 2);
  // Two multiplicative mixes with different odd constants and rotations (those of MurmurHash3), of every other
  // value each: no mix waits for the one before it, which halves the time.
  for (let index = 0; index < pairs; index += 2) {
    const even = bits[index] as number;
    const odd = bits[index + 1] as number;
    high = Math.imul(high ^ even, 0x85ebca6b);
    high ^= high >>> 15;
    low = Math.imul(low ^ even, 0xc2b2ae35);
    low ^= low >>> 13;
    oddHigh = Math.imul(oddHigh ^ odd, 0x85ebca6b);
    oddHigh ^= oddHigh >>> 15;
    oddLow = Math.imul(oddLow ^ odd, 0xc2b2ae35);
    oddLow ^= oddLow >>> 13;
  }
  const last = bits.length > pairs ? (bits[pairs] as number) : 0;
  high = Math.imul(high ^ last ^ Math.imul(oddHigh, 0xcc9e2d51), 0x85ebca6b);
  low = Math.imul(low ^ last ^ Math.imul(oddLow, 0x1b873593), 0xc2b2ae35);
  const key = `${address}/${id}`;
  const keyHigh = hashText(key, 0x9e3779b1);
  const keyLow = hashText(key, 0x85ebca77);
  return { key, keyHigh, keyLow, digest, high, low };
}
