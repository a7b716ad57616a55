// The plan of a run: which fault strikes whom, when and for how long. Pure; the same seed gives the same plan.
import { createRandom, shuffle } from '../devices/random.ts';
import type { NetworkFault } from './network-fault.ts';

export type Fault =
  /** SIGKILL; its supervisor starts it again. */
  | { readonly kind: 'kill-agent' | 'kill-client' | 'kill-broker'; readonly target: string }
  /** SIGKILL, and it stays away until the heal: its peers must adopt what it leaves. */
  | { readonly kind: 'lose-agent'; readonly target: string }
  /** On the connection of one agent or client. */
  | { readonly kind: 'network'; readonly target: string; readonly network: NetworkFault }
  /** The wall clock of one process jumps, and jumps back. */
  | {
      readonly kind: 'clock-agent' | 'clock-client';
      readonly target: string;
      readonly stepMs: number;
    }
  /** The disk of a client's outbox is full. */
  | { readonly kind: 'full-outbox'; readonly target: string }
  /** The disk of the broker is full while it saves; then it is killed, and the disk freed. */
  | { readonly kind: 'full-broker'; readonly target: string; readonly killAfterMs: number }
  /** Somebody without the right joins the group, asks and answers. */
  | { readonly kind: 'intruder'; readonly target: string }
  /** SIGSTOP of the whole agent, later SIGCONT. */
  | { readonly kind: 'freeze-agent'; readonly target: string }
  /** SIGSTOP of the process that computes for the agent, later SIGCONT where its agent left it alive. */
  | { readonly kind: 'hang-inference'; readonly target: string };

export interface Step {
  /** From the start of the run. */
  readonly atMs: number;
  /** Until it is healed; 0 for what heals itself. */
  readonly forMs: number;
  readonly fault: Fault;
}

export interface Cast {
  readonly agents: readonly string[];
  readonly clients: readonly string[];
}

export interface Plan {
  readonly seed: number;
  /** From the start until the clients hand over no more; everything is healed before. */
  readonly lengthMs: number;
  /** By time. */
  readonly steps: readonly Step[];
}

export const BROKER = 'broker';

/** How often each kind comes in a full minute; at least once in any part of one. */
const PER_MINUTE = {
  'kill-agent': 3,
  'lose-agent': 2,
  'kill-broker': 2,
  'kill-client': 4,
  partition: 3,
  latency: 3,
  'half-open': 3,
  reset: 4,
  stall: 3,
  duplicate: 3,
  reorder: 3,
  throttle: 2,
  'clock-agent': 2,
  'clock-client': 2,
  'full-outbox': 1,
  'full-broker': 1,
  intruder: 1,
  'freeze-agent': 1,
  'hang-inference': 2,
} as const;

/** Every kind of fault; the network's by their own names. */
export type FaultKind = keyof typeof PER_MINUTE;
export const FAULT_KINDS = Object.keys(PER_MINUTE) as FaultKind[];

const MINUTE_MS = 60_000;
/** Before the first fault everybody has met. */
const CALM_MS = 1000;
/** Between the last heal and the end. */
const HEALED_MS = 1500;
const SHORTEST_MS = 1500;
const LONGEST_MS = 9000;
/** Shorter runs have no room for every kind. */
export const SHORTEST_RUN_MINUTES = 0.2;

type Random = () => number;

/**
 * @param minutes may be a fraction, at least 0.2
 * @returns steps of every kind in each minute, overlapping, at most one at a time on each connection
 */
export function planChaos(seed: number, minutes: number, cast: Cast): Plan {
  const random = createRandom(seed);
  const lengthMs = Math.round(minutes * MINUTE_MS);
  const steps: Step[] = [];
  for (let fromMs = 0; fromMs < lengthMs; fromMs += MINUTE_MS) {
    const left = lengthMs - fromMs;
    const isTail = left < SHORTEST_RUN_MINUTES * MINUTE_MS && fromMs > 0;
    if (!isTail) planMinute(steps, fromMs, Math.min(left, MINUTE_MS), cast, random);
  }
  return { seed, lengthMs, steps: steps.sort((one, other) => one.atMs - other.atMs) };
}

/** What the fault is called in plans, tables and tests. */
export function kindOf(fault: Fault): FaultKind {
  return fault.kind === 'network' ? fault.network.kind : fault.kind;
}

function planMinute(
  steps: Step[],
  fromMs: number,
  lengthMs: number,
  cast: Cast,
  random: Random,
): void {
  const kinds = FAULT_KINDS.flatMap((kind) => {
    const count = Math.max(1, Math.round((PER_MINUTE[kind] * lengthMs) / MINUTE_MS));
    return Array<FaultKind>(count).fill(kind);
  });
  // What needs a free connection finds one while there are few steps.
  for (const kind of shuffle(kinds, random)) steps.push(place(steps, kind));

  function place(before: readonly Step[], kind: FaultKind): Step {
    for (;;) {
      const longest = Math.min(LONGEST_MS, (lengthMs - CALM_MS - HEALED_MS) / 3);
      const forMs = isMomentary(kind)
        ? 0
        : whole(between(shortestOf(kind, longest), longest, random));
      const room = lengthMs - HEALED_MS - CALM_MS - forMs;
      const atMs = fromMs + CALM_MS + whole(random() * room);
      const step = { atMs, forMs, fault: makeFault(kind, forMs, cast, random) };
      if (!before.some((other) => collide(step, other))) return step;
    }
  }
}

function makeFault(kind: FaultKind, forMs: number, cast: Cast, random: Random): Fault {
  const agent = pick(cast.agents, random);
  const client = pick(cast.clients, random);
  const network = (fault: NetworkFault): Fault => {
    const target = pick([...cast.agents, ...cast.clients], random);
    return { kind: 'network', target, network: fault };
  };
  const direction = () => (random() < 0.5 ? 'up' : 'down');
  const share = () => Math.round(between(0.05, 0.4, random) * 100) / 100;
  switch (kind) {
    case 'kill-agent':
    case 'lose-agent':
    case 'freeze-agent':
    case 'hang-inference':
      return { kind, target: agent };
    case 'kill-client':
    case 'full-outbox':
      return { kind, target: client };
    case 'kill-broker':
    case 'intruder':
      return { kind, target: BROKER };
    case 'full-broker':
      return { kind, target: BROKER, killAfterMs: whole(forMs * between(0.4, 0.8, random)) };
    case 'clock-agent':
      return { kind, target: agent, stepMs: clockStep(random) };
    case 'clock-client':
      return { kind, target: client, stepMs: clockStep(random) };
    case 'partition':
      return network({ kind });
    case 'latency':
      return network({
        kind,
        ms: whole(between(20, 400, random)),
        jitterMs: whole(between(0, 200, random)),
      });
    case 'half-open':
    case 'stall':
      return network({ kind, direction: direction() });
    case 'reset':
      return network({ kind, afterBytes: whole(between(1, 4000, random)) });
    case 'duplicate':
    case 'reorder':
      return network({ kind, share: share() });
    case 'throttle':
      return network({ kind, bytesPerSecond: whole(between(500, 8000, random)) });
  }
}

/** From seconds to a day, both ways. */
function clockStep(random: Random): number {
  const size = whole(1000 * 10 ** between(0, 5, random));
  return random() < 0.5 ? -size : size;
}

/** One connection has one fault at a time, and so have a disk, a clock and a process that is stopped. */
function collide(step: Step, other: Step): boolean {
  if (step.forMs === 0 || other.forMs === 0) return false;
  if (step.fault.target !== other.fault.target || step.fault.kind !== other.fault.kind)
    return false;
  return step.atMs <= other.atMs + other.forMs && other.atMs <= step.atMs + step.forMs;
}

/** A loss lasts so long that it is noticed. */
function shortestOf(kind: FaultKind, longest: number): number {
  return kind === 'lose-agent' ? longest * 0.7 : SHORTEST_MS;
}

function isMomentary(kind: FaultKind): boolean {
  return kind === 'kill-agent' || kind === 'kill-broker' || kind === 'kill-client';
}

function between(least: number, most: number, random: Random): number {
  return least + (most - least) * random();
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

const whole = Math.round;
