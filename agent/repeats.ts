// What was answered lately, so that a reading that comes again gets the same answer without the model.
import type { DecodedReading } from '../schemas/decode-reading.ts';

export interface RepeatLimits {
  /** The most answers that are remembered. */
  readonly entries: number;
  /** The most bytes of answers; one above a quarter of it is not remembered. */
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
  /** Of the model that is asked. */
  readonly digest: string;
  /** Of the values, with the form and the encoding in which they are answered: 64 bits in two halves. */
  readonly high: number;
  readonly low: number;
}

interface Remembered {
  readonly print: Fingerprint;
  start: number;
  readonly length: number;
}

/**
 * First in, first out, in memory that is kept: answers lie in a ring of bytes, since thousands of small
 * buffers that stay would each keep a slab of Node's pool.
 */
export class Repeats {
  private readonly limits: RepeatLimits;
  private readonly firstBytes: number;
  private readonly slots: (Remembered | undefined)[] = [];
  private readonly byKey = new Map<string, Remembered>();
  private readonly allocate: Allocate;
  private bytes: Buffer | null = null;
  /** Less than it may be where the machine has once refused it more. */
  private mostBytes: number;
  /** Of the slots: the oldest, and how many there are. */
  private oldest = 0;
  private count = 0;
  /** Where the next answer begins. */
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
  }

  /** The answer that the same reading got from the same model, or `null`. */
  recall(print: Fingerprint): Buffer | null {
    const known = this.byKey.get(print.key);
    if (!known || !this.bytes || !isSame(known.print, print)) return null;
    return Buffer.from(this.bytes.subarray(known.start, known.start + known.length));
  }

  /**
   * Takes note of an answer; an older one to the same client, model and id is forgotten. Never throws: where there
   * is no memory it does without, since the answer itself is out.
   */
  remember(print: Fingerprint, answer: Buffer): void {
    const { length } = answer;
    if (length * 4 > this.limits.bytes) return;
    this.bytes ??= this.tryAllocate(this.firstBytes);
    let ring = this.bytes;
    if (!ring) return;
    while (this.count === this.limits.entries || !this.fits(length, ring.length)) {
      if (this.count < this.limits.entries && ring.length < this.mostBytes) ring = this.grow(ring);
      else if (this.count > 0) this.forgetOldest();
      else return;
    }
    const remembered: Remembered = { print, start: this.end, length };
    answer.copy(ring, this.end);
    this.end += length;
    this.slots[(this.oldest + this.count) % this.limits.entries] = remembered;
    this.count += 1;
    this.byKey.set(print.key, remembered);
  }

  /** Whether so many bytes are free in one piece; if need be the end goes back to the beginning. */
  private fits(length: number, ringBytes: number): boolean {
    const first = this.slots[this.oldest];
    if (this.count === 0 || !first) {
      this.end = 0;
      return length <= ringBytes;
    }
    if (first.start >= this.end) return first.start - this.end >= length;
    if (ringBytes - this.end >= length) return true;
    if (first.start < length) return false;
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
    this.end = 0;
    for (let place = 0; place < this.count; place += 1) {
      const one = this.slots[(this.oldest + place) % this.limits.entries] as Remembered;
      ring.copy(larger, this.end, one.start, one.start + one.length);
      one.start = this.end;
      this.end += one.length;
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

  private forgetOldest(): void {
    const forgotten = this.slots[this.oldest];
    this.slots[this.oldest] = undefined;
    this.oldest = (this.oldest + 1) % this.limits.entries;
    this.count -= 1;
    if (forgotten && this.byKey.get(forgotten.print.key) === forgotten) {
      this.byKey.delete(forgotten.print.key);
    }
  }
}

function isSame(one: Fingerprint, other: Fingerprint): boolean {
  return one.digest === other.digest && one.high === other.high && one.low === other.low;
}

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
  return { key: `${address}/${id}`, digest, high, low };
}
