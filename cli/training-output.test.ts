// Progress of training: one line that moves at a terminal, one line per model elsewhere.
import { expect, it } from 'vitest';
import type { Context } from './context.ts';
import { trainingOutput } from './training-output.ts';

function write(isTTY: boolean, steps: readonly string[]): string {
  let written = '';
  const stream = { isTTY, write: (text: string) => (written += text) };
  const output = trainingOutput({ stdout: stream, stderr: stream } as unknown as Context);
  for (const step of steps) output.progress(step);
  return written;
}

const STEPS = ['one: fold 1 of 2', 'one: fold 2 of 2', 'two: fold 1 of 2', ''];

it('moves one line at a terminal and clears it at the end', () => {
  expect(write(true, STEPS)).toBe(STEPS.map((step) => `\r\u001B[K${step}`).join(''));
});

it('writes one line per model elsewhere', () => {
  expect(write(false, STEPS)).toBe('one: fold 1 of 2\ntwo: fold 1 of 2\n');
});
