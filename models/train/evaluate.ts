// Comparing trainers: one nested cross-validation for all, on the same folds, and every figure from it.
import type { Dataset } from '../csv.ts';
import { type CrossValidation, crossValidate, type RepeatResult } from './cross-validate.ts';
import {
  accuracyOf,
  aucOf,
  brierOf,
  calibrationErrorOf,
  calibrationRangeOf,
  type Confusion,
  confusionOf,
  costOf,
  deviationOf,
  logLossOf,
  meanOf,
  reliabilityOf,
  rocOf,
  type Scored,
} from './metrics.ts';
import { mcNemar, type PairedDifference, pairedDifference } from './significance.ts';
import type { Trainer } from './trainer.ts';

/** How many false alarms a miss of the first label may be worth. */
const COST_RATIOS = [1, 2, 5, 10, 20];

export interface CostFigures {
  readonly ratio: number;
  /** From this probability on the first label is said: 1 / (1 + ratio), right for calibrated scores. */
  readonly threshold: number;
  /** Mean cost of a row at the threshold 0.5, and at this one. */
  readonly usual: number;
  readonly aware: number;
  /** Per repeat, at this threshold. */
  readonly misses: number;
  readonly falseAlarms: number;
}

export interface ModelReport {
  readonly name: string;
  readonly summary: string;
  /** Mean over all folds of all repeats; spread over these folds, and over the repeats' means. */
  readonly accuracy: { readonly mean: number; readonly sd: number; readonly repeatSd: number };
  readonly auc: number;
  readonly logLoss: number;
  readonly brier: number;
  readonly uncalibrated: { readonly logLoss: number; readonly brier: number };
  /** Means over the repeats of the error and of the bounds that chance gives. */
  readonly calibration: { readonly error: number; readonly range: readonly [number, number] };
  /** Mean counts of a repeat. */
  readonly confusion: Confusion;
  readonly costs: readonly CostFigures[];
  readonly roc: readonly { falseRate: number; hitRate: number }[];
  readonly reliability: readonly { rows: number; probability: number; share: number }[];
  readonly foldAccuracies: readonly number[];
  /** Null for the baseline itself. */
  readonly versusBaseline: {
    /** McNemar's test of the repeat with the median probability. */
    readonly onlyThis: number;
    readonly onlyBaseline: number;
    readonly p: number;
    readonly difference: PairedDifference;
  } | null;
}

export interface EvaluationReport extends CrossValidation {
  readonly rows: number;
  readonly labels: readonly string[];
  /** The model that the comparison is about. */
  readonly champion: string;
  readonly baseline: string;
  /** In the order of the trainers. */
  readonly models: readonly ModelReport[];
}

export interface EvaluationOptions {
  readonly data: Dataset;
  readonly seed: number;
  readonly repeats: number;
  readonly folds?: number;
  readonly trainers: readonly Trainer[];
  /** Names of two of the trainers. */
  readonly champion: string;
  readonly baseline: string;
  readonly onProgress?: (progress: { model: string; done: number; of: number }) => void;
}

/**
 * Evaluates every trainer with everything that it chooses inside the folds.
 * @throws {RangeError} champion or baseline is not among the trainers
 */
export async function evaluateModels(options: EvaluationOptions): Promise<EvaluationReport> {
  const { baseline, champion, data, folds = 10, onProgress, repeats, seed, trainers } = options;
  const validation = { folds, repeats, seed };
  const results = new Map<string, RepeatResult[]>();
  for (const trainer of trainers) {
    const onFold = (done: number, of: number) => onProgress?.({ model: trainer.name, done, of });
    results.set(trainer.name, await crossValidate(trainer, data, validation, onFold));
  }
  for (const name of [champion, baseline]) {
    if (!results.has(name)) throw new RangeError(`"${name}" is not among the evaluated models`);
  }
  const reference = results.get(baseline) as RepeatResult[];
  const models = trainers.map((trainer) => {
    const own = results.get(trainer.name) as RepeatResult[];
    const versusBaseline = trainer.name === baseline ? null : compare(own, reference, folds);
    return { ...describe(trainer, own, seed), versusBaseline };
  });
  const { labels, rows } = data;
  return { ...validation, rows: rows.length, labels, champion, baseline, models };
}

function describe(
  { name, summary }: Trainer,
  repeats: readonly RepeatResult[],
  seed: number,
): Omit<ModelReport, 'versusBaseline'> {
  const mean = (figure: (scored: readonly Scored[]) => number) =>
    meanOf(repeats.map(({ scored }) => figure(scored)));
  const meanUncalibrated = (figure: (scored: readonly Scored[]) => number) =>
    meanOf(repeats.map(({ uncalibrated }) => figure(uncalibrated)));
  const foldAccuracies = repeats.flatMap((each) => each.foldAccuracies);
  const ranges = repeats.map(({ scored }, at) => calibrationRangeOf(scored, seed + at));
  const pooled = repeats.flatMap(({ scored }) => scored);
  const at = (threshold: number, part: keyof Confusion) =>
    mean((scored) => confusionOf(scored, threshold)[part]);
  return {
    name,
    summary,
    accuracy: {
      mean: mean(accuracyOf),
      sd: deviationOf(foldAccuracies),
      repeatSd: deviationOf(repeats.map(({ scored }) => accuracyOf(scored))),
    },
    auc: mean(aucOf),
    logLoss: mean(logLossOf),
    brier: mean(brierOf),
    uncalibrated: { logLoss: meanUncalibrated(logLossOf), brier: meanUncalibrated(brierOf) },
    calibration: {
      error: mean(calibrationErrorOf),
      range: [meanOf(ranges.map(([low]) => low)), meanOf(ranges.map(([, high]) => high))],
    },
    confusion: {
      hits: at(0.5, 'hits'),
      misses: at(0.5, 'misses'),
      falseAlarms: at(0.5, 'falseAlarms'),
      rejections: at(0.5, 'rejections'),
    },
    costs: COST_RATIOS.map((ratio) => {
      const threshold = 1 / (1 + ratio);
      return {
        ratio,
        threshold,
        usual: mean((scored) => costOf(scored, ratio, 0.5)),
        aware: mean((scored) => costOf(scored, ratio, threshold)),
        misses: at(threshold, 'misses'),
        falseAlarms: at(threshold, 'falseAlarms'),
      };
    }),
    roc: rocOf(pooled),
    reliability: reliabilityOf(pooled),
    foldAccuracies,
  };
}

function compare(
  own: readonly RepeatResult[],
  baseline: readonly RepeatResult[],
  folds: number,
): NonNullable<ModelReport['versusBaseline']> {
  const right = ({ scored }: RepeatResult) =>
    scored.map(({ positive, probability }) => probability >= 0.5 === positive);
  const tests = own
    .map((repeat, at) => mcNemar(right(repeat), right(baseline[at] as RepeatResult)))
    .sort((a, b) => a.p - b.p);
  const median = tests[tests.length >> 1] as (typeof tests)[number];
  const others = baseline.flatMap((each) => each.foldAccuracies);
  const differences = own
    .flatMap((each) => each.foldAccuracies)
    .map((accuracy, at) => accuracy - (others[at] as number));
  return {
    onlyThis: median.onlyThis,
    onlyBaseline: median.onlyOther,
    p: median.p,
    difference: pairedDifference(differences, 1 / (folds - 1)),
  };
}
