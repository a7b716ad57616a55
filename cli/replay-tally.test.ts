import { expect, it } from 'vitest';
import { ReplayTally } from './replay-tally.ts';

const OWN = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;

it('tells counts and, of its own bundle, the accuracy', () => {
  const tally = new ReplayTally(OWN);
  for (const correct of [true, true, false]) tally.count({ correct, digest: OWN });
  tally.problems += 1;
  expect(tally.summary()).toBe('3 classified, 1 not, accuracy 66.7 %');
});

it('tells no accuracy where another bundle answered', () => {
  const tally = new ReplayTally(OWN);
  tally.count({ correct: true, digest: OWN });
  tally.count({ correct: true, digest: OTHER });
  expect(tally.summary()).toContain('2 classified, 0 not; no accuracy over these rows');
  expect(tally.summary()).toContain(OTHER);
  expect(tally.summary()).not.toContain('%');
});

it('tells no accuracy of nothing', () => {
  expect(new ReplayTally(OWN).summary()).toBe('0 classified, 0 not');
});
