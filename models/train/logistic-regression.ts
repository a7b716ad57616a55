// Logistic regression with a ridge, by Newton's method; the ridge is chosen by inner cross-validation.
import { type Dataset, selectRows } from '../csv.ts';
import { type Graph, GraphBuilder } from '../graph.ts';
import { cholesky, dot, solve, type Vector } from './linear-algebra.ts';
import { createRandom } from './random.ts';
import { type FeatureMap, fitScaling } from './scaling.ts';
import { makeFolds } from './stratify.ts';
import { logistic, targetsOf, type TrainedModel, type Trainer } from './trainer.ts';

const RIDGES = [3, 10, 30];
const INNER_FOLDS = 5;

export const logisticRegression: Trainer = {
  name: 'logistic-regression',
  summary: 'logistic regression with a ridge, standardised square roots',
  fit(data, seed): TrainedModel {
    const folds = makeFolds(data, INNER_FOLDS, createRandom(seed));
    const losses = RIDGES.map((ridge) =>
      folds.reduce((sum, fold) => {
        const inner = fitOne(selectRows(data, fold.train), ridge);
        return sum + lossOf(inner, selectRows(data, fold.test));
      }, 0),
    );
    const ridge = RIDGES[losses.indexOf(Math.min(...losses))] as number;
    const { map, weights } = fitOne(data, ridge);
    return {
      settings: `ridge ${ridge}`,
      probability: (values) => logistic(dot(weights, withOne(map.apply(values)))),
      toGraph: () => logisticGraph(map, weights),
    };
  },
};

interface Fit {
  readonly map: FeatureMap;
  /** Per feature, and the last for the constant. */
  readonly weights: Vector;
}

function fitOne(data: Dataset, ridge: number): Fit {
  const map = fitScaling(data.rows);
  const features = data.rows.map((row) => withOne(map.apply(row)));
  const targets = targetsOf(data);
  let weights: Vector = new Float64Array(data.width + 1);
  for (let round = 0; round < 15; round += 1) {
    const probabilities = features.map((row) => logistic(dot(weights, row)));
    const gradient = weights.map((weight, at) => (at < data.width ? ridge * weight : 0));
    const hessian = Array.from(weights, (_, at) =>
      unit(data.width + 1, at, at < data.width ? ridge : 1e-6),
    );
    for (const [row, values] of features.entries()) {
      const p = probabilities[row] as number;
      addScaled(gradient, values, p - (targets[row] as number));
      for (const [at, line] of hessian.entries()) {
        addScaled(line, values, p * (1 - p) * (values[at] as number));
      }
    }
    const step = solve(cholesky(hessian), gradient);
    weights = weights.map((weight, at) => weight - (step[at] as number));
    if (Math.max(...step.map(Math.abs)) < 1e-10) break;
  }
  return { map, weights };
}

function lossOf({ map, weights }: Fit, data: Dataset): number {
  const targets = targetsOf(data);
  return data.rows.reduce((sum, row, at) => {
    const p = logistic(dot(weights, withOne(map.apply(row))));
    return sum - Math.log(Math.max(1e-15, targets[at] === 1 ? p : 1 - p));
  }, 0);
}

function logisticGraph(map: FeatureMap, weights: Vector): Graph {
  const builder = new GraphBuilder();
  const width = weights.length - 1;
  const features = map.addTo(builder, builder.input);
  const slopes = builder.constant([width, 1], weights.subarray(0, width));
  const sum = builder.add('MatMul', [features, slopes]);
  const logit = builder.add('Add', [sum, builder.scalar(weights[width] as number)]);
  return builder.finishWithLogit('logistic-regression', width, logit);
}

function withOne(values: Vector): Vector {
  const longer = new Float64Array(values.length + 1).fill(1);
  longer.set(values);
  return longer;
}

function unit(size: number, at: number, value: number): Vector {
  const vector = new Float64Array(size);
  vector[at] = value;
  return vector;
}

function addScaled(target: Vector, values: Vector, factor: number): void {
  for (let at = 0; at < target.length; at += 1) {
    target[at] = (target[at] as number) + factor * (values[at] as number);
  }
}
