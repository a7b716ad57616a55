// Figures of merit for probabilities of the first of two labels, against what the rows really were.
import { createRandom } from './random.ts';

/** One row that was predicted without being trained on. */
export interface Scored {
  /** Probability of the first label. */
  readonly probability: number;
  /** True where the row has the first label. */
  readonly positive: boolean;
}

/** Logarithms of less would make one certain mistake infinite. */
const LEAST = 1e-15;
const BINS = 10;
const SIMULATIONS = 1000;

export interface Confusion {
  readonly hits: number;
  readonly misses: number;
  readonly falseAlarms: number;
  readonly rejections: number;
}

/** @param threshold the first label is said from this probability on */
export function confusionOf(scored: readonly Scored[], threshold = 0.5): Confusion {
  const count = (said: boolean, positive: boolean) =>
    scored.filter((each) => each.probability >= threshold === said && each.positive === positive)
      .length;
  return {
    hits: count(true, true),
    misses: count(false, true),
    falseAlarms: count(true, false),
    rejections: count(false, false),
  };
}

export function accuracyOf(scored: readonly Scored[]): number {
  const { hits, rejections } = confusionOf(scored);
  return (hits + rejections) / scored.length;
}

/** Mean negative natural logarithm of the probability of the true label. */
export function logLossOf(scored: readonly Scored[]): number {
  return meanOf(
    scored.map(
      ({ positive, probability }) =>
        -Math.log(Math.max(LEAST, positive ? probability : 1 - probability)),
    ),
  );
}

/** Mean squared difference between the probability and what was true. */
export function brierOf(scored: readonly Scored[]): number {
  return meanOf(scored.map(({ positive, probability }) => (probability - Number(positive)) ** 2));
}

/** The points of the ROC curve, from (0, 0) to (1, 1); equal scores are one step. */
export function rocOf(scored: readonly Scored[]): { falseRate: number; hitRate: number }[] {
  const sorted = [...scored].sort((a, b) => b.probability - a.probability);
  const positives = scored.filter(({ positive }) => positive).length;
  const negatives = scored.length - positives;
  const points = [{ falseRate: 0, hitRate: 0 }];
  let hits = 0;
  for (const [index, { positive, probability }] of sorted.entries()) {
    if (positive) hits += 1;
    if (sorted[index + 1]?.probability === probability) continue;
    points.push({ falseRate: (index + 1 - hits) / negatives, hitRate: hits / positives });
  }
  return points;
}

/** The area under the ROC curve: how often a random positive row scores above a random other one. */
export function aucOf(scored: readonly Scored[]): number {
  const points = rocOf(scored);
  return points.slice(1).reduce((area, point, index) => {
    const before = points[index] as (typeof points)[number];
    const width = point.falseRate - before.falseRate;
    return area + (width * (point.hitRate + before.hitRate)) / 2;
  }, 0);
}

/** Per bin of the probability: how many rows, their mean probability and the share that was true. */
export function reliabilityOf(scored: readonly Scored[]) {
  return Array.from({ length: BINS }, (_, bin) => {
    const inside = scored.filter(({ probability }) => binOf(probability) === bin);
    return {
      rows: inside.length,
      probability: meanOf(inside.map(({ probability }) => probability)),
      share: meanOf(inside.map(({ positive }) => Number(positive))),
    };
  }).filter(({ rows }) => rows > 0);
}

/** Expected calibration error: the distance between probability and share over ten equal bins. */
export function calibrationErrorOf(scored: readonly Scored[]): number {
  return (
    reliabilityOf(scored).reduce(
      (sum, { probability, rows, share }) => sum + rows * Math.abs(probability - share),
      0,
    ) / scored.length
  );
}

/**
 * The calibration error that chance alone gives a perfectly calibrated model with the same scores:
 * the middle 95 % of simulated draws.
 */
export function calibrationRangeOf(scored: readonly Scored[], seed: number): [number, number] {
  const random = createRandom(seed);
  const errors = Float64Array.from({ length: SIMULATIONS }, () => {
    const excess = new Float64Array(BINS);
    for (const { probability } of scored) {
      const bin = binOf(probability);
      const drawn = random.next() < probability ? 1 : 0;
      excess[bin] = (excess[bin] as number) + probability - drawn;
    }
    return excess.reduce((sum, each) => sum + Math.abs(each), 0) / scored.length;
  }).sort();
  const at = (share: number) => errors[Math.floor(share * (SIMULATIONS - 1))] as number;
  return [at(0.025), at(0.975)];
}

/** Mean cost of a row where a miss costs `ratio` and a false alarm 1. */
export function costOf(scored: readonly Scored[], ratio: number, threshold: number): number {
  const { falseAlarms, misses } = confusionOf(scored, threshold);
  return (ratio * misses + falseAlarms) / scored.length;
}

/** 0 for an empty list. */
export function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation; 0 for fewer than two values. */
export function deviationOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

function binOf(probability: number): number {
  return Math.min(BINS - 1, Math.floor(probability * BINS));
}
