// A run of chaos: the stage is set, the plan strikes, everything heals, all outcomes are awaited, the judge speaks.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom } from '../devices/random.ts';
import type { BrokerKind } from './broker-recipe.ts';
import { ChaosError } from './chaos-error.ts';
import { judge } from './judge.ts';
import { monotonicMs } from './ledger.ts';
import { perform, settle, type Watching } from './perform.ts';
import { type Cast, kindOf, type Plan, planChaos } from './plan.ts';
import { makeQuestions, type Questions } from './questions.ts';
import { findSilences, type Happened, measureRecovery } from './recovery.ts';
import { type ChaosReport, countFaults } from './report.ts';
import { Stage } from './stage.ts';

export const CAST: Cast = {
  agents: ['edge-1', 'edge-2', 'edge-3'],
  clients: ['buoy-1', 'buoy-2', 'buoy-3', 'buoy-4'],
};

/** Once everything is healed, all outcomes must be in by then. */
const SETTLE_MS = 120_000;

/** `signal`: everything is stopped and removed, nothing is judged. */
export interface ChaosOptions extends Watching {
  readonly seed: number;
  /** May be a fraction. */
  readonly minutes: number;
  readonly broker: BrokerKind;
  /** The built command, dist/cli/echolot.js. */
  readonly cli: string;
  /** The folder of the bundle; it needs the data that it was tested with. */
  readonly model: string;
  /** Each client's readings per second. */
  readonly ratePerSecond: number;
  /** The folder stays, whatever comes. Without it it stays where something failed. */
  readonly keep: boolean;
  /** PATH: where Mosquitto is looked for. */
  readonly path: string;
}

/**
 * Runs a plan to its verdict, and leaves no process and no mount behind.
 * @throws {ChaosError} the run cannot begin
 * @throws the reason of the signal, where it was aborted
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { keep, minutes, onProgress, seed, signal } = options;
  const plan = planChaos(seed, minutes, CAST);
  const questions = await makeQuestions(options.model, seed);
  const folder = await mkdtemp(join(tmpdir(), 'echolot-chaos-'));
  let isKept = true;
  try {
    const report = await runIn(folder, plan, questions, options);
    isKept = keep || report.verdict.failures.length > 0;
    await writeFile(join(folder, 'report.json'), JSON.stringify(report, null, 2));
    return { ...report, folder: isKept ? folder : null };
  } catch (error) {
    // There is nothing to see in a run that did not begin.
    isKept = keep || !(signal.aborted || error instanceof ChaosError);
    if (isKept) onProgress(`the folder of the run stays: ${folder}`);
    // What waits tells its own tale of an abort.
    signal.throwIfAborted();
    throw error;
  } finally {
    if (!isKept) await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(
  folder: string,
  plan: Plan,
  { expected, model: name, rows }: Questions,
  options: ChaosOptions,
): Promise<ChaosReport> {
  const { broker, cli, onProgress, path, ratePerSecond, seed, signal } = options;
  const model = { folder: options.model, name };
  const random = createRandom(seed);
  const stage = new Stage({
    folder,
    broker,
    cast: CAST,
    plan,
    cli,
    model,
    rows,
    ratePerSecond,
    random,
    path,
    signal,
  });
  const abandon = () => stage.abandon();
  process.once('exit', abandon);
  try {
    onProgress(`starting ${broker}, ${CAST.agents.length} agents, ${CAST.clients.length} clients`);
    await stage.start();
    const performedAt = monotonicMs();
    const happened = await perform(stage, plan, options);
    await writeFile(stage.finishFile, '');
    const settledMs = await settle(stage, SETTLE_MS, options);
    await stage.stopAgents();
    return summarise(stage, { plan, performedAt, happened, settledMs, expected, seed, folder });
  } finally {
    await stage.stop();
    process.off('exit', abandon);
  }
}

interface Outcome {
  readonly plan: Plan;
  readonly performedAt: number;
  readonly happened: readonly Happened[];
  readonly settledMs: number | null;
  readonly expected: Questions['expected'];
  readonly seed: number;
  readonly folder: string;
}

function summarise(
  stage: Stage,
  { expected, folder, happened, performedAt, plan, seed, settledMs }: Outcome,
): ChaosReport {
  const { broker, cast } = stage.options;
  const { agents } = cast;
  const processes = [...stage.processes.values()];
  const ledgers = new Map(
    cast.clients.map((name) => [name, stage.ledger(name).read().lines] as const),
  );
  const { unfinished } = stage;
  const samples = stage.observer?.samples ?? [];
  return {
    seed,
    broker,
    lengthMs: plan.lengthMs,
    verdict: judge({ ledgers, expected, samples, agents, unfinished, leaked: stage.leaked }),
    faults: countFaults(plan, happened),
    recovery: measureRecovery(happened, ledgers),
    settledMs,
    wire: stage.observer?.wire ?? null,
    intruded: stage.intruded,
    silences: findSilences(ledgers, performedAt),
    starts: Object.fromEntries(processes.map(({ name, starts }) => [name, starts])),
    ownEnds: processes.flatMap(({ ownEnds }) => ownEnds),
    orphans: processes.reduce((sum, { orphans }) => sum + orphans, 0),
    notes: happened.flatMap(({ note, step }) =>
      note === null ? [] : [`${kindOf(step.fault)} ${step.fault.target}: ${note}`],
    ),
    missing: stage.missing,
    folder,
  };
}
