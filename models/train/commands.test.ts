// The commands of training and evaluation, on a small data set of their own.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { digestOf, loadBundle } from '../bundle.ts';
import { parseDataset } from '../csv.ts';
import { loadReplayRows } from '../dataset.ts';
import { formatSplit } from '../split.ts';
import { runEvaluate, runTrain } from './commands.ts';
import { makeSplit } from './stratify.ts';
import { toyData } from './toy-data.fixture.ts';

let folder: string;
let data: string;
let lines: string[];
let progress: string[];
const output = {
  result: (text: string) => lines.push(...text.split('\n').filter(Boolean)),
  progress: (line: string) => progress.push(line),
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-commands-'));
  [lines, progress] = [[], []];
  const toy = toyData(40, { width: 4 });
  const rows = toy.rows.map((row, at) => [...row, toy.labels[toy.targets[at] as number]].join());
  const text = `a,b,c,d,label\n${rows.join('\n')}\n`;
  data = join(folder, 'toy.csv');
  await writeFile(data, text);
  const digest = digestOf(Buffer.from(text));
  const split = makeSplit(parseDataset(text), { seed: 1, fraction: 0.25, digest });
  await writeFile(join(folder, 'split.json'), formatSplit(split));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

it('trains a bundle named as its folder, and ends with a line of JSON', async () => {
  const out = join(folder, 'toy-bayes');
  const options = { data, out, algorithm: 'naive-bayes', seed: 3, repeats: 2, version: '1.2.3' };
  await runTrain({ ...options, withData: true }, output);
  const { manifest } = await loadBundle(out);
  expect(manifest).toMatchObject({
    name: 'toy-bayes',
    version: '1.2.3',
    input: { width: 4 },
    training: { algorithm: 'naive-bayes', seed: 3, rows: 30 },
  });
  expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ model: 'toy-bayes', seed: 3 });
  expect(progress).toContain('naive-bayes: fold 20 of 20');
  expect((await loadReplayRows(out)).rows).toHaveLength(10);
});

it('leaves the data out of the bundle unless it is asked for', async () => {
  const out = join(folder, 'small');
  const options = { data, out, algorithm: 'nearest-neighbours', seed: 3, repeats: 1 };
  await runTrain({ ...options, version: '1.0.0', withData: false }, output);
  expect(await readdir(out)).toEqual([
    'manifest.json',
    'model-card.md',
    'model.onnx',
    'split.json',
  ]);
});

it('refuses a folder that holds something else', async () => {
  const options = { data, out: folder, algorithm: 'naive-bayes', seed: 3, repeats: 1 };
  const training = runTrain({ ...options, version: '1.0.0', withData: false }, output);
  await expect(training).rejects.toMatchObject({ code: 'BUNDLE_NOT_WRITTEN', exitCode: 73 });
});

it('evaluates every way of training, draws, and ends with a line of JSON', async () => {
  const out = join(folder, 'plots');
  await runEvaluate({ data, seed: 7, repeats: 1, out }, output);
  expect(JSON.parse(lines.at(-1) as string)).toMatchObject({
    model: 'quantile-machine',
    seed: 7,
    repeats: 1,
    accuracy: expect.any(Number),
    sd: expect.any(Number),
  });
  expect(await readdir(out)).toEqual(['folds.svg', 'reliability.svg', 'roc.svg']);
  expect(await readFile(join(out, 'roc.svg'), 'utf8')).toContain('logistic-regression');
  expect(progress).toContain('network: fold 10 of 10');
});

it('finds a folder for plots that cannot be made before it evaluates', async () => {
  await expect(runEvaluate({ data, seed: 7, repeats: 1, out: data }, output)).rejects.toMatchObject(
    { code: 'EEXIST' },
  );
  expect(progress).toEqual([]);
});
