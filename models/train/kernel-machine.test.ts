// The kernel machine's closed-form leave-one-out: its calibration must be that of machines really retrained.
import { expect, it } from 'vitest';
import { kernelMachine, quantileMachine } from './kernel-machine.ts';
import { brierOf, logLossOf, type Scored } from './metrics.ts';
import { toyData } from './toy-data.fixture.ts';

const train = toyData(80, { seed: 3, distance: 0.12 });
const fresh = toyData(2000, { seed: 4, distance: 0.12 });

it.each([kernelMachine, quantileMachine])(
  'calibrates $name for rows that it has not seen',
  async (trainer) => {
    const model = await trainer.fit(train, 1);
    const scoredBy = (score: (values: Float64Array) => number): Scored[] =>
      fresh.rows.map((row, at) => ({
        probability: score(row),
        positive: fresh.targets[at] === 0,
      }));
    const calibrated = scoredBy((row) => model.probability(row));
    const constant = scoredBy(() => 0.5);
    expect(logLossOf(calibrated)).toBeLessThan(logLossOf(constant));
    expect(brierOf(calibrated)).toBeLessThan(brierOf(constant));
  },
);

it('says what it chose', async () => {
  expect((await quantileMachine.fit(train, 1)).settings).toMatch(
    /kernel width [\d.]+, ridge [\d.]+$/,
  );
});
