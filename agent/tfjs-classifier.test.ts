// Holds the TF.js classifier to the contract on every backend that computes here.
import { getBackend, memory } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { graphModel, inFolder, layersModel, writeTestBundle } from '../models/bundle.fixture.ts';
import { type Bundle, loadBundle } from '../models/bundle.ts';
import { describeClassifier } from './classifier.suite.ts';
import { startBackend } from './tfjs-backend.ts';
import { createTfjsClassifier } from './tfjs-classifier.ts';

type Format = 'layers' | 'graph';

function bundleOf(files: Map<string, Uint8Array>, tfjsFormat: Format): Promise<Bundle> {
  return inFolder(async (directory) => {
    await writeTestBundle(directory, { tfjs: files, tfjsFormat });
    return loadBundle(directory);
  });
}

/** Changes the parsed model.json. */
function edited(
  files: Map<string, Uint8Array>,
  // biome-ignore lint/suspicious/noExplicitAny: a foreign format, taken apart by tests
  edit: (model: any) => void,
): Map<string, Uint8Array> {
  const model = JSON.parse(new TextDecoder().decode(files.get('model.json')));
  edit(model);
  return new Map(files).set('model.json', new TextEncoder().encode(JSON.stringify(model)));
}

const best = await startBackend();
const runtimes = new Set([best, 'tfjs-wasm', 'tfjs-cpu'] as const);

for (const runtime of runtimes) {
  const create = (bundle: Bundle) => createTfjsClassifier(bundle, { runtime });
  describeClassifier(`${runtime}: layers`, () => bundleOf(layersModel(), 'layers'), create);
  describeClassifier(`${runtime}: graph`, () => bundleOf(graphModel(), 'graph'), create);
  for (const shipped of ['models/sonar', 'models/sonar-baseline']) {
    describeClassifier(`${runtime}: ${shipped}`, () => loadBundle(shipped), create);
  }
}

describe('the TF.js classifier', () => {
  it('computes on the best backend that works here, and says which', async () => {
    const classifier = await createTfjsClassifier(await bundleOf(layersModel(), 'layers'));
    expect(classifier.model.runtime).toBe(best);
    await classifier.close();
  });

  it('keeps classifiers on two backends apart', async () => {
    const bundle = await bundleOf(layersModel(), 'layers');
    const wasm = await createTfjsClassifier(bundle, { runtime: 'tfjs-wasm' });
    const cpu = await createTfjsClassifier(bundle, { runtime: 'tfjs-cpu' });
    const values = Float32Array.of(0.25, 0.5, 0.75, 1);
    const first = await wasm.classify(values, 1);
    expect(getBackend()).toBe('wasm');
    const second = await cpu.classify(values, 1);
    expect(getBackend()).toBe('cpu');
    expect(await Promise.all([wasm.classify(values, 1), cpu.classify(values, 1)])).toEqual([
      first,
      second,
    ]);
    for (const [index, score] of first.entries()) expect(score).toBeCloseTo(second[index] ?? 0, 5);
    expect([wasm.model.runtime, cpu.model.runtime]).toEqual(['tfjs-wasm', 'tfjs-cpu']);
    await wasm.close();
    await expect(cpu.classify(values, 1)).resolves.toEqual(second);
    await cpu.close();
  });

  it('leaves no tensors behind', async () => {
    const classifier = await createTfjsClassifier(await bundleOf(graphModel(), 'graph'));
    await classifier.classify(new Float32Array(4), 1);
    const before = memory().numTensors;
    for (let round = 0; round < 10; round += 1) await classifier.classify(new Float32Array(4), 1);
    await classifier.classify(new Float32Array(4).fill(Number.NaN), 1).catch(() => null);
    expect(memory().numTensors).toBe(before);
    await classifier.close();
  });

  it.each([
    ['another width', 5],
    ['no width', null],
  ])('refuses a model of %s, and says what it found', async (_, width) => {
    const files = edited(layersModel(), (model) => {
      model.modelTopology.config.layers[0].config.batch_input_shape = [null, width];
    });
    await expect(createTfjsClassifier(await bundleOf(files, 'layers'))).rejects.toMatchObject({
      code: 'BUNDLE_REFUSED',
    });
  });

  it('refuses a layer that TF.js does not know', async () => {
    const files = edited(layersModel(), (model) => {
      model.modelTopology.config.layers[0].class_name = 'constructor';
    });
    await expect(createTfjsClassifier(await bundleOf(files, 'layers'))).rejects.toThrow(
      'model.json cannot be loaded',
    );
  });

  it('refuses a backend that TF.js does not have', async () => {
    const bundle = await bundleOf(layersModel(), 'layers');
    const runtime = 'tfjs-abacus' as 'tfjs-cpu';
    await expect(createTfjsClassifier(bundle, { runtime })).rejects.toThrow(
      'no TF.js backend computes here (tfjs-abacus:',
    );
  });
});

describe('loading a bundle with a TF.js model', () => {
  it.each([
    ['../weights.bin', 'outside'],
    ['/etc/passwd', 'outside'],
    ['https://example.org/weights.bin', 'outside'],
    ['file:///etc/passwd', 'outside'],
    ['sub/weights.bin', 'outside'],
    ['other.bin', 'missing'],
    [7, 'outside'],
  ])('refuses weights from %s', async (path, kind) => {
    const files = edited(layersModel(), (model) => {
      model.weightsManifest[0].paths = [path];
    });
    await expect(bundleOf(files, 'layers')).rejects.toMatchObject({
      code: 'BUNDLE_REFUSED',
      kind,
      message: expect.stringContaining('model.json takes weights from'),
    });
  });

  it.each<[string, (weights: Record<string, unknown>) => void, string]>([
    ['larger than its file', (w) => Object.assign(w, { shape: [4, 3] }), 'declares 48 bytes'],
    ['huge', (w) => Object.assign(w, { shape: [1e9, 1e9] }), 'declares 4000000000000000000 bytes'],
    ['of negative size', (w) => Object.assign(w, { shape: [-4, -2] }), 'whole numbers'],
    ['of text', (w) => Object.assign(w, { dtype: 'string' }), 'another type'],
    ['quantized', (w) => Object.assign(w, { quantization: { dtype: 'uint8' } }), 'quantized'],
    ['without a name', (w) => Object.assign(w, { name: 7 }), 'without a name'],
  ])('refuses weights that are %s', async (_, edit, message) => {
    const files = edited(layersModel(), (model) => edit(model.weightsManifest[0].weights[0]));
    await expect(bundleOf(files, 'layers')).rejects.toThrow(message);
  });

  it.each<[string, unknown, string]>([
    ['a list', [], 'no JSON object'],
    ['without a topology', {}, 'no modelTopology'],
    ['with an initializer', { modelTopology: {}, modelInitializer: {} }, 'modelInitializer'],
    ['with weights of no list', { modelTopology: {}, weightsManifest: 1 }, 'no list'],
    ['with a group of no object', { modelTopology: {}, weightsManifest: [1] }, 'no objects'],
  ])('refuses a model.json %s', async (_, model, message) => {
    const bytes = new TextEncoder().encode(JSON.stringify(model));
    const files = layersModel().set('model.json', bytes);
    await expect(bundleOf(files, 'layers')).rejects.toThrow(message);
  });

  it('refuses a model.json that is no JSON', async () => {
    const files = layersModel().set('model.json', Uint8Array.of(0xff, 0x7b));
    await expect(bundleOf(files, 'layers')).rejects.toThrow('model.json is no JSON');
  });
});
