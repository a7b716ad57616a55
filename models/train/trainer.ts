// What every way of training promises, and what a trained model can do.
import type { Dataset } from '../csv.ts';
import type { Graph } from '../graph.ts';
import type { Vector } from './linear-algebra.ts';

/** A model of two labels. */
export interface TrainedModel {
  /** What was chosen inside the training rows, for people. */
  readonly settings: string;
  /** The probability of the first label, 0 to 1. */
  probability(values: Vector): number;
  /** The same before calibration, where the trainer calibrates. */
  uncalibrated?(values: Vector): number;
  /** Gives rows × 2 probabilities in the order of the data's labels. */
  toGraph(): Graph;
}

export interface Trainer {
  readonly name: string;
  readonly summary: string;
  /**
   * Trains on the given rows and nothing else: scaling, selection and calibration happen in here.
   * The same rows and seed give the same model.
   * @param data rows of exactly two labels
   */
  fit(data: Dataset, seed: number): TrainedModel | Promise<TrainedModel>;
}

export function logistic(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

/** 1 for a row of the first label, 0 for the other. */
export function targetsOf(data: Dataset): Vector {
  return Float64Array.from(data.targets, (target) => (target === 0 ? 1 : 0));
}
