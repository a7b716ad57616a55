// What is said of the wait.
import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

it('follows a model that is slow, and one that has become fast', () => {
  const pace = new Pace();
  for (let run = 0; run < 3; run += 1) pace.record(10, 20);
  expect(pace.millisecondsPerRow).toBe(2);
  for (let run = 0; run < 3; run += 1) pace.record(100, 5);
  expect(pace.millisecondsPerRow).toBe(0.05);
});

it('is not misled by a run or two that were held up', () => {
  const pace = new Pace();
  for (let run = 0; run < 5; run += 1) pace.record(10, 1);
  pace.record(1, 10_000);
  pace.record(1, 10_000);
  expect(pace.millisecondsPerRow).toBe(0.1);
});

it('takes a model for a small one at first', () => {
  const pace = new Pace();
  pace.record(1, 500);
  expect(pace.millisecondsPerRow).toBe(0.01);
});
