// The promise about the champion: its nested accuracy over three seeds, its lead, and its calibration.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadTrainingData } from '../data-folder.ts';
import { evaluateModels, type ModelReport } from './evaluate.ts';
import { meanOf } from './metrics.ts';
import { championOf } from './report.ts';
import { BASELINE, CHAMPION } from './trainers.ts';

it('keeps the champion at 0.90 in 10 folds, 10 repeats and 3 seeds, calibrated', async () => {
  const { data } = await loadTrainingData(join(import.meta.dirname, '..', 'sonar', 'sonar.csv'));
  const champions: ModelReport[] = [];
  for (const seed of [1, 2, 3]) {
    const report = await evaluateModels({
      data,
      seed,
      repeats: 10,
      trainers: [BASELINE, CHAMPION],
      champion: CHAMPION.name,
      baseline: BASELINE.name,
    });
    champions.push(championOf(report));
  }
  const mean = (figure: (champion: ModelReport) => number) => meanOf(champions.map(figure));
  expect(mean(({ accuracy }) => accuracy.mean)).toBeGreaterThanOrEqual(0.9);
  expect(
    mean(({ versusBaseline }) => versusBaseline?.difference.mean as number),
  ).toBeGreaterThanOrEqual(0.19);
  for (const { brier, calibration, logLoss, uncalibrated } of champions) {
    expect(logLoss).toBeLessThan(uncalibrated.logLoss);
    expect(brier).toBeLessThan(uncalibrated.brier);
    expect(calibration.error).toBeGreaterThan(calibration.range[0]);
    expect(calibration.error).toBeLessThan(calibration.range[1]);
  }
});
