// The port between the agent and the runtimes: what a classifier promises, whatever computes it.
import type { InputLimits } from '../schemas/decode-reading.ts';
import type { ModelReference } from '../schemas/messages.ts';

export interface InferenceChoice {
  /** In this process, or in one of its own, which may hang or crash without us. */
  readonly place: 'inline' | 'process';
  /** For a person. */
  readonly why: string;
  /** The milliseconds of a row where many are computed together, if somebody has measured them. */
  readonly rowMs?: number;
}

/** What can be told of a process that computes, at a moment. */
export interface WorkerState {
  /** `starting` is worth waiting for; one that is `down` goes on trying, and may be back one day. */
  readonly state: 'starting' | 'free' | 'busy' | 'down';
  readonly pid: number | null;
  /** Rows that it has computed, and those before it in its place. */
  readonly rows: number;
  readonly deaths: number;
}

export interface Classifier {
  /** Name, version and digest of the bundle, and the runtime that computes here. */
  readonly model: ModelReference;
  readonly limits: InputLimits;
  /** The columns of the scores, in order. */
  readonly labels: readonly string[];
  /** Where it computes, and why there; by default in this process. */
  readonly inference?: InferenceChoice;
  /** How many runs it computes at once; by default one. */
  readonly workers?: number;
  /** What its processes do, where it has some. */
  readonly describeWorkers?: () => readonly WorkerState[];
  /**
   * @param values rows × width numbers, row by row, checked against `limits`; not kept, not changed
   * @param rows 1 or more
   * @returns rows × labels probabilities, row by row: finite, 0 to 1
   * @throws {WorkerDiedError} the process that computed it ended; another one takes its place
   * @throws {Error} where the model fails; the classifier stays usable
   */
  classify(values: Float32Array, rows: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** The process that computed a run has ended, or was ended because the run took too long. */
export class WorkerDiedError extends Error {
  readonly code = 'WORKER_DIED';

  constructor(message: string) {
    super(message);
    this.name = 'WorkerDiedError';
  }
}
