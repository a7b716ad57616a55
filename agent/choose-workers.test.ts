// Holds the number of workers to what was asked, what a row takes and what the machine has.
import { expect, it } from 'vitest';
import type { InferenceChoice } from './classifier.ts';
import { chooseWorkers, type WorkersSetting } from './choose-workers.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

it.each<[WorkersSetting, InferenceChoice['place'], number | undefined, number, number, number]>([
  ['auto', 'inline', 0.002, 8 * GIB, 0, 1],
  ['auto', 'inline', 1.5, 8 * GIB, 0, 1],
  ['auto', 'process', 0.09, 8 * GIB, 0, 1],
  ['auto', 'process', undefined, 8 * GIB, 0, 1],
  ['auto', 'process', 0.1, 8 * GIB, 0, 4],
  ['auto', 'process', 50, 8 * GIB, 0, 4],
  ['auto', 'process', 50, 768 * MIB, 0, 3],
  ['auto', 'process', 50, 8 * GIB, 480 * MIB, 2],
  ['auto', 'process', 50, 100 * MIB, 0, 1],
  [3, 'process', 0.002, 100 * MIB, 0, 3],
  [1, 'process', 50, 8 * GIB, 0, 1],
])(
  '%s, %s, %s ms a row, %d bytes free, a model of %d bytes: %d',
  (setting, place, rowMs, freeBytes, bundleBytes, workers) => {
    const inference = rowMs === undefined ? { place } : { place, rowMs };
    expect(chooseWorkers(setting, inference, bundleBytes, { cores: 4, freeBytes })).toBe(workers);
  },
);

it('takes this machine as it is', () => {
  expect(chooseWorkers('auto', { place: 'process', rowMs: 5 }, 0)).toBeGreaterThanOrEqual(1);
});
