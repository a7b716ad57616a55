// The plan: the same from the same seed, every kind of fault in it, overlapping, and healed in time.
import { describe, expect, it } from 'vitest';
import { type Cast, FAULT_KINDS, kindOf, type Plan, planChaos } from './plan.ts';

const CAST: Cast = { agents: ['a1', 'a2', 'a3'], clients: ['c1', 'c2', 'c3', 'c4'] };
const SEEDS = Array.from({ length: 50 }, (_, seed) => seed);
const MINUTES = [0.2, 0.5, 1, 2.1, 3];
const plans = MINUTES.flatMap((minutes) => SEEDS.map((seed) => planChaos(seed, minutes, CAST)));
const kindsOf = ({ steps }: Plan) => new Set(steps.map(({ fault }) => kindOf(fault)));

it('is the same from the same seed, and another from another', () => {
  for (const seed of SEEDS) {
    expect(planChaos(seed, 1, CAST)).toEqual(planChaos(seed, 1, CAST));
    expect(planChaos(seed, 1, CAST).steps).not.toEqual(planChaos(seed + 1, 1, CAST).steps);
  }
});

describe('of any length', () => {
  it('has every kind of fault', () => {
    for (const plan of plans) expect(kindsOf(plan)).toEqual(new Set(FAULT_KINDS));
  });

  it('has everything healed before its end, in order of time', () => {
    for (const { lengthMs, steps } of plans) {
      expect(Math.max(...steps.map(({ atMs, forMs }) => atMs + forMs))).toBeLessThan(
        lengthMs - 1000,
      );
      expect(Math.min(...steps.map(({ atMs }) => atMs))).toBeGreaterThanOrEqual(1000);
      const times = steps.map(({ atMs }) => atMs);
      expect(times).toEqual([...times].sort((one, other) => one - other));
    }
  });

  it('never has two faults at once on one connection, one disk, one clock or one process', () => {
    for (const { steps } of plans) {
      const lasting = steps.filter(({ forMs }) => forMs > 0);
      for (const [at, one] of lasting.entries()) {
        for (const other of lasting.slice(at + 1)) {
          const isSame =
            one.fault.kind === other.fault.kind && one.fault.target === other.fault.target;
          if (isSame) expect(other.atMs).toBeGreaterThan(one.atMs + one.forMs);
        }
      }
    }
  });

  it('lets faults overlap', () => {
    for (const { steps } of plans) {
      const overlaps = steps.filter(({ atMs, forMs }, at) =>
        steps.slice(at + 1).some((other) => other.atMs < atMs + forMs),
      );
      expect(overlaps.length).toBeGreaterThan(steps.length / 4);
    }
  });
});

it('has every kind in each of its minutes', () => {
  for (const seed of SEEDS) {
    const plan = planChaos(seed, 3, CAST);
    for (const minute of [0, 1, 2]) {
      const isIn = (atMs: number) => Math.floor(atMs / 60_000) === minute;
      const steps = plan.steps.filter(({ atMs }) => isIn(atMs));
      expect(kindsOf({ ...plan, steps })).toEqual(new Set(FAULT_KINDS));
    }
  }
});

it('strikes everybody over the seeds', () => {
  const targets = new Set(plans.flatMap(({ steps }) => steps.map(({ fault }) => fault.target)));
  expect(targets).toEqual(new Set([...CAST.agents, ...CAST.clients, 'broker']));
});
