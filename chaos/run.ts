// A run of chaos: the stage is set, the plan strikes, everything heals, all outcomes are awaited, the judge speaks.
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../devices/random.ts';
import type { BrokerKind } from './broker-recipe.ts';
import { judge } from './judge.ts';
import { countOpen, type LedgerLine, monotonicMs, parseLedger } from './ledger.ts';
import { type Cast, type Plan, planChaos } from './plan.ts';
import { makeQuestions, type Questions } from './questions.ts';
import { type Happened, measureRecovery } from './recovery.ts';
import { type ChaosReport, countFaults } from './report.ts';
import { Stage } from './stage.ts';
import { strike } from './strike.ts';

export const CAST: Cast = {
  agents: ['edge-1', 'edge-2', 'edge-3'],
  clients: ['buoy-1', 'buoy-2', 'buoy-3', 'buoy-4'],
};

/** Once everything is healed, all outcomes must be in by then. */
const SETTLE_MS = 120_000;
const PROGRESS_MS = 1000;

export interface ChaosOptions {
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
  /** Ends the run early: everything is stopped, nothing is judged. */
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

/**
 * Runs a plan to its verdict, and leaves no process and no mount behind.
 * @throws {ChaosError} the run cannot begin
 * @throws the reason of the signal, where it was aborted
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { keep, minutes, seed } = options;
  const plan = planChaos(seed, minutes, CAST);
  const questions = await makeQuestions(options.model, seed);
  const folder = await mkdtemp(join(tmpdir(), 'echolot-chaos-'));
  let isClean = false;
  try {
    const report = await runIn(folder, plan, questions, options);
    isClean = report.verdict.failures.length === 0;
    await writeFile(join(folder, 'report.json'), JSON.stringify(report, null, 2));
    return { ...report, folder: isClean && !keep ? null : folder };
  } catch (error) {
    // Told to stop: nothing failed.
    isClean = options.signal.aborted;
    if (!isClean) options.onProgress(`the folder of the run stays: ${folder}`);
    throw error;
  } finally {
    if (isClean && !keep) await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(
  folder: string,
  plan: Plan,
  { expected, model, rows }: Questions,
  options: ChaosOptions,
): Promise<ChaosReport> {
  const { broker, cli, onProgress, path, ratePerSecond, seed, signal } = options;
  const stage = new Stage({
    folder,
    broker,
    cast: CAST,
    plan,
    cli,
    model: { folder: options.model, name: model },
    rows,
    ratePerSecond,
    random: createRandom(seed),
    path,
  });
  const abandon = () => stage.abandon();
  process.once('exit', abandon);
  // Every step waits with it.
  setMaxListeners(0, signal);
  try {
    onProgress(`starting ${broker}, ${CAST.agents.length} agents, ${CAST.clients.length} clients`);
    await stage.start();
    const happened = await perform(stage, plan, options);
    await writeFile(stage.finishFile, '');
    const settledMs = await settle(stage, options);
    // The agents' last samples, with everything settled.
    await stage.stopAgents();
    const ledgers = readLedgers(stage);
    const verdict = judge({
      ledgers,
      expected,
      samples: stage.observer?.samples ?? [],
      agents: CAST.agents,
    });
    return {
      seed,
      broker,
      lengthMs: plan.lengthMs,
      verdict,
      faults: countFaults(plan, happened),
      recovery: measureRecovery(happened, ledgers),
      settledMs,
      wire: stage.observer?.wire ?? null,
      starts: Object.fromEntries([...stage.processes].map(([name, each]) => [name, each.starts])),
      ownEnds: [...stage.processes.values()].flatMap(({ ownEnds }) => ownEnds),
      orphans: [...stage.processes.values()].reduce((sum, { orphans }) => sum + orphans, 0),
      missing: stage.missing,
      folder,
    };
  } finally {
    await stage.stop();
    process.off('exit', abandon);
    signal.throwIfAborted();
  }
}

/** Every step at its time, each healed at its own; everything is healed when this resolves. */
async function perform(
  stage: Stage,
  plan: Plan,
  { onProgress, signal }: ChaosOptions,
): Promise<Happened[]> {
  const startedAt = monotonicMs();
  const wait = (untilMs: number) =>
    sleep(Math.max(0, startedAt + untilMs - monotonicMs()), undefined, { signal });
  const active = new Set<string>();
  const progress = setInterval(() => {
    const seconds = Math.round((monotonicMs() - startedAt) / 1000);
    const lines = [...readLedgers(stage).values()].flat();
    const told = lines.filter(({ line }) => line === 'told').length;
    const faults = [...active].join(', ') || 'no fault';
    onProgress(
      `${seconds} of ${plan.lengthMs / 1000} s: ${told} told, ${countOpenOf(stage)} open; ${faults}`,
    );
  }, PROGRESS_MS);
  try {
    const steps = plan.steps.map(async (step): Promise<Happened> => {
      await wait(step.atMs);
      const { fault } = step;
      const name = `${fault.kind === 'network' ? fault.network.kind : fault.kind} ${fault.target}`;
      const struckAt = monotonicMs();
      active.add(name);
      const struck = await strike(stage, fault);
      try {
        if (step.forMs > 0) await wait(step.atMs + step.forMs);
      } finally {
        await struck.heal();
        active.delete(name);
      }
      return { step, struckAt, healedAt: monotonicMs(), isDone: struck.isDone };
    });
    const happened = await Promise.all(steps);
    await wait(plan.lengthMs);
    return happened;
  } finally {
    clearInterval(progress);
  }
}

/** @returns how long it took until every caller had every outcome; `null` where the limit came first */
async function settle(stage: Stage, { onProgress, signal }: ChaosOptions): Promise<number | null> {
  const startedAt = monotonicMs();
  let toldAt = startedAt;
  const clients = CAST.clients.map((name) => stage.process(name));
  while (!clients.every(({ isFinished }) => isFinished)) {
    const now = monotonicMs();
    if (now - startedAt > SETTLE_MS) return null;
    if (now - toldAt > PROGRESS_MS) {
      toldAt = now;
      const seconds = Math.round((now - startedAt) / 1000);
      onProgress(`healed; ${seconds} s: ${countOpenOf(stage)} readings are still open`);
    }
    await sleep(100, undefined, { signal });
  }
  return Math.round(monotonicMs() - startedAt);
}

function readLedgers(stage: Stage): Map<string, LedgerLine[]> {
  return new Map(
    CAST.clients.map((name) => [name, parseLedger(readText(stage.ledgerOf(name)))] as const),
  );
}

function countOpenOf(stage: Stage): number {
  return [...readLedgers(stage).values()].reduce((sum, lines) => sum + countOpen(lines), 0);
}

/** Empty before the client has begun. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
