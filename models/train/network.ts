// A small network, trained by gradient with TensorFlow.js in plain JavaScript: seeded, the same every time.
import '@tensorflow/tfjs-backend-cpu';
// For the gradients, which the core leaves out.
import '@tensorflow/tfjs-layers';
import * as tf from '@tensorflow/tfjs-core';
import type { Dataset } from '../csv.ts';
import { type Graph, GraphBuilder } from '../graph.ts';
import { createRandom } from './random.ts';
import { type FeatureMap, fitScaling } from './scaling.ts';
import { logistic, targetsOf, type TrainedModel, type Trainer } from './trainer.ts';

const HIDDEN = 16;
const STEPS = 120;
const LEARNING_RATE = 0.02;
const DECAY = 0.01;

/** Row by row as the graph multiplies: hidden weights are width × HIDDEN. */
interface Weights {
  readonly hidden: readonly number[];
  readonly hiddenBias: readonly number[];
  readonly output: readonly number[];
  readonly outputBias: number;
}

export const network: Trainer = {
  name: 'network',
  summary: `one hidden layer of ${HIDDEN}, TensorFlow.js, standardised square roots`,
  async fit(data, seed): Promise<TrainedModel> {
    const map = fitScaling(data.rows);
    const weights = await train(data, map, seed);
    const { hidden, hiddenBias, output, outputBias } = weights;
    return {
      settings: `${STEPS} steps, decay ${DECAY}`,
      probability(values) {
        const features = map.apply(values);
        let logit = outputBias;
        for (const [unit, bias] of hiddenBias.entries()) {
          let sum = bias;
          for (const [at, value] of features.entries()) {
            sum += value * (hidden[at * HIDDEN + unit] as number);
          }
          logit += Math.tanh(sum) * (output[unit] as number);
        }
        return logistic(logit);
      },
      toGraph: () => networkGraph(data.width, map, weights),
    };
  },
};

/** Full batches and plain JavaScript: nothing depends on threads, and the order is fixed. */
async function train(data: Dataset, map: FeatureMap, seed: number): Promise<Weights> {
  // Else it advertises its native build.
  tf.enableProdMode();
  await tf.setBackend('cpu');
  const random = createRandom(seed);
  const normals = (count: number, spread: number) =>
    Array.from({ length: count }, () => spread * random.normal());
  const { width } = data;
  const variables = {
    hidden: tf.variable(tf.tensor2d(normals(width * HIDDEN, width ** -0.5), [width, HIDDEN])),
    hiddenBias: tf.variable(tf.zeros([HIDDEN])),
    output: tf.variable(tf.tensor2d(normals(HIDDEN, HIDDEN ** -0.5), [HIDDEN, 1])),
    outputBias: tf.variable(tf.zeros([1])),
  };
  const flat = data.rows.flatMap((row) => [...map.apply(row)]);
  const inputs = tf.tensor2d(flat, [data.rows.length, width]);
  const targets = tf.tensor2d([...targetsOf(data)], [data.rows.length, 1]);
  const optimizer = tf.train.adam(LEARNING_RATE);
  try {
    for (let step = 0; step < STEPS; step += 1) {
      optimizer.minimize(() => {
        const { hidden, hiddenBias, output, outputBias } = variables;
        const layer = tf.tanh(tf.add(tf.matMul(inputs, hidden), hiddenBias));
        const logits = tf.add(tf.matMul(layer, output), outputBias);
        // log(1 + e^z) - t z: the cross entropy of a logit.
        const loss = tf.mean(tf.sub(tf.softplus(logits), tf.mul(targets, logits)));
        const size = tf.add(tf.sum(tf.square(hidden)), tf.sum(tf.square(output)));
        return tf.add(loss, tf.mul(size, DECAY)) as tf.Scalar;
      });
    }
    return {
      hidden: [...variables.hidden.dataSync<'float32'>()],
      hiddenBias: [...variables.hiddenBias.dataSync<'float32'>()],
      output: [...variables.output.dataSync<'float32'>()],
      outputBias: variables.outputBias.dataSync<'float32'>()[0] as number,
    };
  } finally {
    tf.dispose([Object.values(variables), inputs, targets]);
    optimizer.dispose();
  }
}

function networkGraph(width: number, map: FeatureMap, weights: Weights): Graph {
  const builder = new GraphBuilder();
  const features = map.addTo(builder, builder.input);
  const hidden = builder.constant([width, HIDDEN], weights.hidden);
  const sums = builder.add('MatMul', [features, hidden]);
  const biased = builder.add('Add', [sums, builder.constant([HIDDEN], weights.hiddenBias)]);
  const layer = builder.add('Tanh', [biased]);
  const sum = builder.add('MatMul', [layer, builder.constant([HIDDEN, 1], weights.output)]);
  const logit = builder.add('Add', [sum, builder.scalar(weights.outputBias)]);
  return builder.finishWithLogit('network', width, logit);
}
