// What a simulated device measures: real rows in a seeded order, with seeded noise.
import { createRandom, gaussian, shuffle } from './random.ts';

export interface LabelledRow {
  readonly values: ArrayLike<number>;
  /** The label that is known for it. */
  readonly label: string;
}

export interface PlanOptions {
  readonly rows: readonly LabelledRow[];
  /** Standard deviation of what is added to every value. */
  readonly noise: number;
  /** Where noise is cut off, inclusive. */
  readonly limits: { readonly minimum: number; readonly maximum: number };
  readonly seed: number;
}

/**
 * Rows without an end: every row once, in a shuffled order, before any comes again. The same options
 * give the same rows.
 */
export function* planReplay(options: PlanOptions): Generator<{ values: number[]; label: string }> {
  const { rows, noise, limits } = options;
  const random = createRandom(options.seed);
  while (rows.length > 0) {
    for (const { values, label } of shuffle(rows, random)) {
      const measured = Array.from(values, (value) =>
        noise === 0 ? value : clip(value + noise * gaussian(random), limits),
      );
      yield { values: measured, label };
    }
  }
}

function clip(value: number, { minimum, maximum }: PlanOptions['limits']): number {
  return Math.min(maximum, Math.max(minimum, value));
}
