import { describe, expect, it } from 'vitest';
import type { Attempt } from './attempt.ts';
import type { Judgement, Verdict } from './judge.ts';
import {
  comparisonLine,
  differenceLines,
  findingLines,
  isDifferent,
  matrixRows,
  proofLine,
} from './matrix.ts';

const ATTEMPT: Attempt = {
  kind: 'publish',
  who: 'a-probe',
  role: 'client',
  topic: 'a/b',
  expected: 'denied',
  rules: ['a/c'],
};

function judgement(verdict: Verdict, more: Partial<Attempt> = {}, detail = ''): Judgement {
  const found = verdict === 'LEAK' ? 'allowed' : 'denied';
  return { attempt: { ...ATTEMPT, ...more }, verdict, found, detail };
}

describe('the matrix', () => {
  it('has a row for each attempt', () => {
    expect(matrixRows([judgement('LEAK'), judgement('ok', { kind: 'login', topic: '' })])).toEqual([
      ['ROLE', 'PROBE', 'ATTEMPT', 'TOPIC', 'POLICY', 'FOUND', 'VERDICT'],
      ['client', 'a-probe', 'publish', 'a/b', 'denied', 'allowed', 'LEAK'],
      ['client', 'a-probe', 'login', '-', 'denied', 'denied', 'ok'],
    ]);
  });
});

describe('the findings', () => {
  it('name the topic and the right that it is beside, limits last', () => {
    const lines = findingLines([
      judgement('ok'),
      judgement('limit', { kind: 'take-over' }, 'why'),
      judgement('LEAK'),
      judgement('BLOCKED', { expected: 'allowed', rules: ['a/#'] }, 'nothing came'),
    ]);
    expect(lines).toEqual([
      'LEAK: a-probe (client): publish a/b, which the policy has denied; beside its right a/c',
      'BLOCKED: a-probe (client): publish a/b, which the policy has allowed; nothing came; its right a/#',
      'known limit: a-probe (client): take-over a/b, which the policy has denied; why; beside its right a/c',
    ]);
  });

  it('of a comparison begin with what is wider', () => {
    const difference = { where: 'echolot-dev-1', detail: 'why' };
    expect(
      differenceLines([
        { kind: 'narrower', what: 'a/b', ...difference },
        { kind: 'other', what: '', ...difference },
        { kind: 'wider', what: 'a/#', ...difference },
      ]),
    ).toEqual([
      'WIDER: echolot-dev-1: a/#: why',
      'DIFFERENT: echolot-dev-1: why',
      'NARROWER: echolot-dev-1: a/b: why',
    ]);
  });
});

describe('the last lines', () => {
  it('count what was proved, and how', () => {
    const broker = {
      protocol: '5',
      isMosquitto: true,
      version: 'mosquitto version 2.0.11',
    } as const;
    const line = proofLine({ broker, judgements: [judgement('ok'), judgement('unseen')] });
    expect(line).toContain('mosquitto version 2.0.11, MQTT 5');
    expect(line).toContain(
      '2 attempts: 1 as the policy has it, 0 leaks, 0 blocked, 1 where no probe',
    );
    expect(comparisonLine('/etc/x', { rules: 3, differences: [] })).toContain('3 rules');
    const unknown = { kind: 'unknown', where: 'dev-1', what: 'password', detail: 'why' } as const;
    const compared = comparisonLine('/etc/x', { rules: 3, differences: [unknown] });
    expect(compared).toMatch(/no difference, 1 not compared$/);
    expect(isDifferent(unknown)).toBe(false);
    expect(isDifferent({ ...unknown, kind: 'narrower' })).toBe(true);
  });
});
