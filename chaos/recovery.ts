// What faults cost the callers: how long from a fault, and from its heal, until each is told something again. Pure.
import type { LedgerLine } from './ledger.ts';
import { type FaultKind, kindOf, type Step } from './plan.ts';

/** A step as it came to pass; times of the monotonic clock, in milliseconds. */
export interface Happened {
  readonly step: Step;
  readonly struckAt: number;
  readonly healedAt: number;
  readonly isDone: boolean;
  readonly note: string | null;
}

export interface Times {
  readonly count: number;
  readonly p50Ms: number;
  readonly maxMs: number;
}

export interface Recovery {
  readonly kind: FaultKind;
  /** Until the next answer of each caller. */
  readonly fromFault: Times;
  readonly fromHeal: Times;
}

export function measureRecovery(
  happened: readonly Happened[],
  ledgers: ReadonlyMap<string, readonly LedgerLine[]>,
): Recovery[] {
  const told = [...ledgers.values()].map((lines) =>
    lines.flatMap((entry) => (entry.line === 'told' && entry.code === undefined ? [entry.at] : [])),
  );
  const until = (at: number) =>
    told.flatMap((times) => {
      const next = times.find((time) => time >= at);
      return next === undefined ? [] : [next - at];
    });
  const kinds = [...new Set(happened.map(({ step }) => kindOf(step.fault)))];
  return kinds.map((kind) => {
    const those = happened.filter(({ isDone, step }) => isDone && kindOf(step.fault) === kind);
    return {
      kind,
      fromFault: summarise(those.flatMap(({ struckAt }) => until(struckAt))),
      fromHeal: summarise(those.flatMap(({ healedAt }) => until(healedAt))),
    };
  });
}

export interface Silence {
  readonly client: string;
  /** From the start of the plan. */
  readonly atMs: number;
  readonly forMs: number;
}

/** The longest time of each client without an outcome while one of its readings was open. */
export function findSilences(
  ledgers: ReadonlyMap<string, readonly LedgerLine[]>,
  startedAt: number,
): Silence[] {
  return [...ledgers].map(([client, lines]) => {
    let longest = { client, atMs: 0, forMs: 0 };
    const open = new Set<string>();
    let since = Number.POSITIVE_INFINITY;
    for (const entry of lines) {
      if (entry.line === 'took') {
        if (open.size === 0) since = entry.at;
        open.add(entry.id);
      }
      if (entry.line !== 'told') continue;
      const forMs = Math.round(entry.at - since);
      if (forMs > longest.forMs) longest = { client, atMs: Math.round(since - startedAt), forMs };
      open.delete(entry.id);
      since = open.size === 0 ? Number.POSITIVE_INFINITY : entry.at;
    }
    return longest;
  });
}

function summarise(times: readonly number[]): Times {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (index: number) => Math.round(sorted[index] ?? 0);
  const { length } = sorted;
  return { count: length, p50Ms: at(Math.floor((length - 1) / 2)), maxMs: at(length - 1) };
}
