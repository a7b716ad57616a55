// The quantile transform: every input through its own distribution function, in a few straight pieces.
import type { Matrix, Vector } from './linear-algebra.ts';
import type { FeatureMap } from './scaling.ts';

/** Narrower pieces would be so steep that single precision shows. */
const MIN_WIDTH = 1e-3;
/** Makes the variance of a uniform distribution 1. */
const SCALE = Math.sqrt(12);

/**
 * Straight pieces between the quantiles 0, 1/pieces, … 1 of the training rows; beyond them it is flat.
 * What comes out has the mean 0 and the variance 1 of a uniform distribution.
 */
export function fitQuantiles(rows: Matrix, pieces: number): FeatureMap {
  const width = rows[0]?.length ?? 0;
  const columns = Array.from({ length: width }, (_, column) =>
    Float64Array.from(rows, (row) => row[column] as number).sort(),
  );
  const starts: Vector[] = [];
  const factors: Vector[] = [];
  for (let piece = 0; piece < pieces; piece += 1) {
    // In single precision, as the graph will hold them.
    const start = Float64Array.from(columns, (sorted) =>
      Math.fround(quantile(sorted, piece / pieces)),
    );
    const end = Float64Array.from(columns, (sorted) => quantile(sorted, (piece + 1) / pieces));
    starts.push(start);
    factors.push(end.map((value, at) => 1 / Math.max(MIN_WIDTH, value - (start[at] as number))));
  }

  function apply(values: Vector): Vector {
    return values.map((value, column) => {
      let sum = 0;
      for (let piece = 0; piece < pieces; piece += 1) {
        const start = starts[piece]?.[column] as number;
        const part = (value - start) * (factors[piece]?.[column] as number);
        sum += Math.min(1, Math.max(0, part));
      }
      return (sum / pieces - 0.5) * SCALE;
    });
  }

  return {
    settings: `quantiles in ${pieces} pieces`,
    apply,
    addTo(builder, input) {
      const bounds = [builder.scalar(0), builder.scalar(1)];
      const parts = starts.map((start, piece) => {
        const from = builder.add('Sub', [input, builder.constant([width], start)]);
        const part = builder.add('Mul', [
          from,
          builder.constant([width], factors[piece] as Vector),
        ]);
        return builder.add('Clip', [part, ...bounds]);
      });
      const sum = parts.reduce((one, other) => builder.add('Add', [one, other]));
      const scaled = builder.add('Mul', [sum, builder.scalar(SCALE / pieces)]);
      return builder.add('Sub', [scaled, builder.scalar(SCALE / 2)]);
    },
  };
}

/** Linear interpolation between the sorted values. */
function quantile(sorted: Vector, fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = sorted[Math.floor(place)] as number;
  const above = sorted[Math.ceil(place)] as number;
  return below + (above - below) * (place - Math.floor(place));
}
