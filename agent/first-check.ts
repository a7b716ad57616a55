// What an agent proves before it serves: its inference and rights, then that it can say so; in between it joins.
import { BrokerRefusedError } from '../bus/types.ts';
import type { SelfCheckResult } from './self-check.ts';

const ATTEMPTS = 3;

/** What the check is made of. */
export interface FirstCheckSteps {
  /** One question to ourselves. */
  readonly ask: (timeoutMs: number) => Promise<SelfCheckResult>;
  /** Joins the share group; false where the connection ended before it was granted. */
  readonly join: () => Promise<boolean>;
  /** Announces us, and waits until that has come back. */
  readonly announce: (timeoutMs: number) => Promise<SelfCheckResult>;
  /** False from the loss of the connection on, and from the beginning of a stop. */
  readonly isCurrent: () => boolean;
}

/** `superseded`: the connection is another one, which is checked by itself, or we are stopping. */
export type FirstCheckResult = 'passed' | 'superseded' | BrokerRefusedError;

/**
 * Runs the check of one connection. After the end of that connection it does nothing more, however a step
 * that was under way turns out: of several checks only the latest ever acts.
 * @param timeoutMs for each attempt of each proof
 */
export async function runFirstCheck(
  steps: FirstCheckSteps,
  timeoutMs: number,
): Promise<FirstCheckResult> {
  const asked = await prove('the self-check failed', steps.ask, steps, timeoutMs);
  if (asked !== 'passed') return asked;
  const isJoined = await steps.join();
  if (!isJoined || !steps.isCurrent()) return 'superseded';
  return prove('the announcement failed', steps.announce, steps, timeoutMs);
}

async function prove(
  failure: string,
  attempt: (timeoutMs: number) => Promise<SelfCheckResult>,
  { isCurrent }: FirstCheckSteps,
  timeoutMs: number,
): Promise<FirstCheckResult> {
  let failed: Extract<SelfCheckResult, { ok: false }> | null = null;
  for (let count = 0; count < ATTEMPTS; count += 1) {
    const result = await attempt(timeoutMs);
    if (!isCurrent()) return 'superseded';
    if (result.ok) return 'passed';
    failed = result;
  }
  const { detail = '', missing = null } = failed ?? {};
  const remedy = missing
    ? `give this identity the right to ${missing} (role predictor)`
    : 'try the model alone with `echolot model verify`';
  return new BrokerRefusedError(`${failure}: ${detail}`, remedy);
}
