// How many processes compute a model: as many as it can make use of, and as there is memory for.
import { availableParallelism } from 'node:os';
import type { InferenceChoice } from './classifier.ts';

/** `auto`: one where a model is fast, else one for each core. */
export type WorkersSetting = 'auto' | number;

/** What a machine offers. */
export interface Machine {
  readonly cores: number;
  /** Memory that this process and its children may still take. */
  readonly freeBytes: number;
}

/**
 * Below this a single process keeps up with the agent, which passes on some 10,000 readings a second:
 * another one would not be given anything to do.
 */
const FAST_ROW_MS = 0.1;
/** Node, its libraries and the runtime (about 100 MB measured), and the model with what it computes. */
const BASE_BYTES = 128 * 2 ** 20;
const MEMORY_PER_BYTE = 4;
/** Of what is free; the rest is for everybody else. */
const MAX_PART = 0.5;

/** @param bundleBytes size of the model's files */
export function chooseWorkers(
  setting: WorkersSetting,
  { place, rowMs }: Pick<InferenceChoice, 'place' | 'rowMs'>,
  bundleBytes: number,
  { cores, freeBytes }: Machine = thisMachine(),
): number {
  if (setting !== 'auto') return setting;
  if (place === 'inline' || rowMs === undefined || rowMs < FAST_ROW_MS) return 1;
  const each = BASE_BYTES + MEMORY_PER_BYTE * bundleBytes;
  return Math.max(1, Math.min(cores, Math.floor((freeBytes * MAX_PART) / each)));
}

/** Within the limits of a control group, where there is one. */
function thisMachine(): Machine {
  return { cores: availableParallelism(), freeBytes: process.availableMemory() };
}
