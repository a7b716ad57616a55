// Holds the judgement of a model's work to models that do the same for every reading, and to those that do not.
import { describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { unboundedWork } from './bounded-work.ts';
import {
  graphModel,
  inFolder,
  layersModel,
  type TestBundle,
  WEIGHTS,
  writeTestBundle,
} from './bundle.fixture.ts';
import { type Bundle, loadBundle } from './bundle.ts';
import {
  endlessLoop,
  growingTensor,
  nestedFunctions,
  slowModel,
} from './hostile-models.fixture.ts';
import {
  graph,
  graphAttribute,
  linearModel,
  model,
  node,
  sklearnModel,
  value,
} from './onnx-models.fixture.ts';

const bundleOf = (parts: TestBundle): Promise<Bundle> =>
  inFolder(async (directory) => {
    await writeTestBundle(directory, parts);
    return loadBundle(directory);
  });

/** A bundle with another ONNX file than was checked when it was loaded. */
const withOnnx = async (bytes: Uint8Array): Promise<Bundle> => ({
  ...(await bundleOf({ onnx: linearModel(WEIGHTS) })),
  files: new Map([['model.onnx', bytes]]),
});

const call = (operator: string, domain = '') =>
  model({
    nodes: [node(operator, ['x'], ['y'], [], domain)],
    inputs: [value('x', ['rows', 4])],
    outputs: [value('y', ['rows', 2])],
  });

/** The operator within a branch of another one. */
const inSubgraph = (operator: string) =>
  model({
    nodes: [
      node(
        'SequenceAt',
        ['x'],
        ['y'],
        [graphAttribute('body', graph({ nodes: [node(operator, ['x'], ['y'])] }))],
      ),
    ],
    inputs: [value('x', ['rows', 4])],
    outputs: [value('y', ['rows', 2])],
  });

describe('the work of an ONNX model', () => {
  it.each([
    ['a linear model', linearModel(WEIGHTS)],
    ['a logistic regression of scikit-learn', sklearnModel(WEIGHTS)],
  ])('is bounded in %s', async (_, onnx) => {
    expect(unboundedWork(await withOnnx(onnx), 'onnx')).toBe(null);
  });

  it.each(['sonar', 'sonar-baseline'])('is bounded in the shipped model %s', async (name) => {
    const folder = fileURLToPath(new URL(name, import.meta.url));
    expect(unboundedWork(await loadBundle(folder), 'onnx')).toBe(null);
    expect(unboundedWork(await loadBundle(folder), 'tfjs')).toBe(null);
  });

  it.each([
    ['a loop', endlessLoop(), 'Loop'],
    ['a scan', call('Scan'), 'the operator Scan'],
    ['a branch', call('If'), 'the operator If'],
    ['a size that is a value', growingTensor(10), 'the operator ConstantOfShape'],
    ['a matrix of a given size', slowModel(), 'the operator Expand'],
    ['a scan in a subgraph', inSubgraph('Scan'), 'the operator Scan'],
    ['local functions', nestedFunctions(3), 'the operator local:f'],
    ['a domain of its own', call('Endless', 'com.example'), 'the operator com.example:Endless'],
  ])('is not where it has %s', async (_, onnx, found) => {
    expect(unboundedWork(await withOnnx(onnx), 'onnx')).toContain(found);
  });
});

describe('the work of a TF.js model', () => {
  const withText = (files: Map<string, Uint8Array>, from: string, to: string) => {
    const text = new TextDecoder().decode(files.get('model.json'));
    return new Map(files).set('model.json', new TextEncoder().encode(text.replace(from, to)));
  };

  it('is bounded in dense layers and in a graph of products', async () => {
    expect(unboundedWork(await bundleOf({ tfjs: layersModel() }), 'tfjs')).toBe(null);
    const graphBundle = await bundleOf({ tfjs: graphModel(), tfjsFormat: 'graph' });
    expect(unboundedWork(graphBundle, 'tfjs')).toBe(null);
  });

  it('is not where it repeats', async () => {
    const layers = withText(layersModel(), 'Dense', 'LSTM');
    expect(unboundedWork(await bundleOf({ tfjs: layers }), 'tfjs')).toBe('the layer LSTM');
    const tfjs = withText(graphModel(), '"op":"Softmax"', '"op":"StatelessWhile"');
    const graphBundle = await bundleOf({ tfjs, tfjsFormat: 'graph' });
    expect(unboundedWork(graphBundle, 'tfjs')).toBe('the operator StatelessWhile');
  });
});
