// From a folder to a classifier that may serve: loaded, verified, tried, and put where it shall compute.
import { type Bundle, BundleRefusedError, loadBundle } from '../models/bundle.ts';
import { chooseInference, type InferenceSetting } from './choose-inference.ts';
import { chooseWorkers, type WorkersSetting } from './choose-workers.ts';
import type { Classifier } from './classifier.ts';
import { type ClassifierOptions, createClassifier, runtimeOf } from './create-classifier.ts';
import { bytesOf, type TrialFacts, type TrialOptions, tryBundle } from './trial.ts';
import type { WorkerEvent } from './restarting-worker.ts';

export interface LoadModelOptions extends ClassifierOptions {
  /** The bundle's folder. */
  readonly directory: string;
  /** Path of the public key that the bundle must be signed with; without one it need not be signed. */
  readonly key?: string | undefined;
  /** `false` loads the model without a trial; by default it is tried in a child first. */
  readonly trial?: boolean | undefined;
  /** Limits of the trial. */
  readonly limits?: Pick<TrialOptions, 'timeoutMs' | 'memoryBytes'>;
  /** Where the model computes. Default `auto`. */
  readonly inference?: InferenceSetting | undefined;
  /** How many processes compute it, where it does not compute in this one; more than one never does. Default 1. */
  readonly workers?: WorkersSetting | undefined;
  /** How long a run may take in a process of its own. Default 10,000. */
  readonly inferenceTimeoutMs?: number | undefined;
  /** Told when the model's own process dies and when another one has taken its place. */
  readonly onWorker?: ((event: WorkerEvent) => void) | undefined;
}

/**
 * Loads a bundle and makes its classifier. What is tried is what is served: the files are read once.
 * @throws {BundleRefusedError} unsigned, changed, hostile, of another shape, or computing otherwise
 * @throws {SigningKeyError} the key cannot be used
 */
export async function loadModel(options: LoadModelOptions): Promise<Classifier> {
  const { directory, key, runtime, inference: setting = 'auto', workers = 1 } = options;
  const bundle = await loadBundle(directory, key ? { key } : {});
  const tried = options.trial === false ? null : await tryOut(bundle, options);
  let inline: Classifier | null = null;
  const measure = async () => {
    inline = await createClassifier(bundle, { runtime });
    return measureRow(bundle, inline);
  };
  const place = setting === 'auto' && workers !== 'auto' && workers > 1 ? 'process' : setting;
  const choice = await chooseInference(bundle, place, runtimeOf(bundle, runtime), () =>
    tried === null ? measure() : tried.singleMs,
  );
  const inference = tried === null ? choice : { ...choice, rowMs: tried.rowMs };
  if (inference.place === 'inline') {
    return { ...(inline ?? (await createClassifier(bundle, { runtime }))), inference };
  }
  await (inline as Classifier | null)?.close();
  const { createWorkerClassifier } = await import('./worker-classifier.ts');
  return createWorkerClassifier(bundle, {
    runtime,
    timeoutMs: options.inferenceTimeoutMs,
    inference,
    workers: chooseWorkers(workers, inference, bytesOf(bundle)),
    ...(options.onWorker && { onEvent: options.onWorker }),
  });
}

async function tryOut(bundle: Bundle, { limits, runtime }: LoadModelOptions): Promise<TrialFacts> {
  const result = await tryBundle(bundle, { runtime, ...limits });
  if (result.ok) return result.facts;
  throw new BundleRefusedError(result.message, result.remedy, { kind: result.kind });
}

/** The faster of two: the first one warms up. */
async function measureRow(bundle: Bundle, classifier: Classifier): Promise<number> {
  const row = Float32Array.from(bundle.manifest.golden[0]?.values ?? []);
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 2; repeat += 1) {
    const startMs = performance.now();
    await classifier.classify(row, 1);
    fastestMs = Math.min(fastestMs, performance.now() - startMs);
  }
  return fastestMs;
}
