// Gaussian naive Bayes, the baseline: every input on its own, with a mean and a variance per label.
import { selectRows } from '../csv.ts';
import { type Graph, GraphBuilder } from '../graph.ts';
import type { Vector } from './linear-algebra.ts';
import { momentsOf } from './scaling.ts';
import { logistic, type TrainedModel, type Trainer } from './trainer.ts';

/** Added to every variance, as a share of the largest: keeps a constant input finite. */
const SMOOTHING = 1e-9;

/**
 * Its logits run into the tens of thousands where an input lies far outside the training rows, and
 * single precision cannot add such numbers to 1e-5. So it is defined in single precision: trainer and
 * graph do the same elementary steps in the same order, each rounded as IEEE 754 says.
 */
export const naiveBayes: Trainer = {
  name: 'naive-bayes',
  summary: 'Gaussian naive Bayes: the baseline',
  fit(data): TrainedModel {
    const classes = data.labels.map((_, target) =>
      selectRows(
        data,
        data.targets.flatMap((each, row) => (each === target ? [row] : [])),
      ),
    );
    const columns = Array.from({ length: data.width }, (_, column) => column);
    const largest = Math.max(...columns.map((column) => momentsOf(data.rows, column).variance));
    const normals = classes.map(({ rows }) =>
      columns.map((column) => {
        const { centre, variance } = momentsOf(rows, column);
        return { centre, spread: Math.sqrt(variance + SMOOTHING * largest) };
      }),
    );
    const single = (values: readonly number[]) => Float64Array.from(values, Math.fround);
    const centres = normals.map((each) => single(each.map(({ centre }) => centre)));
    const factors = normals.map((each) => single(each.map(({ spread }) => Math.SQRT1_2 / spread)));
    const logSpreads = normals.map((each) =>
      each.reduce((sum, { spread }) => sum + Math.log(spread), 0),
    );
    const [first, second] = classes.map(({ rows }) => rows.length) as [number, number];
    const [firstSpread, secondSpread] = logSpreads as [number, number];
    const constant = Math.fround(secondSpread - firstSpread + Math.log(first / second));

    const squares = (values: Vector, label: number) =>
      values.map((value, column) => {
        const centred = Math.fround(Math.fround(value) - (centres[label]?.[column] as number));
        const scaled = Math.fround(centred * (factors[label]?.[column] as number));
        return Math.fround(scaled * scaled);
      });
    return {
      settings: 'nothing to choose',
      probability(values) {
        const [one, other] = [squares(values, 0), squares(values, 1)];
        const gains = other.map((each, column) => Math.fround(each - (one[column] as number)));
        return logistic(Math.fround(sumInPairs(gains) + constant));
      },
      toGraph: () => naiveBayesGraph(centres, factors, constant),
    };
  },
};

function naiveBayesGraph(
  centres: readonly Vector[],
  factors: readonly Vector[],
  constant: number,
): Graph {
  const builder = new GraphBuilder();
  const width = centres[0]?.length ?? 0;
  const [one, other] = centres.map((centre, label) => {
    const centred = builder.add('Sub', [builder.input, builder.constant([width], centre)]);
    const factor = builder.constant([width], factors[label] as Vector);
    const scaled = builder.add('Mul', [centred, factor]);
    return builder.add('Mul', [scaled, scaled]);
  }) as [string, string];
  const gains = builder.add('Sub', [other, one]);
  const sum = addSumInPairs(builder, gains, width);
  const logit = builder.add('Add', [sum, builder.scalar(constant)]);
  return builder.finishWithLogit('naive-bayes', width, logit);
}

/** Adds the second half to the first until one number is left, in single precision. */
function sumInPairs(values: Vector): number {
  let rest = values;
  let odd: number | null = null;
  while (rest.length > 1) {
    const half = rest.length >> 1;
    if (rest.length % 2 === 1) {
      const last = rest[rest.length - 1] as number;
      odd = odd === null ? last : Math.fround(odd + last);
    }
    rest = rest
      .subarray(0, half)
      .map((value, at) => Math.fround(value + (rest[half + at] as number)));
  }
  const sum = rest[0] as number;
  return odd === null ? sum : Math.fround(sum + odd);
}

/** The same as a graph. */
function addSumInPairs(builder: GraphBuilder, input: string, width: number): string {
  let rest = input;
  let odd: string | null = null;
  for (let size = width; size > 1; size >>= 1) {
    const half = size >> 1;
    if (size % 2 === 1) {
      const last = builder.slice(rest, size - 1, size);
      odd = odd === null ? last : builder.add('Add', [odd, last]);
    }
    const halves = [builder.slice(rest, 0, half), builder.slice(rest, half, 2 * half)];
    rest = builder.add('Add', halves);
  }
  return odd === null ? rest : builder.add('Add', [rest, odd]);
}
