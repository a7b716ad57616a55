// Holds the slow model to what the tests that use it take for granted.
import { expect, it } from 'vitest';
import { expectedScores, inFolder } from '../models/bundle.fixture.ts';
import { loadBundle } from '../models/bundle.ts';
import { createClassifier } from './create-classifier.ts';
import { writeSlowModel } from './slow-model.fixture.ts';

const bundleOf = (millisecondsPerRow: number, hangOn: number) =>
  inFolder(async (folder) => {
    await writeSlowModel({
      folder,
      millisecondsPerRow,
      hangOn,
    });
    return loadBundle(folder);
  });

it('the slow model scores as the linear one, for one row and for many', async () => {
  const classifier = await createClassifier(await bundleOf(0.5, 0.875));
  const rows = [
    [0.1, 0.2, 0.3, 0.4],
    [1, 0, 0, 1],
  ];
  const scores = await classifier.classify(Float32Array.from(rows.flat()), 2);
  await classifier.close();
  for (const [index, expected] of rows.flatMap(expectedScores).entries()) {
    expect(scores[index]).toBeCloseTo(expected, 4);
  }
});
