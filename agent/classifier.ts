// The port between the agent and the runtimes: what a classifier promises, whatever computes it.
import type { InputLimits } from '../schemas/decode-reading.ts';
import type { ModelReference } from '../schemas/messages.ts';

export interface Classifier {
  /** Name, version and digest of the bundle, and the runtime that computes here. */
  readonly model: ModelReference;
  readonly limits: InputLimits;
  /** The columns of the scores, in order. */
  readonly labels: readonly string[];
  /**
   * @param values rows × width numbers, row by row, checked against `limits`; not kept, not changed
   * @param rows 1 or more
   * @returns rows × labels probabilities, row by row: finite, 0 to 1
   * @throws {Error} where the model fails; the classifier stays usable
   */
  classify(values: Float32Array, rows: number): Promise<Float32Array>;
  close(): Promise<void>;
}
