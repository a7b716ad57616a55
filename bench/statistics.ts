// What rounds say: medians with confidence intervals, ratios of paired rounds, slopes on logarithmic axes. Pure.

export interface Estimate {
  /** The median of the rounds. */
  readonly value: number;
  /** Ends of the 95 % confidence interval of the median, by bootstrap. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1000;
const TAIL = 0.025;

/** @throws {RangeError} where there is no value */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of nothing');
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/**
 * The median with its percentile bootstrap interval (Efron, 1979): a round that a neighbour on the machine has
 * spoiled widens the interval and hardly moves the estimate. The same values give the same interval.
 */
export function estimate(values: readonly number[]): Estimate {
  const value = median(values);
  const random = randomNumbers(values.length);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[Math.floor(random() * values.length)] as number)),
  ).sort((one, other) => one - other);
  const at = (share: number) => medians[Math.floor(share * (RESAMPLES - 1))] as number;
  return { value, low: at(TAIL), high: at(1 - TAIL) };
}

/**
 * Ours by theirs, round by round: a drift of the machine's speed meets both of a pair.
 * @throws {RangeError} where the rounds are no pairs, or theirs are not positive
 */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Estimate {
  if (ours.length !== theirs.length) throw new RangeError('rounds without a partner');
  const ratios = ours.map((own, round) => own / (theirs[round] as number));
  if (!ratios.every(Number.isFinite)) throw new RangeError('a ratio by nothing');
  return estimate(ratios);
}

/**
 * The exponent b of y = a·x^b by least squares over logarithms: 1 where cost grows as the work does.
 * @throws {RangeError} with less than two different x, or where a number is not positive
 */
export function logLogSlope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const logs = points.map(({ x, y }) => ({ x: Math.log(x), y: Math.log(y) }));
  const meanX = mean(logs.map(({ x }) => x));
  const meanY = mean(logs.map(({ y }) => y));
  const spread = mean(logs.map(({ x }) => (x - meanX) ** 2));
  const slope = mean(logs.map(({ x, y }) => (x - meanX) * (y - meanY))) / spread;
  if (!Number.isFinite(slope)) throw new RangeError('no slope through these points');
  return slope;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Numbers from 0 to 1, always the same (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
