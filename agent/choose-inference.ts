// Where a model computes: in the agent's process, or in one of its own that may hang without the agent.
import { unboundedWork } from '../models/bounded-work.ts';
import type { Bundle } from '../models/bundle.ts';
import type { InferenceChoice } from './classifier.ts';

/** `auto`: inline where a run is short and sure to end, else in a process of its own. */
export type InferenceSetting = 'auto' | InferenceChoice['place'];

/** From so many milliseconds for one row on, a run keeps the agent too long from its connection. */
const MAX_INLINE_MS = 2;

/**
 * @param setting what a person asked for
 * @param runtime the one that computes
 * @param measureMs gives the milliseconds of one row; only asked where they decide
 */
export async function chooseInference(
  bundle: Bundle,
  setting: InferenceSetting,
  runtime: 'onnx' | 'tfjs',
  measureMs: () => number | Promise<number>,
): Promise<InferenceChoice> {
  if (setting !== 'auto') return { place: setting, why: 'as asked' };
  const unbounded = unboundedWork(bundle, runtime);
  if (unbounded) return { place: 'process', why: `nobody can tell that ${unbounded} ends soon` };
  const milliseconds = await measureMs();
  const rounded = milliseconds < 10 ? milliseconds.toPrecision(2) : Math.round(milliseconds);
  const took = `one row takes ${rounded} ms`;
  return milliseconds < MAX_INLINE_MS
    ? { place: 'inline', why: `${took}, and no reading makes it more` }
    : { place: 'process', why: `${took}, ${MAX_INLINE_MS} ms or more` };
}
