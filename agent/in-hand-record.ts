// The record of what a run of the model is made of: fixed places, a checksum, nothing that needs parsing.
import type { RunEntry } from './admitted.ts';
import { hashText } from './hash-text.ts';

/** `EIH1` where the machine that reads is like the one that wrote. */
const MAGIC = 0x31484945;
/** Words of 32 bits: magic, model, count, checksum. The keys follow, two words each. */
const HEADER = 4;
const COUNT = 2;
const CHECKSUM = 3;

/** A buffer for one run after the other; it grows with them. */
export class InHandRecord {
  private words = new Uint32Array(HEADER + 2 * 64);
  /** Of the last record: the next one is often as long. */
  private bytes = new Uint8Array(0);
  private readonly model: number;

  /** @param digest of the model: what another one did is no matter */
  constructor(digest: string) {
    this.model = hashText(digest);
  }

  /** The record of these, valid until the next call. */
  fill(entries: readonly RunEntry[]): Uint8Array {
    const count = entries.length;
    if (HEADER + 2 * count > this.words.length) {
      this.words = new Uint32Array(HEADER + 4 * count);
    }
    const { words } = this;
    let at = HEADER;
    for (const entry of entries) {
      writeKey(words, at, entry);
      at += 2;
    }
    words[0] = MAGIC;
    words[1] = this.model;
    words[COUNT] = count;
    words[CHECKSUM] = checksum(words, at);
    if (this.bytes.length !== at * 4) this.bytes = new Uint8Array(words.buffer, 0, at * 4);
    return this.bytes;
  }
}

/**
 * Reads what a file holds, whoever wrote it.
 * @returns the keys, none where nothing was in hand of this model; null where it is no record
 */
export function readInHand(bytes: Uint8Array, digest: string): string[] | null {
  const words = new Uint32Array(Math.floor(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes.subarray(0, words.length * 4));
  const count = words[COUNT];
  const end = HEADER + 2 * (count ?? 0);
  if (words[0] !== MAGIC || count === undefined || end > words.length) return null;
  if (words[CHECKSUM] !== checksum(words, end)) return null;
  if (words[1] !== hashText(digest)) return [];
  return Array.from({ length: count }, (_, index) => textOfKey(words, HEADER + 2 * index));
}

const scratch = new Uint32Array(2);

/** The text by which a reading is known among the suspects. */
export function keyOf(entry: RunEntry): string {
  writeKey(scratch, 0, entry);
  return textOfKey(scratch, 0);
}

/** 64 bits of client, id and values: so few that they fit a run in a page, so many that none is mistaken. */
function writeKey(words: Uint32Array, at: number, { fingerprint }: RunEntry) {
  const { high, keyHigh, keyLow, low } = fingerprint();
  words[at] = high ^ keyHigh;
  words[at + 1] = low ^ keyLow;
}

function textOfKey(words: Uint32Array, at: number): string {
  const hex = (word = 0) => word.toString(16).padStart(8, '0');
  return hex(words[at]) + hex(words[at + 1]);
}

/** Of the words before `end` but its own: finds what was cut off or half written, not what was forged. */
function checksum(words: Uint32Array, end: number): number {
  let sum = 0x2545f491;
  for (let index = 0; index < end; index += 1) {
    if (index !== CHECKSUM)
      sum = Math.imul(sum ^ (words[index] as number), 0x01000193) ^ (sum >>> 13);
  }
  return sum >>> 0;
}
