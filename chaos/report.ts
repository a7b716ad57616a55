// The report of a run: what was done, what it cost, and the verdict; as data and as text. Pure.
import type { Verdict } from './judge.ts';
import type { WireCounts } from './observer.ts';
import { FAULT_KINDS, type Fault, type FaultKind, kindOf, type Plan } from './plan.ts';
import type { Happened, Recovery, Silence, Times } from './recovery.ts';
import type { OwnEnd } from './supervised.ts';

export interface FaultCount {
  readonly kind: FaultKind;
  readonly planned: number;
  /** The others found nobody to strike, as a process that was dead already. */
  readonly done: number;
}

export interface ChaosReport {
  readonly seed: number;
  readonly broker: string;
  readonly lengthMs: number;
  readonly verdict: Verdict;
  readonly faults: readonly FaultCount[];
  readonly recovery: readonly Recovery[];
  /** From the last heal until every caller knew every outcome; `null`: not within the limit. */
  readonly settledMs: number | null;
  readonly wire: WireCounts | null;
  /** What intruders tried and got. */
  readonly intruded: Readonly<Record<string, number>>;
  /** Per client: the longest time without any outcome while readings were open, and when it began. */
  readonly silences: readonly Silence[];
  /** How often each process was started. */
  readonly starts: Readonly<Record<string, number>>;
  /** Ends that no step of the plan was. */
  readonly ownEnds: readonly OwnEnd[];
  /** Processes that outlived the agent that had started them. */
  readonly orphans: number;
  /** How a step was done, where the plan does not say it. */
  readonly notes: readonly string[];
  /** What this machine has no means for. */
  readonly missing: readonly string[];
  /** Where everything is kept; `null` where it was removed. */
  readonly folder: string | null;
}

export function countFaults(plan: Plan, happened: readonly Happened[]): FaultCount[] {
  return FAULT_KINDS.map((kind) => ({
    kind,
    planned: plan.steps.filter(({ fault }) => kindOf(fault) === kind).length,
    done: happened.filter(({ isDone, step }) => isDone && kindOf(step.fault) === kind).length,
  }));
}

/** A line per step. */
export function planText({ lengthMs, seed, steps }: Plan): string {
  const lines = steps.map(({ atMs, fault, forMs }) => {
    const duration = forMs === 0 ? '' : `for ${seconds(forMs)}`;
    return `${seconds(atMs).padStart(8)}  ${kindOf(fault).padEnd(15)}${fault.target.padEnd(8)}${duration.padEnd(13)}${detail(fault)}`.trimEnd();
  });
  return `plan of seed ${seed}: ${steps.length} steps in ${seconds(lengthMs)}\n${lines.join('\n')}\n`;
}

export function reportText(report: ChaosReport): string {
  const { broker, faults, folder, lengthMs, missing, orphans, ownEnds, seed } = report;
  const { intruded, notes, recovery, settledMs, silences, starts, verdict, wire } = report;
  const problems = Object.entries(verdict.problems).map(([code, count]) => `${count} ${code}`);
  const rows = faults.map(({ done, kind, planned }) => {
    const cost = recovery.find((each) => each.kind === kind);
    const [fault, heal] = [cost?.fromFault, cost?.fromHeal].map(timesText);
    return `  ${kind.padEnd(16)}${`${done} of ${planned}`.padEnd(10)}${fault?.padEnd(22)}${heal}`;
  });
  const lines = [
    `seed ${seed} on ${broker}, ${seconds(lengthMs)} of faults`,
    `  ${'fault'.padEnd(16)}${'done'.padEnd(10)}${'next answer, p50/max'.padEnd(22)}after its heal, p50/max`,
    ...rows,
    `readings: ${verdict.handed} handed over, ${verdict.kept} kept, ${verdict.unpromised} unpromised (killed before publish returned)`,
    `outcomes: ${verdict.predictions} predictions; ${problems.join(', ') || 'no problems'}`,
    `          ${verdict.retold} told again by the process after a killed one, as before`,
    ...(wire ? [wireText(wire)] : []),
    `intruder: ${pairs(intruded)}`,
    `silence:  ${silences.map(({ atMs, client, forMs }) => `${client} ${seconds(forMs)} at ${seconds(atMs)}`).join(', ')}`,
    `starts:   ${pairs(starts)}`,
    `books:    ${verdict.samples} samples`,
    settledMs === null
      ? 'settled:  not within the limit'
      : `settled:  all outcomes ${seconds(settledMs)} after the last reading`,
    ...ownEnds.map(({ how, name }) => `noticed:  ${name} ended by itself: ${how}`),
    ...(orphans > 0 ? [`noticed:  ${orphans} processes outlived their parent`] : []),
    ...notes.map((what) => `noticed:  ${what}`),
    ...missing.map((what) => `not done: ${what}`),
    ...verdict.failures.slice(0, 20).map(failureText),
    ...(verdict.failures.length > 20 ? [`… and ${verdict.failures.length - 20} more`] : []),
    verdictText(report),
    ...(folder === null ? [] : [`everything of the run is in ${folder}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** One line: the outcome of a run among many. */
export function verdictText({ broker, seed, settledMs, verdict }: ChaosReport): string {
  const count = (kind: string) => verdict.failures.filter((each) => each.kind === kind).length;
  const found = (['lost', 'wrong', 'twice', 'unasked', 'unbalanced', 'leaked', 'unproved'] as const)
    .map((kind) => `${count(kind)} ${kind}`)
    .join(', ');
  const word = verdict.failures.length === 0 ? 'ok' : 'FAILED';
  const settled = settledMs === null ? 'never' : `in ${seconds(settledMs)}`;
  return `${word}: seed ${seed} on ${broker}: ${verdict.handed} readings, ${verdict.predictions} predictions, ${found}; settled ${settled}`;
}

function failureText({ detail, id, kind, name }: Verdict['failures'][number]): string {
  return `${kind}: ${name}${id === undefined ? '' : ` ${id}`}: ${detail}`;
}

function wireText(wire: WireCounts): string {
  const { adoptions, answeredAgain, answers, overloaded, readings, repeats } = wire;
  return `wire:     ${readings} readings (${repeats} repeats), ${answers} answers (${answeredAgain} again, ${overloaded} OVERLOADED), ${adoptions} adoptions`;
}

function pairs(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

function timesText(times: Times | undefined): string {
  return times === undefined || times.count === 0
    ? '-'
    : `${seconds(times.p50Ms)} / ${seconds(times.maxMs)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

function detail(fault: Fault): string {
  if (fault.kind === 'network') {
    const { kind: _, ...parameters } = fault.network;
    return Object.entries(parameters)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  }
  if ('stepMs' in fault) return `by ${seconds(fault.stepMs)}`;
  return 'killAfterMs' in fault ? `killed after ${seconds(fault.killAfterMs)}` : '';
}
