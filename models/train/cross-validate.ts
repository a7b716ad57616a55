// Repeated stratified cross-validation: every row is predicted once per repeat, by a model that never saw it.
import { type Dataset, selectRows } from '../csv.ts';
import type { Scored } from './metrics.ts';
import { createRandom } from './random.ts';
import { type Fold, makeFolds } from './stratify.ts';
import type { Trainer } from './trainer.ts';

export interface RepeatResult {
  /** In the order of the data's rows. */
  readonly scored: readonly Scored[];
  /** The same without calibration; equal where the trainer does not calibrate. */
  readonly uncalibrated: readonly Scored[];
  readonly foldAccuracies: readonly number[];
}

export interface CrossValidation {
  readonly seed: number;
  readonly repeats: number;
  readonly folds: number;
}

/** Called after every fold with how many are done, of all that there are. */
export type OnFold = (done: number, of: number) => void;

/**
 * Trains and tests one trainer on the folds that the seed gives; the same seed gives every trainer the
 * same folds.
 */
export async function crossValidate(
  trainer: Trainer,
  data: Dataset,
  { folds, repeats, seed }: CrossValidation,
  onFold: OnFold = () => {},
): Promise<RepeatResult[]> {
  const results: RepeatResult[] = [];
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    // Seeds of neighbouring repeats and of neighbouring runs do not meet.
    const random = createRandom(seed * 100_003 + repeat);
    const scored: Scored[] = [];
    const uncalibrated: Scored[] = [];
    const foldAccuracies: number[] = [];
    for (const [at, fold] of makeFolds(data, folds, random).entries()) {
      const right = await testFold(trainer, data, fold, seed, scored, uncalibrated);
      foldAccuracies.push(right / fold.test.length);
      onFold(repeat * folds + at + 1, repeats * folds);
      // A signal or another task gets its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    results.push({ scored, uncalibrated, foldAccuracies });
  }
  return results;
}

async function testFold(
  trainer: Trainer,
  data: Dataset,
  fold: Fold,
  seed: number,
  scored: Scored[],
  uncalibrated: Scored[],
): Promise<number> {
  const model = await trainer.fit(selectRows(data, fold.train), seed);
  let right = 0;
  for (const row of fold.test) {
    const values = data.rows[row] as Float64Array;
    const positive = data.targets[row] === 0;
    const probability = model.probability(values);
    scored[row] = { positive, probability };
    uncalibrated[row] = { positive, probability: model.uncalibrated?.(values) ?? probability };
    if (probability >= 0.5 === positive) right += 1;
  }
  return right;
}
