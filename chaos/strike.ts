// From a fault of the plan to what is done about it on the stage, and how it is healed.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_GROUP, DEFAULT_NAMESPACE } from '../schemas/names.ts';
import { childrenOf, identify, signalProcess } from './descendants.ts';
import { startIntruder } from './intruder.ts';
import { monotonicMs } from './ledger.ts';
import type { Fault } from './plan.ts';
import { INTRUDER, type Stage } from './stage.ts';
import { stepClock } from './stepping-clock.ts';

export interface Struck {
  /** False where this machine or this run has no means to: the report says so. */
  readonly isDone: boolean;
  /** What was met, where that is not told by the fault. */
  readonly note?: string;
  heal(): Promise<void>;
}

const NOTHING = { isDone: false, heal: async () => {} };

/** Until a process is there that may have been killed; longer than it is held away by the plan. */
const AWAY_MS = 12_000;

async function whenRunning(stage: Stage, target: string): Promise<ChildProcess | null> {
  const supervised = stage.process(target);
  const limit = monotonicMs() + AWAY_MS;
  while (supervised.running === null && monotonicMs() < limit) {
    await sleep(50, undefined, { signal: stage.options.signal });
  }
  return supervised.running;
}

/** Lets a fault happen as soon as there is somebody whom it can strike. */
export async function strike(stage: Stage, fault: Fault): Promise<Struck> {
  switch (fault.kind) {
    case 'kill-agent':
    case 'kill-client':
    case 'kill-broker': {
      const running = await whenRunning(stage, fault.target);
      stage.process(fault.target).kill('SIGKILL');
      return { isDone: running !== null, heal: async () => {} };
    }
    case 'lose-agent': {
      const supervised = stage.process(fault.target);
      const running = await whenRunning(stage, fault.target);
      supervised.hold();
      supervised.kill('SIGKILL');
      return { isDone: running !== null, heal: async () => supervised.release() };
    }
    case 'network': {
      const link = stage.links.get(fault.target);
      if (!link) return NOTHING;
      link.apply(fault.network);
      return { isDone: true, heal: async () => link.heal() };
    }
    case 'clock-agent':
    case 'clock-client':
      return moveClock(stage, fault.target, fault.stepMs);
    case 'full-outbox':
      return fillDisk(stage, fault.target);
    case 'full-broker':
      return fillBroker(stage, fault.target, fault.killAfterMs);
    case 'intruder':
      return intrude(stage);
    case 'freeze-agent':
      return freeze(stage, fault.target);
    case 'hang-inference':
      return hang(stage, fault.target);
  }
}

/** Back again where it is still the same process; another one has the right time anyway. */
async function moveClock(stage: Stage, target: string, stepMs: number): Promise<Struck> {
  const running = await whenRunning(stage, target);
  if (running === null) return NOTHING;
  const isDone = await stepClock(running, stepMs);
  const heal = async () => {
    await stepClock(running, -stepMs);
  };
  return { isDone, heal };
}

async function fillDisk(stage: Stage, target: string): Promise<Struck> {
  const disk = stage.disks.get(target);
  if (!disk) return NOTHING;
  await disk.fill();
  return { isDone: true, heal: () => disk.free() };
}

/** The broker saves on a full disk, goes on as if it had, and is killed. */
async function fillBroker(stage: Stage, target: string, killAfterMs: number): Promise<Struck> {
  const supervised = stage.process(target);
  const kill = setTimeout(() => supervised.kill('SIGKILL'), killAfterMs);
  const filled = await fillDisk(stage, target);
  const signal = stage.broker?.saveSignal;
  const save = setInterval(() => signal && supervised.kill(signal), 500);
  const heal = async () => {
    clearInterval(save);
    clearTimeout(kill);
    await filled.heal();
  };
  return { isDone: filled.isDone, heal };
}

/** What it may see or change shows: in its counts, and as wrong answers in the ledgers. */
function intrude(stage: Stage): Struck {
  const { cast, model, random } = stage.options;
  const intruder = startIntruder({
    url: `mqtt://127.0.0.1:${stage.broker?.clientsPort}`,
    username: INTRUDER,
    password: stage.passwords.get(INTRUDER) ?? '',
    namespace: DEFAULT_NAMESPACE,
    group: DEFAULT_GROUP,
    models: [model.name],
    victims: cast.clients,
    // As good a guess as can be: one that is waited for now.
    guessId: (victim) => stage.ledger(victim).read().oldestOpen ?? '1-1',
    random,
  });
  const heal = async () => {
    intruder.stop();
    stage.noteIntruder(intruder.counts(), intruder.topicsOfOthers);
  };
  return { isDone: true, heal };
}

async function freeze(stage: Stage, target: string): Promise<Struck> {
  const running = await whenRunning(stage, target);
  if (running === null) return NOTHING;
  running.kill('SIGSTOP');
  return { isDone: true, heal: async () => void running.kill('SIGCONT') };
}

/** Where the agent computes in its own process, that one is stopped. */
async function hang(stage: Stage, target: string): Promise<Struck> {
  const pid = (await whenRunning(stage, target))?.pid;
  if (pid === undefined) return NOTHING;
  const workers = childrenOf(pid);
  if (workers.length === 0) {
    const frozen = await freeze(stage, target);
    return { ...frozen, note: 'the agent itself: it computes in its own process' };
  }
  for (const worker of workers) signalProcess(worker, 'SIGSTOP');
  const heal = async () => {
    for (const worker of workers) {
      // With its agent gone, systemd has killed it.
      const isOrphan = identify(worker.pid)?.parent !== pid;
      signalProcess(worker, isOrphan ? 'SIGKILL' : 'SIGCONT');
    }
  };
  return { isDone: true, heal };
}
