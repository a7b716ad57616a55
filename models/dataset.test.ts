// Replay rows: only those that the served bundle was not trained on.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadBundle } from './bundle.ts';
import { loadTrainingData } from './data-folder.ts';
import { loadReplayRows } from './dataset.ts';
import { writeBundle } from './write-bundle.ts';

const SONAR = join(import.meta.dirname, 'sonar');
const BASELINE = join(import.meta.dirname, 'sonar-baseline');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-dataset-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

it('gives the held-out rows of the shipped bundle, none of them among the training rows', async () => {
  const { heldOut, rows } = await loadReplayRows(SONAR);
  expect(heldOut).toBe(true);
  expect(rows).toHaveLength(62);
  expect(rows.filter(({ label }) => label === 'metal')).toHaveLength(33);
  const { data, split } = await loadTrainingData(join(SONAR, 'sonar.csv'));
  const trained = new Set(split.train.map((row) => data.rows[row]?.join()));
  expect(rows.some(({ values }) => trained.has(values.join()))).toBe(false);
});

it('serves the baseline too, which was trained on the same split', async () => {
  const { manifest } = await loadBundle(BASELINE);
  expect((await loadReplayRows(SONAR, manifest)).rows).toHaveLength(62);
});

it('refuses a bundle that was trained on another split', async () => {
  const { manifest } = await loadBundle(SONAR);
  const training = { ...manifest.training, split: `sha256:${'0'.repeat(64)}` };
  const other = { ...manifest, training } as typeof manifest;
  await expect(loadReplayRows(SONAR, other)).rejects.toThrow(/was trained on the split sha256:000/);
});

it('refuses a bundle that was trained on other data', async () => {
  const { manifest } = await loadBundle(SONAR);
  const training = { ...manifest.training, data: `sha256:${'0'.repeat(64)}` };
  const other = { ...manifest, training } as typeof manifest;
  await expect(loadReplayRows(SONAR, other)).rejects.toThrow(/was trained on the data sha256:000/);
});

it('refuses a bundle that does not say what it was trained on', async () => {
  const { training: _, ...manifest } = (await loadBundle(SONAR)).manifest;
  await expect(loadReplayRows(SONAR, manifest)).rejects.toThrow(/does not say which rows/);
});

it('refuses a folder without rows', async () => {
  await expect(loadReplayRows(BASELINE)).rejects.toThrow(/has no CSV file/);
});

it('refuses a folder whose split was exchanged, even with its digest in the list of files', async () => {
  const { manifest, files } = await loadBundle(SONAR);
  const split = JSON.parse(Buffer.from(files.get('split.json') as Uint8Array).toString());
  const swapped = { ...split, train: split.heldOut, heldOut: split.train };
  const changed = new Map(files).set('split.json', Buffer.from(JSON.stringify(swapped)));
  const { files: __, schema: ___, ...rest } = manifest;
  await writeBundle(folder, { manifest: rest, files: changed });
  await expect(loadReplayRows(folder)).rejects.toThrow(/was trained on the split/);
});

it('reads no data that its folder does not hold whole', async () => {
  await cp(SONAR, folder, { recursive: true });
  const csv = join(folder, 'sonar.csv');
  await writeFile(csv, (await readFile(csv, 'utf8')).replace('0.02,', '0.03,'));
  await expect(loadTrainingData(csv)).rejects.toThrow(/split file is for the data/);
  await rm(csv);
  await expect(loadTrainingData(csv)).rejects.toThrow(/sonar.csv cannot be read/);
});
