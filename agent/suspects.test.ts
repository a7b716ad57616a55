// Holds the count of deaths to its promise: the guilty is found in two, and nobody falls for his company.
import { describe, expect, it } from 'vitest';
import { MAX_SUSPECTS, Suspects } from './suspects.ts';

describe('a reading', () => {
  it('is free, then a suspect, then condemned, by two deaths of which the last was its own', () => {
    const suspects = new Suspects();
    expect(suspects.standing('a')).toBe('free');
    suspects.blame(['a', 'b']);
    expect([suspects.standing('a'), suspects.standing('b')]).toEqual(['suspect', 'suspect']);
    suspects.blame(['a']);
    expect([suspects.standing('a'), suspects.standing('b')]).toEqual(['condemned', 'suspect']);
  });

  it('is condemned after two deaths alone', () => {
    const suspects = new Suspects();
    suspects.blame(['a']);
    expect(suspects.standing('a')).toBe('suspect');
    suspects.blame(['a']);
    expect(suspects.standing('a')).toBe('condemned');
  });

  it('is never condemned for its company', () => {
    const suspects = new Suspects();
    for (let death = 0; death < 5; death += 1) suspects.blame(['a', 'b']);
    expect(suspects.standing('a')).toBe('suspect');
  });

  it('is to blame once for several runs that ended by then, alone if one of them was its own', () => {
    const suspects = new Suspects();
    suspects.blame(['a'], ['a', 'b'], ['a']);
    expect([suspects.standing('a'), suspects.standing('b')]).toEqual(['suspect', 'suspect']);
    suspects.blame(['a', 'b'], ['a']);
    expect([suspects.standing('a'), suspects.standing('b')]).toEqual(['condemned', 'suspect']);
  });

  it('is forgiven, unless it is condemned', () => {
    const suspects = new Suspects();
    suspects.blame(['a', 'b']);
    suspects.blame(['b']);
    expect(suspects.forgive()).toBe(true);
    expect(suspects.forgive()).toBe(false);
    expect(suspects.entries()).toEqual([['b', 2]]);
  });

  it('is free again once it has run', () => {
    const suspects = new Suspects();
    suspects.blame(['a', 'b']);
    expect(suspects.clear('a')).toBe(true);
    expect(suspects.clear('a')).toBe(false);
    expect([suspects.standing('a'), suspects.standing('b')]).toEqual(['free', 'suspect']);
  });
});

describe('the suspects', () => {
  it('are bounded: the newest stay', () => {
    const suspects = new Suspects([['first', 2]]);
    suspects.blame(Array.from({ length: MAX_SUSPECTS }, (_, index) => `r-${index}`));
    expect(suspects.size).toBe(MAX_SUSPECTS);
    expect(suspects.standing('first')).toBe('free');
    suspects.blame(['r-0']);
    suspects.blame(['last']);
    expect(suspects.standing('r-0')).toBe('condemned');
    expect(suspects.standing('r-1')).toBe('free');
  });

  it('are the same from their entries', () => {
    const suspects = new Suspects();
    suspects.blame(['a', 'b']);
    suspects.blame(['b']);
    expect(new Suspects(suspects.entries()).entries()).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });
});
