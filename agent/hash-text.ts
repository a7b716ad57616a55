// A quick hash of a text: finds and tells apart, and proves nothing.

const BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * FNV-1a of UTF-16 units (Fowler, Noll and Vo), its halves folded: 32 bits, from 0 up.
 * @param seed gives another hash of the same text
 */
export function hashText(text: string, seed = 0): number {
  let hash = BASIS ^ seed;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), PRIME);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}
