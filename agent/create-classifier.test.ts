// Shows which runtime a bundle gets, and that golden vectors are held to.
import { describe, expect, it } from 'vitest';
import {
  expectedScores,
  inFolder,
  layersModel,
  type TestBundle,
  writeTestBundle,
} from '../models/bundle.fixture.ts';
import { type Bundle, loadBundle } from '../models/bundle.ts';
import { nanWeights } from '../models/hostile-models.fixture.ts';
import { linearModel } from '../models/onnx-models.fixture.ts';
import { createClassifier } from './create-classifier.ts';

function bundleOf(parts: TestBundle): Promise<Bundle> {
  return inFolder(async (directory) => {
    await writeTestBundle(directory, parts);
    return loadBundle(directory);
  });
}

const onnx = linearModel([
  [2, -1],
  [-1, 1],
  [0.5, 0.25],
  [0, 3],
]);

describe('choosing a runtime', () => {
  it.each([
    ['ONNX where the bundle has both', { onnx, tfjs: layersModel() }, undefined, /^onnx$/],
    ['TF.js where the bundle has no ONNX', { tfjs: layersModel() }, 'auto', /^tfjs-/],
    ['TF.js where it is asked for', { onnx, tfjs: layersModel() }, 'tfjs', /^tfjs-/],
    ['ONNX where it is asked for', { onnx, tfjs: layersModel() }, 'onnx', /^onnx$/],
  ] as const)('takes %s', async (_, parts, runtime, expected) => {
    const classifier = await createClassifier(await bundleOf(parts), { runtime });
    expect(classifier.model.runtime).toMatch(expected);
    await classifier.close();
  });

  it.each([
    ['onnx', { tfjs: layersModel() }, 'it has no ONNX model'],
    ['tfjs', { onnx }, 'it has no TF.js model'],
  ] as const)('refuses %s where the bundle does not have it', async (runtime, parts, message) => {
    const bundle = await bundleOf(parts);
    await expect(createClassifier(bundle, { runtime })).rejects.toMatchObject({
      code: 'BUNDLE_REFUSED',
      message: expect.stringContaining(message),
    });
  });
});

describe('golden vectors', () => {
  const values = [0.25, 0.5, 0.75, 1];
  const [metal = 0, rock = 0] = expectedScores(values);
  const golden = (off: number) => [{ values, scores: [metal + off, rock - off] }];

  it.each(['onnx', 'tfjs'] as const)('may be off by rounding on %s', async (runtime) => {
    const bundle = await bundleOf({ onnx, tfjs: layersModel(), golden: golden(5e-5) });
    await (await createClassifier(bundle, { runtime })).close();
  });

  it.each(['onnx', 'tfjs'] as const)('may not be off by more on %s', async (runtime) => {
    const bundle = await bundleOf({ onnx, tfjs: layersModel(), golden: golden(2e-4) });
    await expect(createClassifier(bundle, { runtime })).rejects.toMatchObject({
      kind: 'golden',
      exitCode: 70,
      message: expect.stringContaining('off by 0.000200'),
    });
  });

  it('are refused where the model fails on them', async () => {
    const bundle = await bundleOf({ onnx: nanWeights(), activation: 'none' });
    await expect(createClassifier(bundle)).rejects.toMatchObject({
      kind: 'golden',
      message: expect.stringContaining('the model gave NaN'),
    });
  });
});
