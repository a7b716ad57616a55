// The bundles that ship: trained on the split's training rows, and trained again to the same bytes.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadBundle } from '../bundle.ts';
import { loadTrainingData, type TrainingData } from '../data-folder.ts';
import { trainModel } from './train-model.ts';
import { writeTrainedBundle } from './trained-bundle.ts';
import { trainerOf } from './trainers.ts';

const MODELS = join(import.meta.dirname, '..');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-trained-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function trainAgain(name: string, repeats: number, out: string): Promise<void> {
  const { training, version } = (await loadBundle(join(MODELS, name))).manifest;
  const trained = await trainModel({
    trainer: trainerOf(training?.algorithm as string),
    source: await loadTrainingData(join(MODELS, 'sonar', 'sonar.csv')),
    seed: training?.seed as number,
    repeats,
  });
  await writeTrainedBundle(out, trained, { name, version, withData: name === 'sonar' });
}

it('are both in the published package', async () => {
  const { files } = JSON.parse(await readFile(join(MODELS, '..', 'package.json'), 'utf8'));
  expect(files).toEqual(expect.arrayContaining(['models/sonar', 'models/sonar-baseline']));
});

it('trains the baseline again to every committed byte', async () => {
  await trainAgain('sonar-baseline', 10, folder);
  await expectSame(await readdir(join(MODELS, 'sonar-baseline')), 'sonar-baseline');
});

it('trains the champion again to the committed model', async () => {
  await trainAgain('sonar', 1, folder);
  await expectSame(['model.onnx', 'model.json', 'model.weights.bin', 'split.json'], 'sonar');
  const { files, golden, histograms, training } = (await loadBundle(folder)).manifest;
  const committed = (await loadBundle(join(MODELS, 'sonar'))).manifest;
  expect({ golden, histograms }).toEqual({
    golden: committed.golden,
    histograms: committed.histograms,
  });
  expect(training?.split).toBe(committed.training?.split);
  expect(Object.keys(files)).toContain('sonar.csv');
});

it('writes facts that hold: rows, golden vectors at the edges, a count of every row per input', async () => {
  const { golden, histograms, input, labels, training } = (await loadBundle(join(MODELS, 'sonar')))
    .manifest;
  expect(labels).toEqual(['metal', 'rock']);
  expect(training?.rows).toBe(146);
  expect(golden.length).toBeGreaterThanOrEqual(8);
  expect(golden.some(({ values }) => values.every((value) => value === input.minimum))).toBe(true);
  expect(golden.some(({ values }) => values.every((value) => value === input.maximum))).toBe(true);
  for (const counts of histograms?.counts ?? []) {
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(146);
  }
});

it('trains on nothing but the training rows', async () => {
  const source = await loadTrainingData(join(MODELS, 'sonar', 'sonar.csv'));
  const held = new Set(source.split.heldOut);
  const spoiled: TrainingData = {
    ...source,
    data: {
      ...source.data,
      rows: source.data.rows.map((row, at) => (held.has(at) ? row.map(() => 0.5) : row)),
    },
  };
  const trainer = trainerOf('naive-bayes');
  const [one, two] = await Promise.all(
    [source, spoiled].map((each) => trainModel({ trainer, source: each, seed: 1, repeats: 1 })),
  );
  expect(one?.model.toGraph()).toEqual(two?.model.toGraph());
  expect(one?.accuracy).toEqual(two?.accuracy);
});

it('refuses rows outside the limits that the manifest would promise', async () => {
  const source = await loadTrainingData(join(MODELS, 'sonar', 'sonar.csv'));
  const rows = source.data.rows.map((row) => row.map((value) => 100 * value));
  const scaled = { ...source, data: { ...source.data, rows } };
  const trainer = trainerOf('naive-bayes');
  const trained = await trainModel({ trainer, source: scaled, seed: 1, repeats: 1 });
  const identity = { name: 'x', version: '1.0.0', withData: false };
  await expect(writeTrainedBundle(folder, trained, identity)).rejects.toThrow(
    /expected readings from 0 to 1/,
  );
});

async function expectSame(names: readonly string[], bundle: string): Promise<void> {
  for (const name of names) {
    const [again, committed] = [join(folder, name), join(MODELS, bundle, name)].map((file) =>
      readFile(file),
    );
    expect(Buffer.compare((await again) as Buffer, (await committed) as Buffer), name).toBe(0);
  }
}
