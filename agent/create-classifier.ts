// Chooses the runtime for a bundle, and lets no classifier out whose golden vectors do not hold.
import type { Bundle } from '../models/bundle.ts';
import { BundleRefusedError } from '../models/bundle-refused.ts';
import type { Classifier } from './classifier.ts';

/** How far a score may be from the golden one. */
const GOLDEN_TOLERANCE = 1e-4;

export interface ClassifierOptions {
  /** Default `auto`: ONNX where the bundle has it, else TF.js. */
  readonly runtime?: 'auto' | 'onnx' | 'tfjs' | undefined;
}

/**
 * Makes the classifier of a loaded bundle and holds it to the bundle's golden vectors.
 * @throws {BundleRefusedError} no such runtime in the bundle, not loadable, or other scores
 */
export async function createClassifier(
  bundle: Bundle,
  { runtime }: ClassifierOptions = {},
): Promise<Classifier> {
  const classifier = await load(bundle, runtimeOf(bundle, runtime));
  try {
    await checkGolden(bundle, classifier);
    return classifier;
  } catch (error) {
    await classifier.close();
    throw error;
  }
}

/** The runtime that computes a bundle where nobody asked for one. */
export function runtimeOf(
  bundle: Bundle,
  runtime: ClassifierOptions['runtime'] = 'auto',
): 'onnx' | 'tfjs' {
  if (runtime !== 'auto') return runtime;
  return bundle.manifest.runtimes.onnx ? 'onnx' : 'tfjs';
}

/** Each runtime is imported where it is used: an ONNX agent loads no TF.js, and the other way round. */
async function load(bundle: Bundle, runtime: 'onnx' | 'tfjs'): Promise<Classifier> {
  if (runtime === 'onnx') {
    const { createOnnxClassifier } = await import('./onnx-classifier.ts');
    return createOnnxClassifier(bundle);
  }
  const { createTfjsClassifier } = await import('./tfjs-classifier.ts');
  return createTfjsClassifier(bundle);
}

/**
 * Runs the golden vectors, all at once and the first one alone: a graph may treat a batch otherwise.
 * @returns the largest difference of a score
 * @throws {BundleRefusedError} the model fails, or a difference is above 1e-4
 */
export async function checkGolden(bundle: Bundle, classifier: Classifier): Promise<number> {
  const { golden } = bundle.manifest;
  const values = Float32Array.from(golden.flatMap((vector) => vector.values));
  const expected = golden.flatMap((vector) => vector.scores);
  const width = bundle.manifest.input.width;
  let largest = 0;
  try {
    const batch = await classifier.classify(values, golden.length);
    const single = await classifier.classify(values.slice(0, width), 1);
    for (const scores of [batch, single]) {
      for (const [index, score] of scores.entries()) {
        largest = Math.max(largest, Math.abs(score - (expected[index] as number)));
      }
    }
  } catch (cause) {
    const why = (cause instanceof Error ? cause.message : String(cause)).trim();
    throw refuse(bundle, `its model fails on a golden vector: ${why}`, cause);
  }
  if (!(largest <= GOLDEN_TOLERANCE)) {
    const what = `a golden vector does not hold: a score is off by ${largest.toPrecision(3)}, at most ${GOLDEN_TOLERANCE} is allowed`;
    throw refuse(bundle, `${what} (${classifier.model.runtime})`, undefined);
  }
  return largest;
}

function refuse(bundle: Bundle, what: string, cause: unknown): BundleRefusedError {
  const { name, version } = bundle.manifest;
  return new BundleRefusedError(
    `the bundle ${name} ${version} in ${bundle.directory} is refused: ${what}`,
    'Publish the bundle again from the model that its golden vectors were computed with.',
    { kind: 'golden', cause },
  );
}
