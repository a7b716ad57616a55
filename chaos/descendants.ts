// The children of a process, as Linux tells them: to stop the one that computes and not the one that asks.
import { readdirSync, readFileSync } from 'node:fs';

/** Empty where there are none or the system tells nothing. */
export function childrenOf(pid: number): ProcessIdentity[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const child = /^\d+$/.test(name) ? identify(Number(name)) : null;
    return child?.parent === pid ? [child] : [];
  });
}

/** One process, and no other that is given its number later. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly parent: number;
  readonly startedAt: string;
}

/** `null` where there is no such process. */
export function identify(pid: number): ProcessIdentity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; after it come the state, the parent and the rest.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, parent] = fields;
    // Dead already, and not yet waited for.
    if (state === 'Z') return null;
    return { pid, parent: Number(parent), startedAt: fields[19] ?? '' };
  } catch {
    return null;
  }
}

/** @returns false where it has ended */
export function signalProcess(which: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (identify(which.pid)?.startedAt !== which.startedAt) return false;
  try {
    process.kill(which.pid, signal);
    return true;
  } catch {
    return false;
  }
}
