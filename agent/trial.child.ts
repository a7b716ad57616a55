// The trial's own process: loads a bundle's model, runs it, and tells how it went.
import type { Bundle } from '../models/bundle.ts';
import { BundleRefusedError } from '../models/bundle-refused.ts';
import type { Classifier } from './classifier.ts';
import { checkGolden, createClassifier } from './create-classifier.ts';
import { outliveSignals } from './outlive-signals.ts';
import type { TrialFacts, TrialRequest, TrialResult } from './trial.ts';

const BATCH_ROWS = 256;
/** Slower than this, a batch is not timed. */
const MAX_SINGLE_MS = 1;
const REPEATS = 5;

outliveSignals();
process.once('message', (request: TrialRequest) => {
  void attempt(request).then((result) => process.send?.(result));
});
process.once('disconnect', () => process.exit());

async function attempt({ bundle, runtime }: TrialRequest): Promise<TrialResult> {
  try {
    const classifier = await createClassifier(bundle, { runtime });
    await tryLimits(bundle, classifier);
    return { ok: true, facts: await measure(bundle, classifier) };
  } catch (error) {
    if (error instanceof BundleRefusedError) {
      const { kind, message, remedy } = error;
      return { ok: false, kind, message, remedy };
    }
    throw error;
  }
}

/**
 * Golden vectors are the bundle's own choice. At the limits of what is let in the model may fail, since
 * an agent answers that; what it may not do is hang, crash, or ask for more memory than there is.
 */
async function tryLimits({ directory, manifest }: Bundle, classifier: Classifier): Promise<void> {
  const { maximum, minimum, width } = manifest.input;
  for (const value of [minimum, minimum / 2 + maximum / 2, maximum]) {
    try {
      await classifier.classify(new Float32Array(width).fill(value), 1);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.trim() : String(cause);
      if (!/alloc/i.test(why)) continue;
      throw new BundleRefusedError(
        `the bundle ${manifest.name} ${manifest.version} in ${directory} is refused: a reading of ${value} throughout takes more memory than a trial may: ${why}`,
        'Do not serve it; find out where the model comes from, or narrow the limits in its manifest.',
        { kind: 'trial', cause },
      );
    }
  }
}

async function measure(bundle: Bundle, classifier: Classifier): Promise<TrialFacts> {
  const goldenError = await checkGolden(bundle, classifier);
  const values = bundle.manifest.golden[0]?.values ?? [];
  const row = Float32Array.from(values);
  const rows = Float32Array.from(Array.from({ length: BATCH_ROWS }, () => values).flat());
  const singleMs = await fastest(() => classifier.classify(row, 1));
  const batchMs =
    singleMs > MAX_SINGLE_MS ? null : await fastest(() => classifier.classify(rows, BATCH_ROWS));
  const rowMs = batchMs === null ? singleMs : batchMs / BATCH_ROWS;
  return { runtime: classifier.model.runtime, goldenError, singleMs, batchMs, rowMs };
}

async function fastest(work: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const start = performance.now();
    await work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
