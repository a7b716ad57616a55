// The classifier on TF.js: the model put together in memory from verified bytes, never from a path.
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import type { Bundle } from '../models/bundle.ts';
import { BundleRefusedError } from '../models/bundle-refused.ts';
import { readTfjsArtifacts } from '../models/tfjs-artifacts.ts';
import type { Classifier } from './classifier.ts';
import { toProbabilities } from '../models/probabilities.ts';
import { selectBackend, startBackend, type TfjsRuntime } from './tfjs-backend.ts';

type Model = LayersModel | GraphModel;

/**
 * Loads the bundle's TF.js model and holds its input to the manifest. It gives probabilities, for two
 * labels also as one column for the second. Golden vectors are not checked here.
 * @param options.runtime the backend to compute on; by default the best that computes here
 * @throws {BundleRefusedError} no TF.js model, not loadable, of another shape, or no such backend
 */
export async function createTfjsClassifier(
  bundle: Bundle,
  options: { readonly runtime?: TfjsRuntime } = {},
): Promise<Classifier> {
  const { name, version, labels, input } = bundle.manifest;
  const { width } = input;
  const runtime = await startBackend(options.runtime).catch((cause: unknown) => {
    throw refuse(bundle, (cause as Error).message, cause);
  });
  const model = await loadModel(bundle);
  const rowShape = rowShapeOf(bundle, model);
  let open = true;

  function run(values: Float32Array, rows: number): Float32Array {
    selectBackend(runtime);
    return tf.tidy(() => {
      const output = model.predict(tf.tensor(values, [rows, ...rowShape], 'float32'), {
        batchSize: rows,
      });
      if (!(output instanceof tf.Tensor)) throw new Error('the model gave several outputs');
      if (output.dtype !== 'float32' || output.shape[0] !== rows) {
        const found = `${output.dtype}, [${output.shape.join(', ')}]`;
        throw new Error(`the model gave ${found} for ${rows} rows, expected float32 per row`);
      }
      return toProbabilities(output.dataSync<'float32'>(), rows, labels.length, 'none');
    });
  }

  return {
    model: { name, version, digest: bundle.digest, runtime },
    limits: input,
    labels,
    async classify(values, rows) {
      if (!open) throw new Error('the classifier is closed');
      if (!(Number.isInteger(rows) && rows >= 1) || values.length !== rows * width) {
        throw new Error(`expected rows × ${width} values, got ${values.length} for ${rows} rows`);
      }
      return run(values, rows);
    },
    async close() {
      if (!open) return;
      open = false;
      selectBackend(runtime);
      model.dispose();
    },
  };
}

async function loadModel(bundle: Bundle): Promise<Model> {
  const declared = bundle.manifest.runtimes.tfjs;
  if (!declared) throw refuse(bundle, 'it has no TF.js model', undefined);
  try {
    const artifacts = readTfjsArtifacts(declared.file, bundle.files);
    const handler = tf.io.fromMemory(artifacts as tf.io.ModelArtifacts);
    return declared.format === 'layers'
      ? await loadLayersModel(handler)
      : await loadGraphModel(handler);
  } catch (cause) {
    const why = (cause instanceof Error ? cause.message : String(cause)).trim();
    throw refuse(bundle, `${declared.file} cannot be loaded: ${why}`, cause);
  }
}

/** The dimensions of one row, whose product is the width. */
function rowShapeOf(bundle: Bundle, model: Model): number[] {
  const { width } = bundle.manifest.input;
  const [input, ...others] = model.inputs;
  const [batch, ...row] = input?.shape ?? [];
  const isDynamic = batch === null || batch === undefined || batch === -1;
  const sizes = row.filter((size): size is number => typeof size === 'number' && size > 0);
  const product = sizes.reduce((all, size) => all * size, 1);
  if (others.length > 0 || !isDynamic || sizes.length !== row.length || product !== width) {
    model.dispose();
    const shapes = model.inputs.map(({ shape }) => `[${shape?.join(', ') ?? '?'}]`).join(' and ');
    throw refuse(bundle, `expected one input of rows × ${width}, found ${shapes}`, undefined);
  }
  return sizes;
}

function refuse(bundle: Bundle, what: string, cause: unknown): BundleRefusedError {
  const { name, version } = bundle.manifest;
  return new BundleRefusedError(
    `the bundle ${name} ${version} in ${bundle.directory} is refused: ${what}`,
    'Give the agent a bundle whose model fits its manifest; "echolot model inspect" shows both.',
    { cause },
  );
}
