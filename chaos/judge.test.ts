// The judge: what is right passes, and each kind of failure is found.
import { describe, expect, it } from 'vitest';
import { type Evidence, judge, type Sample } from './judge.ts';
import type { LedgerLine } from './ledger.ts';

const EXPECTED = [
  { label: 'metal', score: 0.9 },
  { label: 'rock', score: 0.7 },
];
const SAMPLE: Sample = {
  agent: 'edge-1',
  epoch: 'e1',
  received: 21,
  answered: 1,
  rejected: 2,
  shed: 3,
  expired: 4,
  repeated: 5,
  inHand: 6,
};

const start = (run: number, at = 0): LedgerLine => ({ at, line: 'start', run });
const hand = (id: string, row = 0, at = 1): LedgerLine => ({ at, line: 'hand', id, row });
const took = (id: string): LedgerLine => ({ at: 2, line: 'took', id });
const refused = (id: string): LedgerLine => ({ at: 2, line: 'refused', id, code: 'OUTBOX_FULL' });
const told = (
  id: string,
  more: Partial<Extract<LedgerLine, { line: 'told' }>> = {},
): LedgerLine => ({
  at: 3,
  line: 'told',
  id,
  run: 1,
  label: 'metal',
  score: 0.9,
  ...more,
});
const toldWhyNot = (id: string, code: string): LedgerLine => ({
  at: 3,
  line: 'told',
  id,
  run: 1,
  code,
});
/** One reading that was answered, so that the run proves something. */
const ANSWERED = [hand('ok'), took('ok'), told('ok')];

const judgeLines = (lines: readonly LedgerLine[], more: Partial<Evidence> = {}) =>
  judge({
    ledgers: new Map([['buoy-1', [start(1), ...ANSWERED, ...lines]]]),
    expected: EXPECTED,
    samples: [SAMPLE],
    agents: ['edge-1'],
    unfinished: [],
    leaked: [],
    ...more,
  });
const failuresOf = (lines: readonly LedgerLine[], more?: Partial<Evidence>) =>
  judgeLines(lines, more).failures.map(({ id, kind, name }) =>
    id === undefined ? [kind, name] : [kind, id],
  );

describe('passes', () => {
  it('a prediction, a problem and a refusal as the one outcome', () => {
    const lines = [
      hand('a', 1),
      took('a'),
      told('a', { label: 'rock', score: 0.70001 }),
      hand('b'),
      took('b'),
      toldWhyNot('b', 'OUTBOX_FULL'),
      hand('c'),
      refused('c'),
      hand('d'),
      took('d'),
      toldWhyNot('d', 'DEADLINE_PASSED'),
    ];
    expect(judgeLines(lines)).toEqual({
      handed: 5,
      kept: 4,
      unpromised: 0,
      predictions: 2,
      problems: { OUTBOX_FULL: 2, DEADLINE_PASSED: 1 },
      retold: 0,
      samples: 1,
      failures: [],
    });
  });

  it('an outcome before publish has returned', () => {
    expect(failuresOf([hand('a'), told('a'), took('a')])).toEqual([]);
  });

  it('what a killed process had not been promised, with and without an outcome later', () => {
    const lines = [hand('a'), hand('b'), start(2, 10), told('b', { run: 2 })];
    expect(judgeLines(lines)).toMatchObject({ kept: 2, unpromised: 1, failures: [] });
  });

  it('the same outcome told again after a kill, which it counts', () => {
    const lines = [
      hand('a'),
      took('a'),
      told('a', { at: 5 }),
      start(2, 600),
      told('a', { at: 900, run: 2, again: true }),
    ];
    expect(judgeLines(lines)).toMatchObject({ retold: 1, predictions: 2, failures: [] });
  });
});

describe('finds', () => {
  it.each<[string, string[], LedgerLine[]]>([
    ['a reading that was taken and never told', ['lost', 'a'], [hand('a'), took('a')]],
    [
      'a reading that was taken by a process that was killed, and never told',
      ['lost', 'a'],
      [hand('a'), took('a'), start(2, 10)],
    ],
    ['a publish that never returned', ['lost', 'a'], [hand('a')]],
    [
      'a publish that hung until its process was killed',
      ['lost', 'a'],
      [hand('a'), start(2, 20_000)],
    ],
    ['another label', ['wrong', 'a'], [hand('a'), took('a'), told('a', { label: 'rock' })]],
    ['another score', ['wrong', 'a'], [hand('a'), took('a'), told('a', { score: 0.91 })]],
    ['an answer to no row of the data', ['wrong', 'a'], [hand('a', 7), took('a'), told('a')]],
    [
      'an outcome told twice by one process',
      ['twice', 'a'],
      [hand('a'), took('a'), told('a'), told('a', { again: true })],
    ],
    [
      'an outcome told again though its process had long forgotten it',
      ['twice', 'a'],
      [hand('a'), took('a'), told('a'), start(2, 20_000), told('a', { run: 2 })],
    ],
    [
      'another outcome after a kill',
      ['twice', 'a'],
      [hand('a'), took('a'), toldWhyNot('a', 'TIMEOUT'), start(2, 10), told('a', { run: 2 })],
    ],
    ['an outcome after a refusal', ['twice', 'a'], [hand('a'), refused('a'), told('a')]],
    ['an outcome that nobody asked for', ['unasked', 'a'], [told('a')]],
  ])('%s', (_, failure, lines) => {
    expect(failuresOf(lines)).toEqual([failure]);
  });

  it.each(['received', 'answered', 'rejected', 'shed', 'expired', 'repeated', 'inHand'] as const)(
    'books that do not balance by one %s',
    (column) => {
      const samples = [SAMPLE, { ...SAMPLE, [column]: SAMPLE[column] + 1 }];
      expect(failuresOf([], { samples })).toEqual([['unbalanced', 'edge-1']]);
    },
  );

  it('an agent without a sample', () => {
    expect(failuresOf([], { agents: ['edge-1', 'edge-2'] })).toEqual([['unproved', 'edge-2']]);
  });

  it('an intruder that was given something', () => {
    const leaked = ['echolot/v1/replies/buoy-1/sonar'];
    expect(failuresOf([], { leaked })).toEqual([['leaked', 'intruder']]);
  });

  it('a client that does not come to its end', () => {
    expect(failuresOf([], { unfinished: ['buoy-1'] })).toEqual([['unproved', 'buoy-1']]);
  });

  it('a run without a prediction', () => {
    const ledgers = new Map([['buoy-1', [start(1), hand('a'), refused('a')]]]);
    expect(failuresOf([], { ledgers })).toEqual([['unproved', 'all']]);
  });
});
