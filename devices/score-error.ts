// Why the scoring of a file ends early, and what a person can do.
import type { Problem } from '../schemas/problems.ts';

/** The run cannot go on; `remedy` says what to do. What is written stays and can be resumed. */
export class ScoreCsvError extends Error {
  readonly code:
    | 'INPUT_UNREADABLE'
    | 'INPUT_MALFORMED'
    | 'COLUMNS_UNFIT'
    | 'OUTPUT_UNWRITABLE'
    | 'OUTPUT_FOREIGN'
    /** Not one row was answered: there is no broker, or nobody serves the model. */
    | 'NOBODY_THERE'
    | 'STOPPED';
  readonly remedy: string;
  /** With `STOPPED` and `NOBODY_THERE`: why nobody answered. */
  readonly problem: Problem | undefined;

  constructor(
    code: ScoreCsvError['code'],
    message: string,
    remedy: string,
    options?: ErrorOptions & { readonly problem?: Problem },
  ) {
    super(message, options);
    this.name = 'ScoreCsvError';
    this.code = code;
    this.remedy = remedy;
    this.problem = options?.problem;
  }
}
