// The first check: what it proves in which order, and that it does nothing on behalf of a lost connection.
import { describe, expect, it } from 'vitest';
import { BrokerRefusedError } from '../bus/types.ts';
import { type FirstCheckSteps, runFirstCheck } from './first-check.ts';
import type { SelfCheckResult } from './self-check.ts';

const OK: SelfCheckResult = { ok: true };
const failed = (missing: string | null): SelfCheckResult => ({ ok: false, detail: 'why', missing });

/** Steps that note when they are taken; each ends as told, after `meanwhile`. */
function steps(ends: Partial<Record<'ask' | 'join' | 'announce', SelfCheckResult | boolean>> = {}) {
  const taken: string[] = [];
  let current = true;
  let meanwhile = (_step: string) => {};
  const take = async (step: 'ask' | 'join' | 'announce') => {
    taken.push(step);
    await Promise.resolve();
    meanwhile(step);
    return ends[step];
  };
  const made: FirstCheckSteps = {
    ask: async () => ((await take('ask')) as SelfCheckResult | undefined) ?? OK,
    join: async () => ((await take('join')) as boolean | undefined) ?? true,
    announce: async () => ((await take('announce')) as SelfCheckResult | undefined) ?? OK,
    isCurrent: () => current,
  };
  const loseDuring = (step: string) => {
    meanwhile = (each) => {
      if (each === step) current = false;
    };
  };
  return { made, taken, loseDuring };
}

describe('the first check', () => {
  it('proves itself, joins and announces, in this order', async () => {
    const { made, taken } = steps();
    expect(await runFirstCheck(made, 1)).toBe('passed');
    expect(taken).toEqual(['ask', 'join', 'announce']);
  });

  it.each([
    ['ask', ['ask']],
    ['join', ['ask', 'join']],
    ['announce', ['ask', 'join', 'announce']],
  ] as const)('whose connection ends during %s takes no further step', async (step, expected) => {
    const { loseDuring, made, taken } = steps();
    loseDuring(step);
    expect(await runFirstCheck(made, 1)).toBe('superseded');
    expect(taken).toEqual(expected);
  });

  it('that fails on a lost connection is no failure of the agent', async () => {
    const { loseDuring, made, taken } = steps({ ask: failed('publish to x') });
    loseDuring('ask');
    expect(await runFirstCheck(made, 1)).toBe('superseded');
    expect(taken).toEqual(['ask']);
  });

  it('does not announce where it could not join', async () => {
    const { made, taken } = steps({ join: false });
    expect(await runFirstCheck(made, 1)).toBe('superseded');
    expect(taken).toEqual(['ask', 'join']);
  });

  it('tries three times, and then names the right that lacks', async () => {
    const { made, taken } = steps({ ask: failed('publish to x') });
    const result = await runFirstCheck(made, 1);
    expect(taken).toEqual(['ask', 'ask', 'ask']);
    expect(result).toBeInstanceOf(BrokerRefusedError);
    expect(result).toMatchObject({
      message: 'the self-check failed: why',
      remedy: 'give this identity the right to publish to x (role predictor)',
    });
  });

  it('sends to the model where no right lacks', async () => {
    const { made } = steps({ announce: failed(null) });
    expect(await runFirstCheck(made, 1)).toMatchObject({
      message: 'the announcement failed: why',
      remedy: 'try the model alone with `echolot model verify`',
    });
  });
});
