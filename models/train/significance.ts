// Is one model better than another? McNemar's exact test, and paired differences over the folds.
import { deviationOf, meanOf } from './metrics.ts';

export interface Comparison {
  /** Rows that only this model got right, and rows that only the other did. */
  readonly onlyThis: number;
  readonly onlyOther: number;
  /** Two-sided probability of such a difference by chance. */
  readonly p: number;
}

/**
 * McNemar's test in its exact form: under chance the rows on which two models differ fall to either
 * like a coin's.
 * @param own per row whether the model was right
 */
export function mcNemar(own: readonly boolean[], other: readonly boolean[]): Comparison {
  const onlyThis = own.filter((right, row) => right && !other[row]).length;
  const onlyOther = other.filter((right, row) => right && !own[row]).length;
  const differing = onlyThis + onlyOther;
  let term = 0.5 ** differing;
  let tail = 0;
  for (let count = 0; count <= Math.min(onlyThis, onlyOther); count += 1) {
    tail += term;
    term *= (differing - count) / (count + 1);
  }
  return { onlyThis, onlyOther, p: Math.min(1, 2 * tail) };
}

export interface PairedDifference {
  readonly mean: number;
  /** Bounds of the 95 % interval. */
  readonly low: number;
  readonly high: number;
}

/**
 * The mean of the folds' differences with the corrected resampled t interval (Nadeau and Bengio,
 * "Inference for the generalization error", 2003): folds share training rows, so the plain one is too
 * narrow.
 * @param differences accuracy of one model minus that of the other, per fold of every repeat
 * @param testShare rows tested over rows trained on, in one fold
 */
export function pairedDifference(
  differences: readonly number[],
  testShare: number,
): PairedDifference {
  const mean = meanOf(differences);
  const error = deviationOf(differences) * Math.sqrt(1 / differences.length + testShare);
  const reach = studentQuantile(differences.length - 1) * error;
  return { mean, low: mean - reach, high: mean + reach };
}

/** The 97.5 % quantile of Student's t by the Cornish-Fisher expansion: good from 5 degrees on. */
function studentQuantile(degrees: number): number {
  const z = 1.959964;
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  return z + first / degrees + second / degrees ** 2;
}
