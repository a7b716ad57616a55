// Where a model computes and in how many processes must not contradict each other.
import { describe, expect, it } from 'vitest';
import { checkWorkers } from './served-model.ts';

describe('workers', () => {
  it('more than one exclude inference in the own process', () => {
    expect(() => checkWorkers({ inference: 'inline', workers: 2 })).toThrow(
      '--workers 2 and --inference inline exclude each other',
    );
  });

  it.each([
    ['inline', 1],
    ['inline', 'auto'],
    ['auto', 2],
    ['process', 2],
  ] as const)('go with %s: %s', (inference, workers) => {
    expect(() => checkWorkers({ inference, workers })).not.toThrow();
  });
});
