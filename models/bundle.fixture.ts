// Bundles for tests: a linear model of four inputs and two labels, as ONNX and as TF.js, in a folder.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from './manifest.ts';
import { linearModel } from './onnx-models.fixture.ts';
import { writeBundle } from './write-bundle.ts';

export const WEIGHTS = [
  [2, -1],
  [-1, 1],
  [0.5, 0.25],
  [0, 3],
] as const;

const GOLDEN_VALUES = [
  [0, 0, 0, 0],
  [1, 0, 0, 0],
  [0.25, 0.5, 0.75, 1],
  [1, 1, 1, 1],
];

/** What the linear model should say: softmax(values · weights). */
export function expectedScores(values: readonly number[]): number[] {
  const logits = [0, 1].map((column) =>
    values.reduce((sum, value, row) => sum + value * (WEIGHTS[row]?.[column] as number), 0),
  );
  const exponentials = logits.map(Math.exp);
  const sum = exponentials.reduce((all, one) => all + one, 0);
  return exponentials.map((one) => one / sum);
}

export interface TestBundle {
  readonly onnx?: Uint8Array;
  /** Files of a TF.js model; `model.json` among them. */
  readonly tfjs?: ReadonlyMap<string, Uint8Array>;
  readonly tfjsFormat?: 'layers' | 'graph';
  readonly activation?: 'none' | 'softmax' | 'sigmoid';
  readonly golden?: Manifest['golden'];
  readonly extra?: ReadonlyMap<string, Uint8Array>;
}

/** Writes a bundle, by default of the linear model as ONNX with its softmax in the agent. */
export async function writeTestBundle(directory: string, parts: TestBundle = {}): Promise<void> {
  const onnx = parts.onnx ?? (parts.tfjs ? undefined : linearModel(WEIGHTS));
  const activation = parts.activation ?? 'softmax';
  const golden =
    parts.golden ?? GOLDEN_VALUES.map((values) => ({ values, scores: expectedScores(values) }));
  await writeBundle(directory, {
    manifest: {
      name: 'linear',
      version: '1.0.0',
      description: 'a linear model for tests',
      input: { width: 4, minimum: 0, maximum: 1 },
      labels: ['metal', 'rock'],
      runtimes: {
        ...(onnx && { onnx: { file: 'model.onnx', input: 'x', output: 'y', activation } }),
        ...(parts.tfjs && { tfjs: { file: 'model.json', format: parts.tfjsFormat ?? 'layers' } }),
      },
      golden,
    },
    files: new Map([
      ...(onnx ? [['model.onnx', onnx] as const] : []),
      ...(parts.tfjs ?? []),
      ...(parts.extra ?? []),
    ]),
  });
}

/** The linear model with its softmax as a TF.js layers model. */
export function layersModel(): Map<string, Uint8Array> {
  const dense = {
    name: 'dense',
    units: 2,
    activation: 'softmax',
    use_bias: false,
    batch_input_shape: [null, 4],
    dtype: 'float32',
  };
  const topology = {
    class_name: 'Sequential',
    config: { name: 'linear', layers: [{ class_name: 'Dense', config: dense }] },
    keras_version: 'tfjs-layers 4.22.0',
    backend: 'tensor_flow.js',
  };
  return tfjsFiles('layers-model', topology, 'dense/kernel');
}

/** The same as a TF.js graph model. */
export function graphModel(): Map<string, Uint8Array> {
  const float = { type: 'DT_FLOAT' };
  const shape = (...sizes: number[]) => ({
    shape: { dim: sizes.map((size) => ({ size: String(size) })) },
  });
  const node = [
    { name: 'x', op: 'Placeholder', attr: { dtype: float, shape: shape(-1, 4) } },
    { name: 'kernel', op: 'Const', attr: { dtype: float, value: { tensor: {} } } },
    { name: 'z', op: 'MatMul', input: ['x', 'kernel'], attr: { T: float } },
    { name: 'y', op: 'Softmax', input: ['z'], attr: { T: float } },
  ];
  return tfjsFiles('graph-model', { node, versions: { producer: 1 } }, 'kernel');
}

function tfjsFiles(format: string, modelTopology: object, weight: string) {
  const weights = [{ name: weight, shape: [4, 2], dtype: 'float32' }];
  const model = {
    format,
    modelTopology,
    weightsManifest: [{ paths: ['weights.bin'], weights }],
  };
  return new Map([
    ['model.json', new TextEncoder().encode(JSON.stringify(model))],
    ['weights.bin', new Uint8Array(Float32Array.from(WEIGHTS.flat()).buffer)],
  ]);
}

/** Runs a test in a folder of its own, which is removed afterwards. */
export async function inFolder<T>(test: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'echolot-bundle-'));
  try {
    return await test(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
