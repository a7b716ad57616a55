// What the agent and its model's process say to each other.
import type { Bundle } from '../models/bundle.ts';
import type { BundleProblemKind } from '../models/bundle-refused.ts';
import type { Classifier } from './classifier.ts';
import type { ClassifierOptions } from './create-classifier.ts';

/** The first message: the verified bytes themselves, so that nothing is read a second time. */
export interface WorkerLoad {
  readonly bundle: Bundle;
  readonly runtime: ClassifierOptions['runtime'];
}

/** Every later one; each is answered before the next is sent. */
export interface WorkerRun {
  readonly values: Float32Array;
  readonly rows: number;
}

export type WorkerReply =
  | ({ readonly kind: 'loaded' } & Pick<Classifier, 'labels' | 'limits' | 'model'>)
  | {
      readonly kind: 'refused';
      readonly problem: BundleProblemKind;
      readonly message: string;
      readonly remedy: string;
    }
  | { readonly kind: 'scores'; readonly scores: Float32Array }
  | { readonly kind: 'failed'; readonly message: string };
