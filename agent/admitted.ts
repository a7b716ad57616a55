// What waits for a model and is told its scores, and who watches over what is computed.
import type { DecodedReading } from '../schemas/decode-reading.ts';
import type { Sized } from './intake.ts';
import type { Fingerprint } from './repeats.ts';

/** A reading that was admitted and waits for its scores. */
export interface Admitted extends Sized {
  readonly reading: DecodedReading;
  readonly fingerprint: () => Fingerprint;
  readonly arrivedMs: number;
  /** After this instant (the agent's clock) the answer is worthless; `null` for never. */
  readonly expiresMs: number | null;
  /** Called once with the scores of the run and the reading's first row in them. */
  onScores(scores: Float32Array, firstRow: number): void;
  onExpired(): void;
  onFailed(error: unknown): void;
}

/** What a run is made of, for whoever must know after the end of this process. */
export type RunEntry = Pick<Admitted, 'client' | 'reading' | 'fingerprint'>;

/** Knows which readings have ended this process before, and what is in a run in case one does again. */
export interface RunWatch {
  /** A `suspect` is run alone, a `condemned` one never. */
  standing(entry: RunEntry): 'free' | 'suspect' | 'condemned';
  /** A condemned one was answered with a problem, without the model. */
  refuse(entry: RunEntry): void;
  /** These are about to be computed. */
  begin(entries: readonly RunEntry[]): void;
  /** They were, and the process is alive. */
  end(entries: readonly RunEntry[]): void;
  close(): void;
}
