// Numbers from the command line: whole and within their range, or an error.
import { expect, it } from 'vitest';
import { readCount, readSeed } from './read-numbers.ts';

it('reads whole numbers', () => {
  expect([readSeed('0'), readSeed('1988'), readCount('1'), readCount('1000')]).toEqual([
    0, 1988, 1, 1000,
  ]);
});

it.each(['', '-1', '1.5', '1e3', 'x', '9999999999'])('refuses %j', (text) => {
  expect(() => readSeed(text)).toThrow(/whole number/);
  expect(() => readCount(text)).toThrow(/whole number/);
});

it.each(['0', '1001'])('refuses %s as a count', (text) => {
  expect(() => readCount(text)).toThrow(/from 1 to 1000/);
});
