// Choosing rows at random so that every label keeps its share: the held-out split and the folds.
import type { Dataset } from '../csv.ts';
import type { Split } from '../split.ts';
import { createRandom, type Random } from './random.ts';

/**
 * Makes the fixed split: of each label's rows the rounded fraction is held out.
 * @param options.fraction between 0 and 1
 * @param options.digest of the data file
 */
export function makeSplit(
  data: Dataset,
  { seed, fraction, digest }: { seed: number; fraction: number; digest: string },
): Split {
  const random = createRandom(seed);
  const train: number[] = [];
  const heldOut: number[] = [];
  for (const rows of rowsByLabel(data, random)) {
    const count = Math.round(rows.length * fraction);
    heldOut.push(...rows.slice(0, count));
    train.push(...rows.slice(count));
  }
  const ascending = (a: number, b: number) => a - b;
  return {
    schema: 'echolot/split/v1',
    data: digest,
    seed,
    fraction,
    train: train.sort(ascending),
    heldOut: heldOut.sort(ascending),
  };
}

/** Per label its rows in a random order. */
function rowsByLabel({ labels, targets }: Dataset, random: Random): number[][] {
  const byLabel = labels.map((): number[] => []);
  for (const row of random.permutation(targets.length)) byLabel[targets[row] as number]?.push(row);
  return byLabel;
}

export interface Fold {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/** Deals the rows of each label out to the folds in turn: each fold has its share of every label. */
export function makeFolds(data: Dataset, count: number, random: Random): Fold[] {
  const tests = Array.from({ length: count }, (): number[] => []);
  for (const [at, row] of rowsByLabel(data, random).flat().entries()) tests[at % count]?.push(row);
  return tests.map((test) => ({
    train: tests.flatMap((other) => (other === test ? [] : other)).sort((a, b) => a - b),
    test,
  }));
}
