// What every trainer promises: it learns, it is reproducible, and its graph computes the same.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { ALGORITHMS, DEFAULT_ALGORITHM } from '../algorithms.ts';
import { writeOnnx } from '../onnx-writer.ts';
import { toyData } from './toy-data.fixture.ts';
import { CHAMPION, TRAINERS, trainerOf } from './trainers.ts';

const train = toyData(60, { seed: 1 });
const test = toyData(40, { seed: 2 });

describe.each(TRAINERS.map((trainer) => [trainer.name, trainer] as const))('%s', (_, trainer) => {
  it('tells two clouds apart that it was not trained on', async () => {
    const model = await trainer.fit(train, 1);
    const right = test.rows.filter(
      (row, at) => model.probability(row) >= 0.5 === (test.targets[at] === 0),
    );
    expect(right.length).toBeGreaterThanOrEqual(34);
  });

  it('gives the same bytes for the same rows and seed', async () => {
    const [one, two] = [await trainer.fit(train, 5), await trainer.fit(train, 5)];
    expect(Buffer.compare(writeOnnx(one.toGraph()), writeOnnx(two.toGraph()))).toBe(0);
  });

  it('gives a graph whose scores are its own, in the order of the labels', async () => {
    const model = await trainer.fit(train, 1);
    const session = await InferenceSession.create(writeOnnx(model.toGraph()));
    const values = Float32Array.from(test.rows.flatMap((row) => [...row]));
    const feeds = { values: new Tensor('float32', values, [test.rows.length, test.width]) };
    const { scores } = await session.run(feeds);
    await session.release();
    const numbers = scores?.data as Float32Array;
    for (const row of test.rows.keys()) {
      const own = model.probability(
        Float64Array.from(values.subarray(row * test.width, (row + 1) * test.width)),
      );
      const [first, second] = [0, 1].map((column) => numbers[2 * row + column]);
      expect(Math.abs((first as number) - own)).toBeLessThan(1e-5);
      expect(Math.abs((second as number) - (1 - own))).toBeLessThan(1e-5);
    }
  });
});

it('finds a trainer by its name and tells which there are', () => {
  expect(trainerOf('naive-bayes').name).toBe('naive-bayes');
  expect(() => trainerOf('magic')).toThrow(/no algorithm "magic"; choose one of naive-bayes, /);
});

it('has the names that are listed without loading it', () => {
  expect([...ALGORITHMS].sort()).toEqual(TRAINERS.map(({ name }) => name).sort());
  expect(DEFAULT_ALGORITHM).toBe(CHAMPION.name);
});
