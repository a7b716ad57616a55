// k nearest neighbours on standardised square roots; k is chosen by leave-one-out.
import type { Dataset } from '../csv.ts';
import { type Graph, GraphBuilder } from '../graph.ts';
import { dot, type Matrix, squaredDistance, type Vector } from './linear-algebra.ts';
import { type FeatureMap, fitScaling } from './scaling.ts';
import { targetsOf, type TrainedModel, type Trainer } from './trainer.ts';

const COUNTS = [1, 3, 5, 7, 9];

export const nearestNeighbours: Trainer = {
  name: 'nearest-neighbours',
  summary: 'k nearest neighbours, standardised square roots',
  fit(data: Dataset): TrainedModel {
    const map = fitScaling(data.rows);
    const features = data.rows.map((row) => map.apply(row));
    const targets = targetsOf(data);
    const others = features.map((row, own) => nearest(features, row, 9, own));
    const misses = COUNTS.map(
      (k) =>
        others.filter(
          (near, row) => share(near.slice(0, k), targets) >= 0.5 !== (targets[row] === 1),
        ).length,
    );
    const k = COUNTS[misses.indexOf(Math.min(...misses))] as number;
    return {
      settings: `k = ${k}`,
      probability: (values) => share(nearest(features, map.apply(values), k), targets),
      toGraph: () => neighbourGraph(map, features, targets, k),
    };
  },
};

/** The rows of the k nearest, nearest first, the earlier row where two are equally near. */
function nearest(features: Matrix, values: Vector, k: number, without = -1): number[] {
  const distances = features.map((row) => squaredDistance(row, values));
  return [...features.keys()]
    .filter((row) => row !== without)
    .sort((a, b) => (distances[a] as number) - (distances[b] as number) || a - b)
    .slice(0, k);
}

/** The share of the first label, with one vote for each label beforehand: never quite 0 or 1. */
function share(rows: readonly number[], targets: Vector): number {
  const votes = rows.reduce((sum, row) => sum + (targets[row] as number), 0);
  return (votes + 1) / (rows.length + 2);
}

function neighbourGraph(map: FeatureMap, features: Matrix, targets: Vector, k: number): Graph {
  const builder = new GraphBuilder();
  const width = features[0]?.length ?? 0;
  const count = features.length;
  const own = map.addTo(builder, builder.input);
  const columns = Array.from({ length: width }, (_, at) =>
    features.map((row) => row[at] as number),
  );
  // Of |a - b|² only -2 a·b + |b|² differs between neighbours.
  const products = builder.add('MatMul', [
    own,
    builder.constant(
      [width, count],
      columns.flat().map((value) => -2 * value),
    ),
  ]);
  const lengths = builder.constant(
    [count],
    features.map((row) => dot(row, row)),
  );
  const distances = builder.add('Add', [products, lengths]);
  const [, rows] = builder.addMany('TopK', [distances, builder.constant([1], [k], 'int64')], 2, {
    axis: 1,
    largest: 0,
  });
  const votes = builder.add('Gather', [builder.constant([count], targets), rows as string]);
  const axis = builder.constant([1], [1], 'int64');
  const sum = builder.add('ReduceSum', [votes, axis], { keepdims: 1 });
  // (votes + 1) / (k + 2) and its complement.
  const slope = 1 / (k + 2);
  const scaled = builder.add('Mul', [sum, builder.constant([2], [slope, -slope])]);
  const scores = builder.add('Add', [scaled, builder.constant([2], [slope, (k + 1) * slope])]);
  return builder.finish('nearest-neighbours', width, 2, scores);
}
