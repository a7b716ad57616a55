// The random numbers: seeded, and distributed as they say.
import { expect, it } from 'vitest';
import { createRandom } from './random.ts';

const take = (seed: number, count: number) => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

it('gives the same numbers for the same seed and others for another', () => {
  expect(take(7, 20)).toEqual(take(7, 20));
  expect(take(7, 20)).not.toEqual(take(8, 20));
  expect(take(2 ** 40, 5)).not.toEqual(take(0, 5));
});

it('spreads evenly over 0 to 1', () => {
  const numbers = take(3, 20_000);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  for (let bin = 0; bin < 10; bin += 1) {
    const inside = numbers.filter((value) => Math.floor(value * 10) === bin).length;
    expect(Math.abs(inside - 2000)).toBeLessThan(200);
  }
});

it('gives normal numbers of mean 0 and variance 1', () => {
  const random = createRandom(5);
  const numbers = Array.from({ length: 20_000 }, () => random.normal());
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(variance - 1)).toBeLessThan(0.05);
});

it('permutes: every number once, every place equally often', () => {
  const random = createRandom(9);
  const firsts = [0, 0, 0, 0];
  for (let round = 0; round < 4000; round += 1) {
    const order = random.permutation(4);
    expect([...order].sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    firsts[order[0] as number] = (firsts[order[0] as number] as number) + 1;
  }
  for (const count of firsts) expect(Math.abs(count - 1000)).toBeLessThan(150);
});
