// From a folder to a classifier that may serve: loaded, verified, tried in a process of its own.
import { BundleRefusedError, loadBundle } from '../models/bundle.ts';
import type { Classifier } from './classifier.ts';
import { type ClassifierOptions, createClassifier } from './create-classifier.ts';
import { type TrialOptions, tryBundle } from './trial.ts';

export interface LoadModelOptions extends ClassifierOptions {
  /** The bundle's folder. */
  readonly directory: string;
  /** Path of the public key that the bundle must be signed with; without one it need not be signed. */
  readonly key?: string | undefined;
  /** `false` loads the model straight into this process; by default it is tried in a child first. */
  readonly trial?: boolean | undefined;
  /** Limits of the trial. */
  readonly limits?: Pick<TrialOptions, 'timeoutMs' | 'memoryBytes'>;
}

/**
 * Loads a bundle and makes its classifier. What is tried is what is served: the files are read once.
 * @throws {BundleRefusedError} unsigned, changed, hostile, of another shape, or computing otherwise
 * @throws {SigningKeyError} the key cannot be used
 */
export async function loadModel(options: LoadModelOptions): Promise<Classifier> {
  const { directory, key, runtime, trial = true, limits } = options;
  const bundle = await loadBundle(directory, key ? { key } : {});
  if (trial) {
    const result = await tryBundle(bundle, { runtime, ...limits });
    if (!result.ok) {
      throw new BundleRefusedError(result.message, result.remedy, { kind: result.kind });
    }
  }
  return createClassifier(bundle, { runtime });
}
