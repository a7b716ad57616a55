import { describe, expect, it } from 'vitest';
import type { Health } from '../agent/health.ts';
import { Vitality } from './vitality.ts';

const WELL: Health = {
  isConnected: true,
  isAnswered: true,
  isComputing: true,
  received: 0,
  inHand: 0,
};
const UNANSWERED: Health = { ...WELL, isAnswered: false };
const AWAY: Health = { ...UNANSWERED, isConnected: false };

/** The judgements of reports that come every ten seconds. */
function judge(...reports: readonly Partial<Health>[]): boolean[] {
  const vitality = new Vitality();
  return reports.map((report, index) => vitality.judge({ ...WELL, ...report }, index * 10_000));
}

function times<Value>(count: number, value: Value): Value[] {
  return Array.from({ length: count }, () => value);
}

describe('an agent', () => {
  it('lives while it answers itself', () => {
    expect(judge(WELL, WELL)).toEqual([true, true]);
  });

  it('does not where its model hangs, connected or not', () => {
    expect(judge({ ...UNANSWERED, isComputing: false }, { ...AWAY, isComputing: false })).toEqual([
      false,
      false,
    ]);
  });

  it('lives through an outage of any length', () => {
    expect(judge(...times(100, AWAY))).toEqual(times(100, true));
  });

  it('lives under load, where its own question waits behind the readings that it gets', () => {
    const reports = times(100, UNANSWERED).map((health, index) => ({ ...health, received: index }));
    expect(judge(...reports)).toEqual(times(100, true));
  });

  it('does not when it has been connected and deaf for a minute', () => {
    expect(judge(...times(8, UNANSWERED))).toEqual([...times(6, true), false, false]);
  });

  it('is not deaf where the connection ended in between, or one answer came', () => {
    for (const between of [AWAY, WELL]) {
      const silent = times(5, UNANSWERED);
      expect(judge(...silent, between, ...silent)).toEqual(times(11, true));
    }
  });
});
