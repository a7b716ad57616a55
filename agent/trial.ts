// Tries a bundle in a process of its own before the agent loads it: a model can crash what loads it.
import type { Bundle } from '../models/bundle.ts';
import type { BundleProblemKind } from '../models/bundle-refused.ts';
import type { Runtime } from '../schemas/messages.ts';
import { childScript } from './child-process.ts';
import type { ClassifierOptions } from './create-classifier.ts';
import { runInChild } from './trial-process.ts';

export interface TrialOptions extends ClassifierOptions {
  /** Default 10 s. */
  readonly timeoutMs?: number | undefined;
  /** Default 384 MiB, about 110 MB of which Node needs itself, and 8 times the size of the bundle. */
  readonly memoryBytes?: number | undefined;
}

/** What a trial found out; times are the fastest of a few runs. */
export interface TrialFacts {
  readonly runtime: Runtime;
  /** The largest difference of a score from a golden vector. */
  readonly goldenError: number;
  /** Milliseconds for one row. */
  readonly singleMs: number;
  /** Milliseconds for 256 rows at once; null where that would take seconds. */
  readonly batchMs: number | null;
  /** Milliseconds of a row, among many where many were tried. */
  readonly rowMs: number;
}

export type TrialResult =
  | { readonly ok: true; readonly facts: TrialFacts }
  | {
      readonly ok: false;
      readonly kind: BundleProblemKind;
      readonly message: string;
      readonly remedy: string;
    };

/** The message to the child: the verified bytes themselves, so that nothing is read a second time. */
export interface TrialRequest {
  readonly bundle: Bundle;
  readonly runtime: ClassifierOptions['runtime'];
}

const TIMEOUT_MS = 10_000;
const BASE_MEMORY_BYTES = 384 * 2 ** 20;
const MEMORY_PER_BYTE = 8;

const CHILD = childScript('trial', import.meta.url);

/**
 * Loads a bundle's model in a child process, holds it to its golden vectors and times it. Whatever the
 * model does there, this process goes on.
 * @param bundle loaded, that is with verified bytes
 */
export async function tryBundle(bundle: Bundle, options: TrialOptions = {}): Promise<TrialResult> {
  const request: TrialRequest = { bundle, runtime: options.runtime };
  const outcome = await runInChild(CHILD, request, {
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    memoryBytes: options.memoryBytes ?? BASE_MEMORY_BYTES + MEMORY_PER_BYTE * bytesOf(bundle),
  });
  // The child runs this program's own code: its reply has this shape.
  if (outcome.ok) return outcome.reply as TrialResult;
  const { name, version } = bundle.manifest;
  return {
    ok: false,
    kind: 'trial',
    message: `the bundle ${name} ${version} in ${bundle.directory} is refused: its model ${outcome.reason}`,
    remedy: 'Do not serve it; find out where the model comes from and export it again.',
  };
}

/** Of all its files. */
export function bytesOf({ files }: Bundle): number {
  return [...files.values()].reduce((sum, { length }) => sum + length, 0);
}
