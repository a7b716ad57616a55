// What is said of the wait.
import { beforeEach, describe, expect, it } from 'vitest';
import { Pace } from './pace.ts';

let now: number;
beforeEach(() => {
  now = 0;
});

/** So many runs, one after the other, with work left over. */
function run(pace: Pace, times: number, rows: number, milliseconds: number): void {
  pace.begin(now);
  for (let time = 0; time < times; time += 1) {
    now += milliseconds;
    pace.record(rows, now);
  }
}

describe('one run at a time', () => {
  it('is followed, where a model is slow and where it has become fast', () => {
    const pace = new Pace();
    run(pace, 3, 10, 20);
    expect(pace.millisecondsPerRow).toBe(2);
    run(pace, 3, 100, 5);
    expect(pace.millisecondsPerRow).toBe(0.05);
  });

  it('is not misjudged for a run or two that were held up', () => {
    const pace = new Pace();
    run(pace, 5, 10, 1);
    run(pace, 2, 1, 10_000);
    expect(pace.millisecondsPerRow).toBe(0.1);
  });

  it('is taken for that of a small model at first', () => {
    const pace = new Pace();
    run(pace, 2, 1, 500);
    expect(pace.millisecondsPerRow).toBe(0.01);
  });

  it('does not count the time without work', () => {
    const pace = new Pace();
    for (let times = 0; times < 3; times += 1) {
      run(pace, 1, 10, 20);
      pace.rest();
      now += 60_000;
    }
    expect(pace.millisecondsPerRow).toBe(2);
  });
});

describe('several runs at a time', () => {
  it('share the time of a row', () => {
    const pace = new Pace(2);
    pace.begin(now);
    for (let times = 0; times < 3; times += 1) {
      now += 20;
      pace.record(10, now);
      pace.record(10, now);
    }
    expect(pace.millisecondsPerRow).toBe(1);
  });

  it('are foreseen where only one was needed so far', () => {
    const pace = new Pace(2);
    for (let times = 0; times < 3; times += 1) {
      run(pace, 1, 10, 20);
      pace.rest();
    }
    expect(pace.millisecondsPerRow).toBe(1);
  });
});
