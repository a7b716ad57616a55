// Bundles of a model that takes its time: each row costs so much, and one value may take for ever.
import '../models/ort-without-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expectedScores, WEIGHTS, writeTestBundle } from '../models/bundle.fixture.ts';
import {
  FLOAT,
  INT64,
  int64Tensor,
  intAttribute,
  intsAttribute,
  model,
  node,
  tensor,
  tensorAttribute,
  value,
} from '../models/onnx-models.fixture.ts';

/** Each row becomes a matrix of this size, which is multiplied again and again. */
const LINES = 32;
const SIZE = 256;
/** With one row that hangs, matrices of this size, so often: several minutes. */
const HANG_SIZE = 3000;
const HANG_TIMES = 300;

export interface SlowModelOptions {
  /** Becomes the bundle's folder; the model is named `linear` and takes 4 values from 0 to 1. */
  readonly folder: string;
  /** About what a row costs on this machine while nothing else runs; 0 for as fast as can be. */
  readonly millisecondsPerRow: number;
  /** A run with a reading whose first value is this does not end. Not 0, 0.5 or 1: those are tried. */
  readonly hangOn?: number;
}

/** The scores are those of the linear model of `bundle.fixture.ts`, but for rounding. */
export async function writeSlowModel(options: SlowModelOptions): Promise<void> {
  const { folder, hangOn, millisecondsPerRow } = options;
  const steps = Math.round(millisecondsPerRow / (await millisecondsPerStep()));
  const golden = [
    [0, 0, 0, 0],
    [0.25, 0.5, 0.75, 1],
  ].map((values) => ({ values, scores: expectedScores(values) }));
  await writeTestBundle(folder, { onnx: slowModel(steps, hangOn), golden });
}

function slowModel(steps: number, hangOn?: number): Uint8Array {
  const parts = [linear(), work(steps), ...(hangOn === undefined ? [] : [hang(hangOn)])];
  return model({
    nodes: [
      ...parts.flatMap(({ nodes }) => nodes),
      node(
        'Sum',
        parts.map(({ output }) => output),
        ['y'],
      ),
    ],
    initializers: parts.flatMap(({ initializers }) => initializers),
    inputs: [value('x', ['rows', 4], FLOAT)],
    outputs: [value('y', ['rows', 2], FLOAT)],
  });
}

interface Part {
  readonly nodes: Uint8Array[];
  readonly initializers: Uint8Array[];
  readonly output: string;
}

function linear(): Part {
  return {
    nodes: [node('MatMul', ['x', 'w'], ['logits'])],
    initializers: [tensor('w', [4, 2], WEIGHTS.flat())],
    output: 'logits',
  };
}

/** Adds nothing: the mean of a matrix of equal values, averaged over and over, less that value. */
function work(steps: number): Part {
  const matrix = Array.from({ length: SIZE * SIZE }, () => 1 / SIZE);
  return {
    nodes: [
      node(
        'ReduceMean',
        ['x'],
        ['mean'],
        [intsAttribute('axes', [1]), intAttribute('keepdims', 1)],
      ),
      node('Unsqueeze', ['mean', 'last'], ['deep']),
      node('Mul', ['deep', 'ones'], ['m0']),
      ...Array.from({ length: steps }, (_, step) =>
        node('MatMul', [`m${step}`, 'matrix'], [`m${step + 1}`]),
      ),
      node(
        'ReduceMean',
        [`m${steps}`],
        ['after'],
        [intsAttribute('axes', [1, 2]), intAttribute('keepdims', 0)],
      ),
      node('Unsqueeze', ['after', 'second'], ['column']),
      node('Sub', ['column', 'mean'], ['nothing']),
    ],
    initializers: [
      int64Tensor('last', [1], [2]),
      int64Tensor('second', [1], [1]),
      tensor(
        'ones',
        [1, LINES, SIZE],
        Array.from({ length: LINES * SIZE }, () => 1),
      ),
      tensor('matrix', [SIZE, SIZE], matrix),
    ],
    output: 'nothing',
  };
}

/** Adds nothing: zeros, which it takes from huge matrices where a reading begins with the value. */
function hang(on: number): Part {
  return {
    nodes: [
      node('Slice', ['x', 'zero', 'one', 'one'], ['firsts']),
      node('Equal', ['firsts', 'on'], ['same']),
      node('Cast', ['same'], ['hits'], [intAttribute('to', FLOAT)]),
      node('ReduceMax', ['hits'], ['hit'], [intAttribute('keepdims', 0)]),
      node('Mul', ['hit', 'large'], ['more']),
      node('Add', ['more', 'small'], ['side']),
      node('Cast', ['side'], ['sides'], [intAttribute('to', INT64)]),
      node('ConstantOfShape', ['sides'], ['h0'], [tensorAttribute('value', tensor('', [1], [0]))]),
      ...Array.from({ length: HANG_TIMES }, (_, index) =>
        node('MatMul', [`h${index}`, `h${index}`], [`h${index + 1}`]),
      ),
      node('ReduceMax', [`h${HANG_TIMES}`], ['null'], [intAttribute('keepdims', 0)]),
    ],
    initializers: [
      int64Tensor('zero', [1], [0]),
      int64Tensor('one', [1], [1]),
      tensor('on', [1], [on]),
      tensor('large', [2], [HANG_SIZE, HANG_SIZE]),
      tensor('small', [2], [1, 1]),
    ],
    output: 'null',
  };
}

/** Measured: machines differ tenfold. */
async function millisecondsPerStep(): Promise<number> {
  const steps = 20;
  const session = await InferenceSession.create(slowModel(steps), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const x = new Tensor('float32', new Float32Array(4), [1, 4]);
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 20; repeat += 1) {
    const startMs = performance.now();
    await session.run({ x });
    fastestMs = Math.min(fastestMs, performance.now() - startMs);
  }
  await session.release();
  return fastestMs / steps;
}
