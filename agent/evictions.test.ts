// Evictions: what counts as one, and how many are too many.
import { describe, expect, it } from 'vitest';
import { AgentIdTakenError, Evictions } from './evictions.ts';

/** Times at which the process would have to end. */
function ends(bornMs: number | null, events: readonly ['lost' | 'taken' | 'foreign', number][]) {
  const evictions = new Evictions();
  if (bornMs !== null) evictions.born(bornMs);
  return events.flatMap(([kind, atMs]) => {
    const isEnd =
      kind === 'foreign' ? evictions.foreign(atMs) : evictions.lost(kind === 'taken', atMs);
    return isEnd ? [atMs] : [];
  });
}

const rounds = (count: number, firstMs: number, stepMs = 1000) =>
  Array.from({ length: count }, (_, round) => [
    ['lost', firstMs + round * stepMs] as const,
    ['foreign', firstMs + round * stepMs + 100] as const,
  ])
    .flat()
    .map(([kind, atMs]) => [kind, atMs] as ['lost' | 'foreign', number]);

describe('evictions', () => {
  it('end the process at the fourth within 10 s, whether the foreign status comes after or before', () => {
    expect(ends(0, rounds(3, 1000))).toEqual([]);
    expect(ends(0, rounds(4, 1000))).toEqual([4100]);
    expect(ends(0, [['foreign', 900], ...rounds(4, 1000)])).toEqual([4000]);
  });

  it('that the broker tells need no foreign status, and count once', () => {
    const taken = [1000, 2000, 3000, 4000].map((atMs) => ['taken', atMs] as ['taken', number]);
    expect(ends(0, taken)).toEqual([4000]);
    const both = taken.flatMap(([kind, atMs]): ['taken' | 'foreign', number][] => [
      [kind, atMs],
      ['foreign', atMs + 100],
    ]);
    expect(ends(0, both.slice(0, 6))).toEqual([]);
    expect(ends(0, both)).toEqual([4000]);
  });

  it('that are further apart do not', () => {
    expect(ends(0, rounds(20, 1000, 4000))).toEqual([]);
  });

  it('are not the losses of a bad network, nor one late will among them', () => {
    const losses = Array.from(
      { length: 9 },
      (_, index) => ['lost', index * 100] as ['lost', number],
    );
    expect(ends(0, losses)).toEqual([]);
    expect(
      ends(0, [['lost', 1], ['foreign', 2], ['foreign', 3], ['foreign', 4], ...losses]),
    ).toEqual([]);
  });

  it('begin with our birth: what a former life left is none', () => {
    expect(ends(null, rounds(9, 1000))).toEqual([]);
  });

  it('are borne twice as long by one that has served for a minute: the newcomer goes', () => {
    expect(ends(0, rounds(6, 60_000))).toEqual([]);
    expect(ends(0, rounds(7, 60_000))).toEqual([66_100]);
    expect(ends(0, rounds(4, 59_000))).toEqual([62_100]);
  });

  it('are told with the id, and with what to do', () => {
    const error = new AgentIdTakenError('edge-1');
    expect(error).toMatchObject({ exitCode: 78, remedy: expect.stringContaining('--agent-id') });
    expect(error.message).toContain('edge-1');
  });
});
