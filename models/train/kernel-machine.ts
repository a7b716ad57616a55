// Least-squares kernel machines with Gaussian kernels, chosen and calibrated by closed-form leave-one-out.
import type { Dataset } from '../csv.ts';
import { type Graph, GraphBuilder } from '../graph.ts';
import { type Calibration, fitCalibration } from './calibration.ts';
import {
  cholesky,
  dot,
  inverseDiagonal,
  type Matrix,
  solve,
  squaredDistance,
  type Vector,
} from './linear-algebra.ts';
import { fitQuantiles } from './quantiles.ts';
import { type FeatureMap, fitScaling, momentsOf } from './scaling.ts';
import { logistic, targetsOf, type TrainedModel, type Trainer } from './trainer.ts';

/** A constant in the kernel stands for the machine's offset. */
const OFFSET = 0.5;
const WIDTHS = [1, 1.4, 2, 2.8];
/** Less would need weights so large that single precision shows. */
const RIDGES = [0.01, 0.03, 0.1];

/** Gaussian kernel on standardised square roots. */
export const kernelMachine: Trainer = {
  name: 'kernel-machine',
  summary: 'least-squares machine, Gaussian kernel, standardised square roots, calibrated',
  fit: (data) => fitMachine(data, [fitScaling(data.rows)]),
};

/** Gaussian kernel; the transform before it, mostly a quantile one, is chosen inside the rows too. */
export const quantileMachine: Trainer = {
  name: 'quantile-machine',
  summary: 'least-squares machine, Gaussian kernel, quantile transform, calibrated',
  fit: (data) =>
    fitMachine(data, [
      fitScaling(data.rows),
      ...[3, 4, 5].map((pieces) => fitQuantiles(data.rows, pieces)),
    ]),
};

interface Fit {
  readonly map: FeatureMap;
  readonly features: Matrix;
  /** Of the kernel exp(-gamma × squared distance). */
  readonly gamma: number;
  readonly width: number;
  readonly ridge: number;
  readonly coefficients: Vector;
  readonly calibration: Calibration;
}

/**
 * Of all the maps, widths and ridges, the machine whose calibrated leave-one-out outputs have the least
 * log loss.
 */
function fitMachine(data: Dataset, maps: readonly FeatureMap[]): TrainedModel {
  const targets = targetsOf(data);
  const signs = targets.map((target) => 2 * target - 1);
  let best: Fit | undefined;
  for (const map of maps) {
    const features = data.rows.map((row) => map.apply(row));
    const distances = features.map((a) =>
      Float64Array.from(features, (b) => squaredDistance(a, b)),
    );
    const variance = totalVariance(features);
    for (const width of WIDTHS) {
      const gamma = width / variance;
      const kernel = distances.map((row) => row.map((each) => Math.exp(-gamma * each) + OFFSET));
      for (const ridge of RIDGES) {
        const { coefficients, leftOut } = solveMachine(kernel, ridge, signs);
        const calibration = fitCalibration(leftOut, targets);
        if (best && best.calibration.loss <= calibration.loss) continue;
        best = { map, features, gamma, width, ridge, coefficients, calibration };
      }
    }
  }
  if (!best) throw new RangeError('no feature map to choose from');
  return toModel(best);
}

/** The weights of the rows, and per row the output of the machine that was trained without it. */
function solveMachine(kernel: Matrix, ridge: number, signs: Vector) {
  const lower = cholesky(
    kernel.map((row, i) => row.map((each, j) => (i === j ? each + ridge : each))),
  );
  const coefficients = solve(lower, signs);
  const diagonal = inverseDiagonal(lower);
  // Closed form: the error without row i is its weight over the diagonal of the inverse.
  const leftOut = signs.map(
    (sign, at) => sign - (coefficients[at] as number) / (diagonal[at] as number),
  );
  return { coefficients, leftOut };
}

function toModel(fit: Fit): TrainedModel {
  const { calibration, coefficients, features, gamma, map } = fit;
  const { offset, slope } = calibration;
  const constant = OFFSET * coefficients.reduce((sum, each) => sum + each, 0);
  const output = (values: Vector) => {
    const own = map.apply(values);
    let sum = constant;
    for (const [at, other] of features.entries()) {
      sum += (coefficients[at] as number) * Math.exp(-gamma * squaredDistance(own, other));
    }
    return sum;
  };
  return {
    settings: `${map.settings}, kernel width ${fit.width}, ridge ${fit.ridge}`,
    probability: (values) => logistic(slope * output(values) + offset),
    // Least squares on targets of ±1 estimates 2p - 1.
    uncalibrated: (values) => Math.min(0.99, Math.max(0.01, (1 + output(values)) / 2)),
    toGraph: () => machineGraph(fit, { scale: slope, constant: slope * constant + offset }),
  };
}

function machineGraph(
  { coefficients, features, gamma, map }: Fit,
  output: { scale: number; constant: number },
): Graph {
  const builder = new GraphBuilder();
  const inner = map.addTo(builder, builder.input);
  const size = features[0]?.length ?? 0;
  const count = features.length;
  const column = <Of>(make: (feature: number, row: Vector) => Of) =>
    Array.from({ length: size }, (_, feature) => features.map((row) => make(feature, row))).flat();
  // -γ|a - b|² = 2γ a·b - γ|a|² - γ|b|²; the last does not depend on the input: into the weights.
  const products = builder.add('MatMul', [
    inner,
    builder.constant(
      [size, count],
      column((feature, row) => 2 * gamma * (row[feature] as number)),
    ),
  ]);
  const squares = builder.add('MatMul', [
    builder.add('Mul', [inner, inner]),
    builder.constant(
      [size, 1],
      Array.from({ length: size }, () => -gamma),
    ),
  ]);
  const kernel = builder.add('Exp', [builder.add('Add', [products, squares])]);
  const weights = features.map(
    (row, at) => output.scale * (coefficients[at] as number) * Math.exp(-gamma * dot(row, row)),
  );
  const sum = builder.add('MatMul', [kernel, builder.constant([count, 1], weights)]);
  const logit = builder.add('Add', [sum, builder.scalar(output.constant)]);
  return builder.finishWithLogit('kernel-machine', features[0]?.length ?? 0, logit);
}

function totalVariance(features: Matrix): number {
  const size = features[0]?.length ?? 0;
  return Array.from({ length: size }, (_, column) => momentsOf(features, column).variance).reduce(
    (sum, each) => sum + each,
    0,
  );
}
