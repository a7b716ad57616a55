import { describe, expect, it } from 'vitest';
import type { Attempt, AttemptKind } from './attempt.ts';
import { BOUND, type BrokerTraits, isFinding, judge, type Observation } from './judge.ts';

const MOSQUITTO: BrokerTraits = { protocol: '5', isMosquitto: true };
const OTHER: BrokerTraits = { protocol: '3.1.1', isMosquitto: false };

function attempt(kind: AttemptKind, expected: Attempt['expected'], role = 'client'): Attempt {
  return { kind, who: 'a-probe', role, topic: 'a/topic', expected, rules: [] };
}

/** Nothing arrived, and that is certain. */
const QUIET: Observation = { arrived: false, fenced: true, watched: true, code: null };

type Row = [AttemptKind, Attempt['expected'], Partial<Observation>, BrokerTraits, string, boolean];

describe('an attempt', () => {
  it.each<Row>([
    ['publish', 'allowed', { arrived: true }, OTHER, 'ok', false],
    ['publish', 'allowed', {}, OTHER, 'BLOCKED', true],
    ['publish', 'allowed', { fenced: false }, OTHER, 'BLOCKED', true],
    ['publish', 'denied', {}, OTHER, 'ok', false],
    // However well the broker acknowledges.
    ['publish', 'denied', { code: 0 }, MOSQUITTO, 'ok', false],
    ['publish', 'denied', { arrived: true, code: 135 }, MOSQUITTO, 'LEAK', true],
    ['publish', 'denied', { fenced: false }, OTHER, 'UNPROVED', true],
    ['publish', 'denied', { watched: false }, OTHER, 'unseen', false],
    ['will', 'denied', { watched: false }, MOSQUITTO, 'unseen', false],
    ['publish', 'denied', { watched: false, code: 135 }, MOSQUITTO, 'ok', false],
    ['publish', 'denied', { watched: false, code: 16 }, MOSQUITTO, 'LEAK', true],
    ['subscribe', 'allowed', { arrived: true, code: 1 }, OTHER, 'ok', false],
    ['subscribe', 'allowed', { arrived: true, code: 128 }, OTHER, 'BLOCKED', true],
    ['subscribe', 'allowed', { code: 1 }, OTHER, 'BLOCKED', true],
    ['subscribe', 'allowed', { watched: false, code: 1 }, OTHER, 'ok', false],
    ['subscribe', 'denied', { code: 128 }, OTHER, 'ok', false],
    ['subscribe', 'denied', { code: 1 }, OTHER, 'LEAK', true],
    ['subscribe', 'denied', { arrived: true, code: 1 }, OTHER, 'LEAK', true],
    ['subscribe', 'denied', { watched: false, code: 135 }, MOSQUITTO, 'ok', false],
    ['subscribe', 'denied', { fenced: false, code: 128 }, OTHER, 'UNPROVED', true],
    ['take-over', 'denied', { arrived: true }, MOSQUITTO, 'LEAK', true],
    ['take-over', 'allowed', { note: BOUND }, MOSQUITTO, 'limit', false],
    ['login', 'denied', { arrived: true }, OTHER, 'LEAK', true],
  ])(
    'to %s that is %s, seen as %j, is judged',
    (kind, expected, seen, traits, verdict, finding) => {
      const judgement = judge(attempt(kind, expected), { ...QUIET, ...seen }, traits);
      expect([judgement.verdict, isFinding(judgement)]).toEqual([verdict, finding]);
    },
  );

  it.each<[string, BrokerTraits, string]>([
    ['predictor', MOSQUITTO, 'limit'],
    ['predictor', OTHER, 'LEAK'],
    ['operator', MOSQUITTO, 'LEAK'],
  ])("to take a client's id by a %s on %j is a %s", (role, traits, verdict) => {
    const seen = { ...QUIET, arrived: true };
    expect(judge(attempt('take-over', 'denied', role), seen, traits).verdict).toBe(verdict);
  });
});
