// Fences: for each probe, messages that it may be sent, by which the absence of others is proved.
import { coversFilter } from '../../schemas/filters.ts';
import { PROBES, type Probe } from '../probes.ts';
import type { Universe } from './universe.ts';

/** What `by` publishes on the topic reaches the probe, if the rights are those of the policy. */
export interface Fence {
  readonly by: string;
  readonly topic: string;
}

/**
 * The fences of each probe, by its name: one for each of its rights and each who may publish there,
 * the quiet ones first. Several, so that one right that is missing does not blind the prover.
 */
export function planFences(universe: Universe): Map<string, Fence[]> {
  return new Map(PROBES.map((probe) => [probe.name, fencesOf(universe, probe)]));
}

function fencesOf(universe: Universe, probe: Probe): Fence[] {
  const filters = universe
    .rightsOf(probe)
    .filter(({ exact, verb }) => verb === 'receive' && !exact)
    .map(({ filter }) => filter);
  const fences = filters.flatMap((filter) => {
    const topic = universe.within(filter).find((each) => {
      return !filters.some((other) => other !== filter && coversFilter(other, each));
    });
    return topic === undefined ? [] : universe.writersOf(topic).map((by): Fence => ({ by, topic }));
  });
  // A status is told to every client and every agent: only where nothing else is left.
  return fences.sort((a, b) => loudness(a) - loudness(b));
}

function loudness({ topic }: Fence): number {
  return /\/agents\/[^/]+\/(status|adopting)$/.test(topic) ? 1 : 0;
}
