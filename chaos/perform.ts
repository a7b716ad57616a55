// The plan on the stage: every step at its time, each healed at its own; then all outcomes are awaited.
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './ledger.ts';
import { kindOf, type Plan, type Step } from './plan.ts';
import type { Happened } from './recovery.ts';
import type { Stage } from './stage.ts';
import { strike } from './strike.ts';

const PROGRESS_MS = 1000;

export interface Watching {
  /** Ends it early. */
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

/**
 * Everything is healed when this resolves, and when it rejects.
 * @throws the reason of the signal, or what went wrong with a step
 */
export async function perform(
  stage: Stage,
  plan: Plan,
  { onProgress, signal }: Watching,
): Promise<Happened[]> {
  const startedAt = monotonicMs();
  const trouble = new AbortController();
  const over = AbortSignal.any([signal, trouble.signal]);
  // Every step waits with it.
  setMaxListeners(0, over);
  const wait = (untilMs: number) =>
    sleep(Math.max(0, startedAt + untilMs - monotonicMs()), undefined, { signal: over });
  const active = new Set<Step>();
  const act = async (step: Step): Promise<Happened> => {
    await wait(step.atMs);
    const struckAt = monotonicMs();
    active.add(step);
    const struck = await strike(stage, step.fault);
    try {
      if (step.forMs > 0) await wait(step.atMs + step.forMs);
    } finally {
      await struck.heal();
      active.delete(step);
    }
    const { isDone, note = null } = struck;
    return { step, struckAt, healedAt: monotonicMs(), isDone, note };
  };
  const progress = setInterval(() => {
    const seconds = Math.round((monotonicMs() - startedAt) / 1000);
    const faults = [...active].map(({ fault }) => `${kindOf(fault)} ${fault.target}`);
    const { open, told } = count(stage);
    onProgress(
      `${seconds} of ${plan.lengthMs / 1000} s: ${told} told, ${open} open; ${faults.join(', ') || 'no fault'}`,
    );
  }, PROGRESS_MS);
  try {
    const steps = plan.steps.map((step) =>
      act(step).catch((error: unknown) => {
        // The others are healed too, before anybody learns of it.
        trouble.abort(error);
        throw error;
      }),
    );
    const settled = await Promise.allSettled(steps);
    over.throwIfAborted();
    await wait(plan.lengthMs);
    return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  } finally {
    clearInterval(progress);
  }
}

/**
 * Waits until every client has every outcome and has ended.
 * @returns how long that took; `null` where the limit came first
 */
export async function settle(
  stage: Stage,
  limitMs: number,
  { onProgress, signal }: Watching,
): Promise<number | null> {
  const startedAt = monotonicMs();
  let saidAt = startedAt;
  while (stage.unfinished.length > 0) {
    const now = monotonicMs();
    if (now - startedAt > limitMs) return null;
    if (now - saidAt > PROGRESS_MS) {
      saidAt = now;
      const seconds = Math.round((now - startedAt) / 1000);
      onProgress(`healed; ${seconds} s: ${count(stage).open} readings are still open`);
    }
    await sleep(50, undefined, { signal });
  }
  return Math.round(monotonicMs() - startedAt);
}

function count(stage: Stage): { told: number; open: number } {
  let [told, open] = [0, 0];
  for (const ledger of stage.ledgers.values()) {
    told += ledger.read().told;
    open += ledger.openCount;
  }
  return { told, open };
}
