// For tests: the shipped model, made to wait.
import { loadBundle } from '../models/bundle.ts';
import type { Classifier } from './classifier.ts';
import { createOnnxClassifier } from './onnx-classifier.ts';
import { MODEL_FOLDER } from './serving.fixture.ts';

export interface Held {
  readonly classifier: Classifier;
  /** From now on it answers nothing. */
  readonly hold: () => void;
  readonly release: () => void;
  /** Resolves when something waits. */
  readonly asked: () => Promise<void>;
}

export async function heldClassifier(): Promise<Held> {
  const inner = await createOnnxClassifier(await loadBundle(MODEL_FOLDER));
  let gate: Promise<void> | null = null;
  let open = () => {};
  let wake = () => {};
  let waiting = 0;
  const classifier: Classifier = {
    model: inner.model,
    labels: inner.labels,
    limits: inner.limits,
    classify: async (values, rows) => {
      waiting += 1;
      if (gate) wake();
      await gate;
      waiting -= 1;
      return inner.classify(values, rows);
    },
    close: () => inner.close(),
  };
  return {
    classifier,
    hold() {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    release() {
      gate = null;
      open();
    },
    async asked() {
      while (!gate || waiting === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
