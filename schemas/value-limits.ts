// Whether the values of a typed array are within a model's limits, at the speed at which batches come.
import type { InputLimits } from './decode-reading.ts';

/** The place of the first value that is outside the limits or no number; -1 where there is none. */
export function findStranger(values: Float32Array, limits: InputLimits): number {
  const minimum = Math.fround(limits.minimum);
  const maximum = Math.fround(limits.maximum);
  if (minimum === 0 && areFromZero(values, maximum)) return -1;
  return values.findIndex((value) => !(value >= minimum && value <= maximum));
}

/**
 * Looks at bits, in a third of the time of comparisons: from zero on, floats have the order of their bits, and
 * whatever is above the maximum, negative or no number makes a sign bit here.
 * @returns false for -0 as well, which is within the limits all the same
 */
function areFromZero(values: Float32Array, maximum: number): boolean {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const most = new Int32Array(Float32Array.of(maximum).buffer)[0] as number;
  const fours = bits.length - (bits.length % 4);
  let signs = 0;
  for (let at = 0; at < fours; at += 4) {
    const one = bits[at] as number;
    const two = bits[at + 1] as number;
    const three = bits[at + 2] as number;
    const four = bits[at + 3] as number;
    signs |=
      one | (most - one) | two | (most - two) | three | (most - three) | four | (most - four);
  }
  for (let at = fours; at < bits.length; at += 1) {
    const one = bits[at] as number;
    signs |= one | (most - one);
  }
  return signs >= 0;
}
