// What is asked and what is right: seeded rows of the bundle's data, answered beforehand by the same model.
import { createClassifier } from '../agent/create-classifier.ts';
import { planReplay } from '../devices/replay-plan.ts';
import { loadBundle } from '../models/bundle.ts';
import { loadReplayRows } from '../models/dataset.ts';
import type { ExpectedAnswer } from './judge.ts';

/** So many different ones that an answer to another reading shows. */
const ROWS = 512;
/** Standard deviation of what is added to the measured values, so that no two rows are the same. */
const NOISE = 0.01;

export interface Questions {
  readonly model: string;
  readonly rows: readonly (readonly number[])[];
  /** By row. */
  readonly expected: readonly ExpectedAnswer[];
}

/** @throws {BundleRefusedError | DataError} the bundle cannot be used, or has no data */
export async function makeQuestions(folder: string, seed: number): Promise<Questions> {
  const bundle = await loadBundle(folder);
  const { name, input } = bundle.manifest;
  const { rows: measured } = await loadReplayRows(folder);
  const rows: number[][] = [];
  for (const { values } of planReplay({ rows: measured, noise: NOISE, limits: input, seed })) {
    rows.push(values);
    if (rows.length === ROWS) break;
  }
  const classifier = await createClassifier(bundle);
  try {
    const scores = await classifier.classify(Float32Array.from(rows.flat()), rows.length);
    const { labels } = classifier;
    const expected = rows.map((_, row) => {
      const own = [...scores.subarray(row * labels.length, (row + 1) * labels.length)];
      const score = Math.max(...own);
      return { label: labels[own.indexOf(score)] ?? '', score };
    });
    return { model: name, rows, expected };
  } finally {
    await classifier.close();
  }
}
