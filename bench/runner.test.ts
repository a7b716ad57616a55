import { describe, expect, it } from 'vitest';
import { isNarrow, runRounds } from './runner.ts';

const TEN = [10, 10, 10, 10, 10];

describe('rounds', () => {
  it('meet everybody, there and back', async () => {
    const order: string[] = [];
    const results = await runRounds('test', 2, ['a', 'b'], async (one) => order.push(one));
    expect(order).toEqual(['a', 'b', 'b', 'a']);
    expect([...results]).toEqual([
      ['a', [1, 4]],
      ['b', [2, 3]],
    ]);
  });

  it('end when it is enough, or at the most', async () => {
    const roundsOf = (enough: number) =>
      runRounds(
        'test',
        7,
        ['a'],
        async () => 1,
        (results) => (results.get('a')?.length ?? 0) >= enough,
      );
    expect((await roundsOf(3)).get('a')).toHaveLength(3);
    expect((await roundsOf(30)).get('a')).toHaveLength(7);
  });
});

describe('a narrow interval', () => {
  it('lies within three per cent of its median, from five rounds on', () => {
    expect(isNarrow([10, 10.1, 9.9, 10, 10], TEN)).toBe(true);
    expect(isNarrow([10, 10.1, 9.9, 10], TEN.slice(1))).toBe(false);
    expect(isNarrow([10, 11, 10, 10.1, 11], TEN)).toBe(false);
    expect(isNarrow([10, 9, 10, 10.1, 9], TEN)).toBe(false);
  });

  it('is that of the ratio: a drift that meets both does not widen it', () => {
    const drift = [5, 7, 9, 11, 13];
    expect(isNarrow(drift, drift)).toBe(true);
  });
});
