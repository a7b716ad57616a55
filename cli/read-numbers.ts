// Whole numbers from the command line.
import { InvalidArgumentError } from 'commander';

/** @throws {InvalidArgumentError} not 0 to 999,999,999 */
export function readSeed(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

/** @throws {InvalidArgumentError} not 1 to 1000 */
export function readCount(text: string): number {
  const value = readSeed(text);
  if (value < 1 || value > 1000) {
    throw new InvalidArgumentError('Expected a whole number from 1 to 1000.');
  }
  return value;
}
