// Recovery: from a fault, and from its heal, to the next prediction of each caller.
import { expect, it } from 'vitest';
import type { LedgerLine } from './ledger.ts';
import type { Step } from './plan.ts';
import { findSilences, type Happened, measureRecovery } from './recovery.ts';

const told = (at: number, code?: string): LedgerLine => ({
  at,
  line: 'told',
  id: `r-${at}`,
  run: 1,
  ...(code === undefined ? { label: 'metal', score: 1 } : { code }),
});
const LEDGERS = new Map([
  ['buoy-1', [told(90), told(150), told(400)]],
  ['buoy-2', [told(120, 'OUTBOX_FULL'), told(300)]],
]);
const happened = (struckAt: number, healedAt: number, isDone = true): Happened => {
  const fault: Step['fault'] = { kind: 'freeze-agent', target: 'edge-1' };
  return {
    step: { atMs: 0, forMs: 1, fault },
    struckAt,
    healedAt,
    isDone,
    note: null,
  };
};

it('counts from the fault and from its heal until every caller has a prediction', () => {
  expect(measureRecovery([happened(100, 200)], LEDGERS)).toEqual([
    {
      kind: 'freeze-agent',
      fromFault: { count: 2, p50Ms: 50, maxMs: 200 },
      fromHeal: { count: 2, p50Ms: 100, maxMs: 200 },
    },
  ]);
});

it('leaves out what was not done, and callers that were told nothing more', () => {
  expect(measureRecovery([happened(100, 350), happened(0, 0, false)], LEDGERS)).toEqual([
    {
      kind: 'freeze-agent',
      fromFault: { count: 2, p50Ms: 50, maxMs: 200 },
      fromHeal: { count: 1, p50Ms: 50, maxMs: 50 },
    },
  ]);
});

it('finds the longest silence of each caller while something was open', () => {
  const took = (at: number, id: string): LedgerLine => ({ at, line: 'took', id });
  const lines = [took(100, 'r-150'), told(150), took(900, 'r-950'), took(901, 'r-1200'), told(950)];
  const ledgers = new Map([['buoy-1', [...lines, told(1200)]]]);
  expect(findSilences(ledgers, 50)).toEqual([{ client: 'buoy-1', atMs: 900, forMs: 250 }]);
});
