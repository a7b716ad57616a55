// The contract that a classifier keeps, whatever computes it: every runtime runs this suite.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bundle } from '../models/bundle.ts';
import type { Classifier } from './classifier.ts';

/**
 * @param createBundle a bundle whose model gives probabilities for rows of its width
 * @param create the classifier under test
 */
export function describeClassifier(
  title: string,
  createBundle: () => Promise<Bundle>,
  create: (bundle: Bundle) => Promise<Classifier>,
): void {
  describe(title, () => {
    let bundle: Bundle;
    let classifier: Classifier;

    beforeAll(async () => {
      bundle = await createBundle();
      classifier = await create(bundle);
    });

    afterAll(async () => {
      await classifier?.close();
    });

    /** Different in every row, within the limits. */
    function readings(rows: number): Float32Array {
      const { width, minimum, maximum } = classifier.limits;
      const values = new Float32Array(rows * width);
      for (let index = 0; index < values.length; index += 1) {
        values[index] = minimum + (maximum - minimum) * (((index * 37) % 101) / 101);
      }
      return values;
    }

    it('says which bundle it serves, with what limits and labels', () => {
      const { name, version } = bundle.manifest;
      expect(classifier.model).toMatchObject({ name, version, digest: bundle.digest });
      expect(classifier.limits).toMatchObject(bundle.manifest.input);
      expect(classifier.labels).toEqual(bundle.manifest.labels);
    });

    it.each([1, 2, 33, 256])('gives probabilities that add up to one for %i rows', async (rows) => {
      const scores = await classifier.classify(readings(rows), rows);
      expect(scores).toHaveLength(rows * classifier.labels.length);
      for (let row = 0; row < rows; row += 1) {
        const columns = classifier.labels.length;
        const own = [...scores.subarray(row * columns, (row + 1) * columns)];
        expect(own.every((score) => score >= 0 && score <= 1)).toBe(true);
        expect(own.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 3);
      }
    });

    it('scores a row alone as it scores it in a batch', async () => {
      const rows = 7;
      const values = readings(rows);
      const batch = await classifier.classify(values, rows);
      const { width } = classifier.limits;
      for (let row = 0; row < rows; row += 1) {
        const alone = await classifier.classify(values.slice(row * width, (row + 1) * width), 1);
        for (const [column, score] of alone.entries()) {
          expect(batch[row * classifier.labels.length + column]).toBeCloseTo(score, 5);
        }
      }
    });

    it('computes the golden vectors', async () => {
      const { golden } = bundle.manifest;
      const values = Float32Array.from(golden.flatMap((vector) => vector.values));
      const scores = await classifier.classify(values, golden.length);
      const expected = golden.flatMap((vector) => vector.scores);
      for (const [index, score] of scores.entries()) {
        expect(Math.abs(score - (expected[index] as number))).toBeLessThan(1e-4);
      }
    });

    it('takes a view of a larger array', async () => {
      const { width } = classifier.limits;
      const values = readings(3);
      const middle = await classifier.classify(values.subarray(width, 2 * width), 1);
      const copy = await classifier.classify(values.slice(width, 2 * width), 1);
      expect(middle).toEqual(copy);
    });

    it('neither changes nor keeps what it is given', async () => {
      const values = readings(4);
      const before = values.slice();
      const scores = await classifier.classify(values, 4);
      expect(values).toEqual(before);
      const kept = scores.slice();
      values.fill(0);
      await classifier.classify(values, 4);
      expect(scores).toEqual(kept);
      expect(await classifier.classify(before, 4)).toEqual(kept);
    });

    it('answers calls that overlap, each with its own scores', async () => {
      const { width } = classifier.limits;
      const values = readings(20);
      const inTurn: Float32Array[] = [];
      const rows = Array.from({ length: 20 }, (_, row) =>
        values.slice(row * width, (row + 1) * width),
      );
      for (const row of rows) inTurn.push(await classifier.classify(row, 1));
      expect(await Promise.all(rows.map((row) => classifier.classify(row, 1)))).toEqual(inTurn);
    });

    it.each([
      ['no rows', 0, 0],
      ['too few values', 1, -1],
      ['too many values', 1, 1],
      ['half a row', 1.5, 0],
    ])('refuses %s, and stays usable', async (_, rows, more) => {
      const { width } = classifier.limits;
      const values = new Float32Array(Math.round(rows * width) + more);
      await expect(classifier.classify(values, rows)).rejects.toThrow('expected rows ×');
      await expect(classifier.classify(readings(1), 1)).resolves.toBeDefined();
    });

    it('never lets a score out that is not finite, and stays usable', async () => {
      const { width } = classifier.limits;
      for (const poison of [Number.NaN, Number.POSITIVE_INFINITY, 3.4e38]) {
        const outcome = await classifier
          .classify(new Float32Array(width).fill(poison), 1)
          .catch((error: unknown) => error);
        if (outcome instanceof Float32Array) {
          expect([...outcome].every((score) => score >= 0 && score <= 1)).toBe(true);
        } else expect(outcome).toBeInstanceOf(Error);
      }
      await expect(classifier.classify(readings(1), 1)).resolves.toBeDefined();
    });

    it('refuses to classify once it is closed, and may be closed twice', async () => {
      const other = await create(bundle);
      await other.close();
      await other.close();
      await expect(other.classify(readings(1), 1)).rejects.toThrow('closed');
      await expect(classifier.classify(readings(1), 1)).resolves.toBeDefined();
    });
  });
}
