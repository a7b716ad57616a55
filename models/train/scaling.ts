// Bringing the inputs to a common scale: square roots, then mean 0 and variance 1 per input.
import type { GraphBuilder } from '../graph.ts';
import type { Matrix, Vector } from './linear-algebra.ts';

/** A function of one row, learned from the training rows, that a graph can compute too. */
export interface FeatureMap {
  readonly settings: string;
  readonly apply: (values: Vector) => Vector;
  /** @returns the name of the graph's value that holds the features */
  addTo(builder: GraphBuilder, input: string): string;
}

/** Square roots spread the many small values; inputs below 0 count as 0. */
export function fitScaling(rows: Matrix): FeatureMap {
  const roots = rows.map(rootsOf);
  const width = roots[0]?.length ?? 0;
  const mean = new Float64Array(width);
  const factor = new Float64Array(width);
  for (let column = 0; column < width; column += 1) {
    const { centre, spread } = momentsOf(roots, column);
    mean[column] = centre;
    // A column of one value tells nothing; 1 keeps it finite.
    factor[column] = spread > 0 ? 1 / spread : 1;
  }
  return {
    settings: 'standardised square roots',
    apply: (values) =>
      rootsOf(values).map(
        (root, column) => (root - (mean[column] as number)) * (factor[column] as number),
      ),
    addTo(builder, input) {
      const root = builder.add('Sqrt', [builder.add('Relu', [input])]);
      const centred = builder.add('Sub', [root, builder.constant([width], mean)]);
      return builder.add('Mul', [centred, builder.constant([width], factor)]);
    },
  };
}

/** Mean, variance and its root of one column. */
export function momentsOf(
  rows: Matrix,
  column: number,
): {
  centre: number;
  variance: number;
  spread: number;
} {
  let sum = 0;
  for (const row of rows) sum += row[column] as number;
  const centre = sum / rows.length;
  let squares = 0;
  for (const row of rows) {
    const difference = (row[column] as number) - centre;
    squares += difference * difference;
  }
  const variance = squares / rows.length;
  return { centre, variance, spread: Math.sqrt(variance) };
}

function rootsOf(values: Vector): Vector {
  return values.map((value) => Math.sqrt(Math.max(0, value)));
}
