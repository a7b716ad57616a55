// Where a model computes and in how many processes must not contradict each other, and the log says what serves.
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { WorkerState } from '../agent/classifier.ts';
import { checkWorkers, logWorker } from './served-model.ts';

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

describe("a process of the model's that does not start", () => {
  it.each([
    [['down', 'free'], "one of the model's processes does not start, the others serve"],
    [['down', 'starting'], "one of the model's processes does not start, the others serve"],
    [['down', 'down'], "the model's process does not start, readings are refused"],
    [['down'], "the model's process does not start, readings are refused"],
  ] as const)('is told with its number and what becomes of readings: %j', (states, msg) => {
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
    const workers = states.map((state): WorkerState => ({ state, pid: 1, rows: 0, deaths: 0 }));
    logWorker({ kind: 'down', how: 'killed', retryMs: 800, pid: 77 }, workers, log);
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 50, pid: 77, how: 'killed', retryMs: 800, msg },
    ]);
  });
});
