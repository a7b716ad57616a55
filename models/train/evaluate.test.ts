// The evaluation: folds are the same for all, nothing leaks from the tested rows, and text and plots hold.
import { expect, it } from 'vitest';
import type { Dataset } from '../csv.ts';
import { crossValidate } from './cross-validate.ts';
import { evaluateModels } from './evaluate.ts';
import { renderPlots } from './plots.ts';
import { formatReport, summariseReport } from './report.ts';
import { toyData } from './toy-data.fixture.ts';
import { type Trainer, targetsOf } from './trainer.ts';
import { naiveBayes } from './naive-bayes.ts';

const data = toyData(60, { seed: 6 });

const noGraph = () => {
  throw new Error('no graph is needed here');
};
/** Knows its training rows by heart and nothing else. */
const parrot: Trainer = {
  name: 'parrot',
  summary: 'repeats what it was told',
  fit(rows: Dataset) {
    const targets = targetsOf(rows);
    const known = new Map(rows.rows.map((row, at) => [row.join(), targets[at] as number]));
    return {
      settings: '',
      probability: (values) => known.get(values.join()) ?? 0.5,
      uncalibrated: () => 0.25,
      toGraph: noGraph,
    };
  },
};

function evaluate(seed = 1) {
  return evaluateModels({
    data,
    seed,
    repeats: 2,
    folds: 5,
    trainers: [naiveBayes, parrot],
    champion: 'naive-bayes',
    baseline: 'parrot',
  });
}

it('never tests a row on a model that was trained on it', async () => {
  const [repeat] = await crossValidate(parrot, data, { folds: 5, repeats: 1, seed: 1 });
  expect(repeat?.scored.map(({ probability }) => probability)).toEqual(Array(60).fill(0.5));
  expect(repeat?.uncalibrated[0]?.probability).toBe(0.25);
});

it('tests every row once per repeat and reports every fold', async () => {
  const done: number[] = [];
  const results = await crossValidate(
    naiveBayes,
    data,
    { folds: 5, repeats: 3, seed: 1 },
    (count, of) => done.push(count / of),
  );
  expect(results.map(({ scored }) => scored.filter(Boolean).length)).toEqual([60, 60, 60]);
  expect(results[0]?.scored.map(({ positive }) => positive)).toEqual(
    data.targets.map((target) => target === 0),
  );
  expect(done).toHaveLength(15);
  expect(done.at(-1)).toBe(1);
});

it('gives the same figures for the same seed and others for another', async () => {
  expect(await evaluate(1)).toEqual(await evaluate(1));
  expect((await evaluate(1)).models[0]?.foldAccuracies).not.toEqual(
    (await evaluate(2)).models[0]?.foldAccuracies,
  );
});

it('compares with the baseline on the same folds', async () => {
  const { models } = await evaluate();
  const [bayes, baseline] = models;
  expect(baseline?.accuracy.mean).toBeCloseTo(0.5);
  expect(baseline?.versusBaseline).toBeNull();
  expect(baseline?.uncalibrated.brier).not.toBe(baseline?.brier);
  expect(bayes?.versusBaseline?.difference.mean).toBeCloseTo((bayes?.accuracy.mean ?? 0) - 0.5);
  expect(bayes?.versusBaseline?.p).toBeLessThan(0.001);
  expect(bayes?.costs.find(({ ratio }) => ratio === 5)?.threshold).toBeCloseTo(1 / 6);
});

it('refuses a champion that was not evaluated', async () => {
  const options = { data, seed: 1, repeats: 1, folds: 5, trainers: [parrot], baseline: 'parrot' };
  await expect(evaluateModels({ ...options, champion: 'ghost' })).rejects.toThrow(/"ghost" is not/);
});

it('prints a table and one line of JSON with the figures of the champion', async () => {
  const report = await evaluate();
  const text = formatReport(report);
  expect(text).toMatch(/^60 rows, 5 folds, 2 repeats, seed 1;/);
  expect(text).toMatch(/^naive-bayes +0\.\d{4} /m);
  expect(text).toMatch(/^naive-bayes +\+0\.\d{4} +\+0\.\d{4} to \+0\.\d{4} +\d+ +\d+ +\S+$/m);
  expect(text).toMatch(/^5 : 1 +\d\.\d{4} +0\.167 /m);
  expect(text).toMatch(/^is metal +\d+\.\d +\d+\.\d$/m);
  expect(JSON.parse(summariseReport(report))).toMatchObject({
    model: 'naive-bayes',
    seed: 1,
    repeats: 2,
    accuracy: expect.closeTo(report.models[0]?.accuracy.mean as number, 5),
    sd: expect.closeTo(report.models[0]?.accuracy.sd as number, 5),
  });
});

it('draws plots of finite numbers, every name escaped', async () => {
  const report = await evaluate();
  const odd = { ...report, labels: ['<metal> & co', 'rock'] };
  const plots = renderPlots(odd);
  expect([...plots.keys()]).toEqual(['roc.svg', 'reliability.svg', 'folds.svg']);
  for (const svg of plots.values()) {
    expect(svg).toMatch(/^<svg xmlns[\s\S]*<\/svg>\n$/);
    expect(svg).not.toMatch(/NaN|Infinity|undefined|<metal>/);
  }
  expect(plots.get('roc.svg')).toContain('&lt;metal> &amp; co');
});
