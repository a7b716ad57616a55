// Platt's calibration: the sigmoid that turns a machine's raw output into a probability.
import type { Vector } from './linear-algebra.ts';
import { logistic } from './trainer.ts';

/** The probability is logistic(slope × output + offset). */
export interface Calibration {
  readonly slope: number;
  readonly offset: number;
  /** Mean cross entropy over the outputs it was fitted to, in natural logarithms. */
  readonly loss: number;
}

/**
 * Fits the sigmoid by Newton's method to outputs for rows that the machine was not trained on, with
 * Platt's smoothed targets ("Probabilistic outputs for support vector machines", 1999; the iteration
 * as in Lin, Lin and Weng, 2007).
 * @param targets 1 or 0 per output
 */
export function fitCalibration(outputs: Vector, targets: Vector): Calibration {
  const positives = targets.reduce((sum, target) => sum + target, 0);
  const negatives = targets.length - positives;
  const goals = targets.map((target) =>
    target === 1 ? (positives + 1) / (positives + 2) : 1 / (negatives + 2),
  );
  const loss = (slope: number, offset: number) => {
    let sum = 0;
    for (let at = 0; at < outputs.length; at += 1) {
      const value = slope * (outputs[at] as number) + offset;
      sum += Math.max(0, value) + Math.log1p(Math.exp(-Math.abs(value)));
      sum -= (goals[at] as number) * value;
    }
    return sum;
  };
  let slope = 0;
  let offset = Math.log((positives + 1) / (negatives + 1));
  let current = loss(slope, offset);
  for (let round = 0; round < 100; round += 1) {
    // The small number keeps the matrix invertible where all outputs are certain.
    let [g1, g2, h11, h12, h22] = [0, 0, 1e-12, 0, 1e-12];
    for (let at = 0; at < outputs.length; at += 1) {
      const output = outputs[at] as number;
      const p = logistic(slope * output + offset);
      const error = p - (goals[at] as number);
      const weight = p * (1 - p);
      g1 += error * output;
      g2 += error;
      h11 += weight * output * output;
      h12 += weight * output;
      h22 += weight;
    }
    if (Math.abs(g1) < 1e-9 && Math.abs(g2) < 1e-9) break;
    const determinant = h11 * h22 - h12 * h12;
    const [d1, d2] = [(h22 * g1 - h12 * g2) / determinant, (h11 * g2 - h12 * g1) / determinant];
    let step = 1;
    let next = loss(slope - d1, offset - d2);
    while (next > current && step > 1e-10) {
      step /= 2;
      next = loss(slope - step * d1, offset - step * d2);
    }
    if (next >= current) break;
    slope -= step * d1;
    offset -= step * d2;
    current = next;
  }
  return { slope, offset, loss: current / outputs.length };
}
