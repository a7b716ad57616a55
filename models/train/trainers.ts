// Every way of training that there is, by name, and which of them ship.
import { kernelMachine, quantileMachine } from './kernel-machine.ts';
import { logisticRegression } from './logistic-regression.ts';
import { naiveBayes } from './naive-bayes.ts';
import { nearestNeighbours } from './nearest-neighbours.ts';
import { network } from './network.ts';
import type { Trainer } from './trainer.ts';

/** What the others are compared with; ships in models/sonar-baseline. */
export const BASELINE = naiveBayes;
/** Ships in models/sonar. */
export const CHAMPION = quantileMachine;

export const TRAINERS: readonly Trainer[] = [
  naiveBayes,
  nearestNeighbours,
  logisticRegression,
  kernelMachine,
  network,
  quantileMachine,
];

/** @throws {RangeError} naming those that there are */
export function trainerOf(name: string): Trainer {
  const found = TRAINERS.find((each) => each.name === name);
  if (found) return found;
  const names = TRAINERS.map((each) => each.name).join(', ');
  throw new RangeError(`there is no algorithm "${name}"; choose one of ${names}`);
}
