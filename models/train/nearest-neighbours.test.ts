// Nearest neighbours: how many is chosen without a row counting as its own neighbour.
import { expect, it } from 'vitest';
import { nearestNeighbours } from './nearest-neighbours.ts';
import { toyData } from './toy-data.fixture.ts';

it('asks more than one neighbour where labels are noisy', async () => {
  const data = toyData(80, { seed: 5, distance: 0.08 });
  const { settings } = await nearestNeighbours.fit(data, 1);
  expect(settings).toMatch(/^k = [3579]$/);
});

it('asks one where a single neighbour is enough', async () => {
  const data = toyData(80, { seed: 5, distance: 1 });
  expect((await nearestNeighbours.fit(data, 1)).settings).toBe('k = 1');
});

it('is never quite certain', async () => {
  const model = await nearestNeighbours.fit(toyData(40), 1);
  for (const value of [0, 0.5, 1]) {
    const probability = model.probability(new Float64Array(6).fill(value));
    expect(probability).toBeGreaterThan(0.05);
    expect(probability).toBeLessThan(0.95);
  }
});
