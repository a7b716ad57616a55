// Rounds: everybody is measured in turn, so that a drift of the machine's speed meets all of them.
import type { BrokerName } from './brokers.ts';
import type { Crowd, Outcome } from './crowd.ts';
import {
  type Bar,
  type Figure,
  figureOf,
  type Measured,
  type PartResult,
  type Unit,
} from './figures.ts';
import { cpuSecondsOf } from './process-cost.ts';
import type { Question } from './questions.ts';
import type { Responder } from './responders.ts';
import type { Rig } from './rig.ts';
import { median, ratioOf } from './statistics.ts';

/** A closed loop is late by a microsecond or two; what an open loop adds to latencies is told. */
const NOTED_LATE_US = 20;

export interface Settings {
  readonly brokers: readonly BrokerName[];
  /** Few and short rounds, to see that all runs: no figures to rely on. */
  readonly quick: boolean;
  /** Whether Node-RED takes part, which is installed for that. */
  readonly nodeRed: boolean;
}

/** A file of this folder: one thing that is measured. */
export interface Part {
  readonly name: string;
  /** For the help. */
  readonly about: string;
  run(settings: Settings): Promise<PartResult[]>;
}

/** What one round told of one contestant. */
export interface Sample {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Processor time of its process for each reading, in microseconds. */
  readonly cpuUs: number;
  /** Messages answered with predictions, refused with a problem, and never answered. */
  readonly answered: number;
  readonly refused: number;
  readonly lost: number;
  /** How late the load itself sent a reading, in the median, in microseconds: part of the latencies. */
  readonly lateUs: number;
}

/** So many rounds at least, before narrow intervals may end them. */
const LEAST_ROUNDS = 5;
/** An interval is narrow where both its ends are so near to the median. */
const NARROW = 0.03;

/**
 * @param isEnough asked after each round; `rounds` is the most there are
 * @returns the samples of each contestant, one a round
 */
export async function runRounds<Contestant, Result>(
  title: string,
  rounds: number,
  contestants: readonly Contestant[],
  measure: (contestant: Contestant) => Promise<Result>,
  isEnough: (results: ReadonlyMap<Contestant, readonly Result[]>) => boolean = () => false,
): Promise<Map<Contestant, Result[]>> {
  const results = new Map<Contestant, Result[]>(contestants.map((one) => [one, []]));
  for (let round = 1; round <= rounds && !isEnough(results); round += 1) {
    process.stderr.write(`\r\u001b[K${title}: round ${round} of ${rounds}`);
    // There and back, so that nobody always runs first.
    const order = round % 2 === 1 ? contestants : contestants.toReversed();
    for (const contestant of order) results.get(contestant)?.push(await measure(contestant));
  }
  process.stderr.write('\r\u001b[K');
  return results;
}

/**
 * Measures one run of a load, and what it costs the process that answers.
 * @throws {Error} where nothing was answered
 */
export async function sample(
  pid: number,
  question: Question,
  run: () => ReturnType<Crowd['run']>,
): Promise<Sample> {
  const cpuBefore = await cpuSecondsOf(pid);
  const outcome = await run();
  const cpuSeconds = (await cpuSecondsOf(pid)) - cpuBefore;
  if (outcome.answered === 0) {
    throw new Error(`no reading for ${question.model} was answered in time (${describe(outcome)})`);
  }
  return {
    perSecond: (outcome.answered * question.rows * 1000) / outcome.durationMs,
    p50Us: outcome.latencies.percentile(50),
    p99Us: outcome.latencies.percentile(99),
    cpuUs: (cpuSeconds * 1e6) / (outcome.answeredAtLast * question.rows),
    answered: outcome.answeredAtLast,
    refused: outcome.refused,
    lost: outcome.lost,
    lateUs: outcome.lateness.percentile(50),
  };
}

/**
 * One round for each responder to warm up, which does not count, and then the rounds: fewer where the ratio of the
 * first two is known well already, in every number that `load.picks` takes. The verdict has no say in that.
 */
export async function sampleRounds(
  rig: Rig,
  title: string,
  rounds: number,
  responders: readonly Responder[],
  load: {
    readonly question: (responder: Responder) => Question;
    readonly run: (question: Question) => Promise<Outcome>;
    readonly picks: readonly ((one: Sample) => number)[];
  },
): Promise<Map<Responder, Sample[]>> {
  const measure = (responder: Responder) => {
    const question = load.question(responder);
    return sample(rig.pidOf(responder), question, () => load.run(question));
  };
  for (const responder of responders) await measure(responder);
  return runRounds(title, rounds, responders, measure, (samples) => {
    const [ours = [], theirs = []] = responders.map((one) => samples.get(one) ?? []);
    return load.picks.every((pick) => isNarrow(ours.map(pick), theirs.map(pick)));
  });
}

/** Whether rounds say so well what the ratio is that more of them would not tell. */
export function isNarrow(ours: readonly number[], theirs: readonly number[]): boolean {
  if (ours.length < LEAST_ROUNDS) return false;
  const { high, low, value } = ratioOf(ours, theirs);
  return high <= value * (1 + NARROW) && low >= value * (1 - NARROW);
}

/** One number of everybody's samples: the first beside the second, held to the bar, and the others for themselves. */
export function compare(
  about: { readonly what: string; readonly unit: Unit },
  samples: ReadonlyMap<Responder, readonly Sample[]>,
  pick: (one: Sample) => number,
  bar?: Bar,
): Figure[] {
  const [ours, ...others] = [...samples].map(([{ title }, own]) => {
    return measured({ ...about, who: title }, own, pick);
  });
  return [
    ...(ours ? [figureOf(ours, others[0] ?? null, bar)] : []),
    ...others.map((other) => figureOf(other)),
  ];
}

/** One number of all samples, with what was refused or lost beside it, and how late the load was. */
export function measured(
  about: { readonly what: string; readonly who: string; readonly unit: Unit },
  samples: readonly Sample[],
  pick: (one: Sample) => number,
): Measured {
  const sum = (count: (one: Sample) => number) => samples.reduce((all, one) => all + count(one), 0);
  const [refused, lost] = [sum((one) => one.refused), sum((one) => one.lost)];
  const lateUs = median(samples.map((one) => one.lateUs));
  const notes = [
    ...(refused ? [`${refused} refused`] : []),
    ...(lost ? [`${lost} lost`] : []),
    ...(lateUs < NOTED_LATE_US ? [] : [`load late by ${(lateUs / 1000).toFixed(2)} ms`]),
  ];
  return {
    ...about,
    values: samples.map(pick),
    ...(notes.length > 0 ? { note: notes.join(', ') } : {}),
  };
}

function describe({ answeredAtLast, lost, refused }: Outcome): string {
  return `${answeredAtLast} too late, ${refused} refused, ${lost} lost`;
}
