// Small made-up data for tests: two overlapping clouds whose distance is known.
import type { Dataset } from '../csv.ts';
import { createRandom } from './random.ts';

/** Rows of `width` inputs from 0 to 1; the first half of the inputs differs between the labels. */
export function toyData(rows: number, { seed = 1, width = 6, distance = 0.25 } = {}): Dataset {
  const random = createRandom(seed);
  const targets = Array.from({ length: rows }, (_, row) => row % 2);
  return {
    width,
    labels: ['metal', 'rock'],
    targets,
    rows: targets.map((target) =>
      Float64Array.from({ length: width }, (_, column) => {
        const shift = column < width / 2 ? (target - 0.5) * distance : 0;
        return Math.min(1, Math.max(0, 0.5 + shift + 0.12 * random.normal()));
      }),
    ),
  };
}
