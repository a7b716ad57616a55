// Holds the ONNX classifier to the contract, and shows which graphs it refuses.
import { describe, expect, it } from 'vitest';
import { inFolder, WEIGHTS, writeTestBundle } from '../models/bundle.fixture.ts';
import { type Bundle, loadBundle } from '../models/bundle.ts';
import { nanWeights } from '../models/hostile-models.fixture.ts';
import {
  FLOAT,
  intAttribute,
  linearModel,
  model,
  node,
  sklearnModel,
  value,
} from '../models/onnx-models.fixture.ts';
import { describeClassifier } from './classifier.suite.ts';
import { createOnnxClassifier } from './onnx-classifier.ts';
import { openLoneRow } from './onnx-lone-row.ts';
import { writeSlowModel } from './slow-model.fixture.ts';

type Parts = Parameters<typeof writeTestBundle>[1];

function bundleOf(parts: Parts = {}): Promise<Bundle> {
  return inFolder(async (directory) => {
    await writeTestBundle(directory, parts);
    return loadBundle(directory);
  });
}

/** The short way, with a note of what it does, and perhaps other scores. */
function spied(spoil: (output: Float32Array) => Float32Array | null = (output) => output) {
  const runs: string[] = [];
  const open: typeof openLoneRow = async (...args) => {
    const row = await openLoneRow(...args);
    return {
      run(values) {
        runs.push('run');
        return spoil(row.run(values) as Float32Array);
      },
      close() {
        runs.push('closed');
        row.close();
      },
    };
  };
  return { open, runs };
}

const margin = WEIGHTS.map(([first, second]) => [second - first]);

describeClassifier('onnx: logits', () => bundleOf(), createOnnxClassifier);
describeClassifier(
  'onnx: softmax in the graph',
  () => bundleOf({ onnx: linearModel(WEIGHTS, { activation: 'Softmax' }), activation: 'none' }),
  createOnnxClassifier,
);
describeClassifier(
  'onnx: one logit for two labels',
  () => bundleOf({ onnx: linearModel(margin), activation: 'sigmoid' }),
  createOnnxClassifier,
);
describeClassifier(
  'onnx: one probability for two labels',
  () => bundleOf({ onnx: linearModel(margin, { activation: 'Sigmoid' }), activation: 'none' }),
  createOnnxClassifier,
);
describeClassifier(
  'onnx: one row at a time',
  () => bundleOf({ onnx: linearModel(WEIGHTS, { rows: 1 }) }),
  createOnnxClassifier,
);
for (const shipped of ['models/sonar', 'models/sonar-baseline']) {
  describeClassifier(`onnx: ${shipped}`, () => loadBundle(shipped), createOnnxClassifier);
}

describe('the ONNX classifier', () => {
  it('gives the runtime onnx', async () => {
    const classifier = await createOnnxClassifier(await bundleOf());
    expect(classifier.model.runtime).toBe('onnx');
    await classifier.close();
  });

  it.each([1, 2])('answers %i rows within the turn of the event loop', async (rows) => {
    const classifier = await createOnnxClassifier(await bundleOf());
    let turned = false;
    const turn = setImmediate(() => {
      turned = true;
    });
    await classifier.classify(new Float32Array(4 * rows), rows);
    expect(turned).toBe(false);
    clearImmediate(turn);
    await classifier.close();
  });

  it('computes a lone row on the short way, and several with the package', async () => {
    const { open, runs } = spied();
    const classifier = await createOnnxClassifier(await bundleOf(), { openLoneRow: open });
    const before = runs.length;
    const alone = await classifier.classify(Float32Array.of(1, 0, 0, 1), 1);
    expect(runs.length - before).toBe(1);
    const pair = await classifier.classify(Float32Array.of(1, 0, 0, 1, 0, 0, 0, 0), 2);
    expect(runs.length - before).toBe(1);
    expect(pair.slice(0, 2)).toEqual(alone);
    await classifier.close();
    expect(runs.at(-1)).toBe('closed');
  });

  it.each<[string, (output: Float32Array) => Float32Array | null]>([
    ['gives other scores', (output) => output.map((score) => score + 1e-6)],
    ['gives too few', (output) => output.subarray(1)],
    ['fails', () => null],
  ])('computes a lone row with the package where the short way %s', async (_, spoil) => {
    const { open, runs } = spied(spoil);
    const classifier = await createOnnxClassifier(await bundleOf(), { openLoneRow: open });
    expect(runs.splice(0)).toEqual(['run', 'closed']);
    await expect(classifier.classify(Float32Array.of(1, 0, 0, 1), 1)).resolves.toBeDefined();
    expect(runs).toEqual([]);
    await classifier.close();
  });

  it('fails on a graph that gives a lone row no row of scores, and has no short way for it', async () => {
    const { open, runs } = spied();
    const squeezed = linearModel(WEIGHTS, { activation: 'Squeeze' });
    const classifier = await createOnnxClassifier(await bundleOf({ onnx: squeezed }), {
      openLoneRow: open,
    });
    const values = Float32Array.of(1, 0, 0, 1);
    await expect(classifier.classify(values, 1)).rejects.toThrow('the shape [2] for 1 rows');
    expect(runs).toEqual([]);
    await classifier.close();
  });

  it('does without the short way where the model itself takes long', async () => {
    const bundle = await inFolder(async (folder) => {
      await writeSlowModel({ folder, millisecondsPerRow: 60 });
      return loadBundle(folder);
    });
    expect(bundle.files.get('model.onnx')?.length).toBeLessThan(2 ** 20);
    let opened = 0;
    const classifier = await createOnnxClassifier(bundle, {
      openLoneRow(...args) {
        opened += 1;
        return openLoneRow(...args);
      },
    });
    await classifier.close();
    expect(opened).toBe(0);
  });

  it('that is closed between the rows of a graph of one row computes no more of them', async () => {
    const onnx = linearModel(WEIGHTS, { rows: 1 });
    const openLoneRow = () => Promise.reject(new Error('no such library'));
    const classifier = await createOnnxClassifier(await bundleOf({ onnx }), { openLoneRow });
    const scores = classifier.classify(new Float32Array(8), 2);
    const closed = classifier.close();
    await expect(scores).rejects.toThrow('the classifier is closed');
    await closed;
  });

  it('does without the short way where there is none', async () => {
    const openLoneRow = () => Promise.reject(new Error('no such library'));
    const classifier = await createOnnxClassifier(await bundleOf(), { openLoneRow });
    await expect(classifier.classify(Float32Array.of(1, 0, 0, 1), 1)).resolves.toBeDefined();
    await classifier.close();
  });

  it('computes with the package what fails on the other way, and says why it fails', async () => {
    const nonZero = node('NonZero', ['x'], ['at']);
    const classifier = await createOnnxClassifier(
      await bundleOf({
        onnx: model({
          nodes: [nonZero, node('Cast', ['at'], ['y'], [intAttribute('to', FLOAT)])],
          inputs: [value('x', ['rows', 4])],
          outputs: [value('y', ['rows', 'found'])],
        }),
        activation: 'none',
        golden: [{ values: [0, 0, 1, 1], scores: [0, 1] }],
      }),
    );
    await expect(classifier.classify(Float32Array.of(1, 1, 1, 1), 1)).rejects.toThrow(
      'the model gave',
    );
    await classifier.close();
  });

  it('fails on NaN weights instead of answering with NaN', async () => {
    const bundle = await bundleOf({ onnx: nanWeights(), activation: 'none' });
    const classifier = await createOnnxClassifier(bundle);
    await expect(classifier.classify(new Float32Array(4), 1)).rejects.toThrow('the model gave NaN');
    await classifier.close();
  });

  it('fails where scores are no probabilities', async () => {
    const classifier = await createOnnxClassifier(await bundleOf({ activation: 'none' }));
    const values = Float32Array.of(1, 0, 0, 1);
    await expect(classifier.classify(values, 1)).rejects.toThrow('expected a probability');
    await classifier.close();
  });

  it.each<[string, Parts, string]>([
    ['no graph', { onnx: linearModel([]) }, 'expected a float32 input of rows × 4'],
    ['another width', { onnx: linearModel([[1, 0]]) }, '"x" (float32, rows × 1)'],
    ['a batch of 7', { onnx: linearModel(WEIGHTS, { rows: 7 }) }, '"x" (float32, 7 × 4)'],
    [
      'three columns for two labels',
      { onnx: linearModel(WEIGHTS.map(() => [1, 2, 3])) },
      'expected 2 columns of scores, found "y" (float32, rows × 3)',
    ],
    ['an input of another name', { onnx: sklearnModel(WEIGHTS) }, 'expected "x" as its only input'],
    [
      'an unknown operator',
      {
        onnx: model({
          nodes: [node('NoSuchThing', ['x'], ['y'])],
          inputs: [value('x', ['rows', 4])],
          outputs: [value('y', ['rows', 2])],
        }),
      },
      'model.onnx cannot be loaded',
    ],
    [
      'integers as input',
      {
        onnx: model({
          nodes: [node('Identity', ['x'], ['y'])],
          inputs: [value('x', ['rows', 4], 7)],
          outputs: [value('y', ['rows', 4], 7)],
        }),
      },
      'found "x" (int64, rows × 4)',
    ],
  ])('refuses %s, and says what it found', async (_, parts, message) => {
    const bundle = await bundleOf(parts);
    await expect(createOnnxClassifier(bundle)).rejects.toMatchObject({
      code: 'BUNDLE_REFUSED',
      exitCode: 70,
      message: expect.stringContaining(message),
    });
  });
});
