// Packs models of many shapes, as exporters write them, and shows what is said of those that do not fit.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { inFolder } from './bundle.fixture.ts';
import { loadBundle } from './bundle.ts';
import { externalWeights } from './hostile-models.fixture.ts';
import { inspectOnnx } from './onnx-inspect.ts';
import {
  type GraphParts,
  linearModel,
  model,
  node,
  sklearnModel,
  tensor,
  value,
} from './onnx-models.fixture.ts';
import { type Packed, type PackOptions, packBundle } from './pack.ts';
import { toProbabilities } from './probabilities.ts';

/** Four measures and three kinds, in the manner of the iris data. */
const IRIS = [
  [0.4, 0.2, -1.7],
  [1.3, -0.2, -1.5],
  [-2.1, 0.5, 2.4],
  [-0.9, -1.1, 2.6],
];
const SPECIES = ['setosa', 'versicolor', 'virginica'];
const SAMPLE = `id,sepal_length,sepal_width,petal_length,petal_width,species
a,5.1,3.5,1.4,0.2,"setosa, wild"
"b",7.0,"3.2",4.7,1.4,versicolor
c,6.3,3.3,6.0,2.5,virginica
d,4.9,3.0,1.4,0.2,setosa
`;

function pack<T>(
  onnx: Uint8Array,
  options: Partial<PackOptions> & { readonly sample?: string },
  check: (packed: Packed, directory: string) => Promise<T>,
): Promise<T> {
  return inFolder(async (directory) => {
    const { sample, ...rest } = options;
    const onnxFile = join(directory, 'mine.onnx');
    const sampleCsv = join(directory, 'sample.csv');
    await writeFile(onnxFile, onnx);
    if (sample !== undefined) await writeFile(sampleCsv, sample);
    const out = join(directory, 'bundle');
    const named = { name: 'mine', onnxFile, out, ...(sample !== undefined && { sampleCsv }) };
    return check(await packBundle({ ...named, ...rest }), out);
  });
}

function refusal(onnx: Uint8Array, options: Partial<PackOptions> & { sample?: string } = {}) {
  return pack(onnx, options, async () => 'packed').catch((error: Error) => error);
}

/** Runs the packed file as an agent would, and holds it to the golden vectors. */
async function expectGolden(directory: string): Promise<void> {
  const { manifest, files } = await loadBundle(directory);
  const onnx = manifest.runtimes.onnx;
  if (!onnx) throw new Error('no ONNX model was packed');
  const session = await InferenceSession.create(files.get(onnx.file) as Uint8Array);
  for (const { values, scores } of manifest.golden) {
    const input = new Tensor('float32', Float32Array.from(values), [1, values.length]);
    const { [onnx.output]: output } = await session.run({ [onnx.input]: input }, [onnx.output]);
    const raw = output?.data as Float32Array;
    const found = toProbabilities(raw, 1, manifest.labels.length, onnx.activation);
    for (const [index, score] of found.entries()) expect(score).toBeCloseTo(scores[index] ?? -1, 5);
  }
  await session.release();
}

const margin = IRIS.map(([first = 0, second = 0]) => [second - first]);

describe('packing', () => {
  it.each<[string, Uint8Array, Partial<PackOptions>, object, string]>([
    [
      "scikit-learn's, with string labels in a ZipMap",
      sklearnModel(IRIS, { labels: SPECIES, zipMap: true }),
      {},
      { output: 'probabilities', activation: 'none', input: 'float_input' },
      'setosa,versicolor,virginica',
    ],
    [
      "scikit-learn's, with numbers in a ZipMap",
      sklearnModel(IRIS, { zipMap: true }),
      { labels: SPECIES },
      { output: 'probabilities', activation: 'none' },
      'setosa,versicolor,virginica',
    ],
    [
      "scikit-learn's, without ZipMap",
      sklearnModel(IRIS),
      {},
      { output: 'probabilities', activation: 'none' },
      '0,1,2',
    ],
    [
      'logits of three labels',
      linearModel(IRIS),
      { labels: SPECIES },
      { output: 'y', activation: 'softmax' },
      'setosa,versicolor,virginica',
    ],
    [
      'probabilities of three labels',
      linearModel(IRIS, { activation: 'Softmax' }),
      { labels: SPECIES },
      { output: 'y', activation: 'none' },
      'setosa,versicolor,virginica',
    ],
    [
      'one probability of two labels',
      linearModel(margin, { activation: 'Sigmoid' }),
      { labels: ['metal', 'rock'] },
      { output: 'y', activation: 'none' },
      'metal,rock',
    ],
    [
      'one logit of two labels',
      linearModel(margin),
      { labels: ['metal', 'rock'] },
      { output: 'y', activation: 'sigmoid' },
      'metal,rock',
    ],
    [
      'one row at a time',
      linearModel(IRIS, { rows: 1 }),
      { labels: SPECIES },
      { output: 'y', activation: 'softmax' },
      'setosa,versicolor,virginica',
    ],
  ])('takes %s', async (_, onnx, options, runtime, labels) => {
    await pack(onnx, options, async ({ manifest, notes }, directory) => {
      expect(manifest.runtimes.onnx).toMatchObject(runtime);
      expect(manifest.labels.join()).toBe(labels);
      expect(manifest.input.width).toBe(4);
      expect(manifest.golden).toHaveLength(8);
      expect(notes.length).toBeGreaterThan(0);
      await expectGolden(directory);
    });
  });

  it('takes ZipMap out, and gives the same scores as the model without it', async () => {
    const zipped = sklearnModel(IRIS, { labels: SPECIES, zipMap: true });
    const plain = sklearnModel(IRIS, { labels: SPECIES });
    const golden = (onnx: Uint8Array) => pack(onnx, {}, async ({ manifest }) => manifest.golden);
    expect(await golden(zipped)).toEqual(await golden(plain));
    await pack(zipped, {}, async (_, directory) => {
      const inspection = inspectOnnx(await readFile(join(directory, 'model.onnx')));
      expect(inspection).toMatchObject({
        facts: {
          outputs: [{ name: 'output_label' }, { name: 'probabilities', type: 'float32' }],
          operators: expect.not.objectContaining({ 'ai.onnx.ml:ZipMap': 1 }),
        },
      });
    });
  });

  it('takes limits and golden vectors from a sample, past its header, id and label', async () => {
    await pack(linearModel(IRIS), { labels: SPECIES, sample: SAMPLE }, async ({ manifest }) => {
      expect(manifest.input.minimum).toBeCloseTo(0.2 - 0.68, 5);
      expect(manifest.input.maximum).toBeCloseTo(7 + 0.68, 5);
      expect(manifest.golden).toHaveLength(4);
      expect(manifest.golden[0]?.values.map((one) => Number(one.toFixed(3)))).toEqual([
        5.1, 3.5, 1.4, 0.2,
      ]);
    });
  });

  it('takes limits that are given over those of the sample', async () => {
    const options = { labels: SPECIES, sample: SAMPLE, minimum: 0, maximum: 6.5 };
    await pack(linearModel(IRIS), options, async ({ manifest }) => {
      expect(manifest.input).toEqual({ width: 4, minimum: 0, maximum: 6.5 });
      expect(manifest.golden).toHaveLength(3);
    });
  });

  it('lets any finite value in without a sample, and says so', async () => {
    await pack(linearModel(IRIS), { labels: SPECIES }, async ({ manifest, notes }) => {
      expect(manifest.input.maximum).toBe(3.4028234663852886e38);
      expect(notes.join()).toContain('any finite value');
    });
  });

  it('says which of the classes of the model each label stands for', async () => {
    const onnx = sklearnModel(IRIS, { labels: ['S', 'C', 'V'] });
    await pack(onnx, { labels: SPECIES }, async ({ notes }) => {
      expect(notes[0]).toContain('S is setosa, C is versicolor, V is virginica');
    });
  });

  it('writes a card that tells what is known, and what is not', async () => {
    await pack(linearModel(IRIS), { labels: SPECIES }, async (_, directory) => {
      const card = await readFile(join(directory, 'model-card.md'), 'utf8');
      expect(card).toContain('Labels: setosa, versicolor, virginica.');
      expect(card).toContain('Nothing is known');
    });
  });

  it('gives the same bytes twice', async () => {
    const manifest = () =>
      pack(linearModel(IRIS), { labels: SPECIES }, async (_, directory) =>
        readFile(join(directory, 'manifest.json'), 'utf8'),
      );
    expect(await manifest()).toBe(await manifest());
  });
});

describe('what cannot be packed', () => {
  const shaped = (parts: Partial<GraphParts>) =>
    model({
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
      initializers: [tensor('w', [4, 3], IRIS.flat())],
      inputs: [value('x', ['N', 4])],
      outputs: [value('y', ['N', 3])],
      ...parts,
    });
  const twoInputs = shaped({
    nodes: [node('Add', ['a', 'b'], ['x']), node('MatMul', ['x', 'w'], ['y'])],
    inputs: [value('a', ['N', 4]), value('b', ['N', 4])],
  });
  const twoOutputs = shaped({
    nodes: [node('MatMul', ['x', 'w'], ['y']), node('Neg', ['y'], ['z'])],
    outputs: [value('y', ['N', 3]), value('z', ['N', 3])],
  });
  const identity = (type: number) =>
    model({
      nodes: [node('Identity', ['x'], ['y'])],
      inputs: [value('x', ['N', 4], type)],
      outputs: [value('y', ['N', 4], type)],
    });
  const labels = SPECIES;

  it.each<[string, Uint8Array, Partial<PackOptions> & { sample?: string }, string]>([
    ['no ONNX', Buffer.from('text'), { labels }, 'it is no ONNX model'],
    ['weights in another file', externalWeights('w.bin'), { labels }, 'external data'],
    ['several inputs', twoInputs, { labels }, 'found "a" (float32, N × 4), "b" (float32, N × 4)'],
    ['integers in', identity(7), { labels }, 'expected a float32 input, found "x" (int64, N × 4)'],
    [
      'doubles in',
      identity(11),
      { labels },
      'expected a float32 input, found "x" (float64, N × 4)',
    ],
    [
      'a batch of seven',
      linearModel(IRIS, { rows: 7 }),
      { labels },
      'expected a dynamic number of rows, or one, found "x" (float32, 7 × 4)',
    ],
    [
      'an open width',
      shaped({ inputs: [value('x', ['N', 'F'])] }),
      { labels },
      'expected an input of rows × a fixed width, found "x" (float32, N × F)',
    ],
    [
      'one dimension',
      shaped({ inputs: [value('x', [4])], outputs: [value('y', [3])] }),
      { labels },
      'expected an input of rows × a fixed width, found "x" (float32, 4)',
    ],
    ['several outputs', twoOutputs, { labels }, 'found several: "y" (float32, N × 3), "z"'],
    ['an output that is not there', twoOutputs, { labels, output: 'q' }, 'named "q", found "y"'],
    [
      'another number of scores',
      linearModel(IRIS),
      { labels: ['a', 'b'] },
      'expected a float32 output of rows × 2, or rows × 1, for 2 labels, found "y" (float32, rows × 3)',
    ],
    ['no labels', linearModel(IRIS), {}, 'found none in the model'],
    ['one label', linearModel(IRIS), { labels: ['a'] }, 'two or more different labels, found a'],
    [
      'another number of labels',
      sklearnModel(IRIS, { labels: SPECIES }),
      { labels: ['a', 'b'] },
      'expected 3 labels (its classes are setosa, versicolor, virginica), found 2',
    ],
    [
      'labels in another order',
      sklearnModel(IRIS, { labels: SPECIES }),
      { labels: ['virginica', 'setosa', 'versicolor'] },
      'in the order of its classes: setosa, versicolor, virginica',
    ],
    [
      'one score that may be either',
      linearModel([[0], [0], [0], [0]]),
      { labels: ['a', 'b'] },
      'which may be a probability or a logit',
    ],
    [
      'scores of labels that do not exclude each other',
      linearModel(IRIS, { activation: 'Sigmoid' }),
      { labels },
      'do not add up to 1',
    ],
    [
      'an activation that does not fit',
      linearModel(IRIS),
      { labels, activation: 'sigmoid' },
      'the activation sigmoid does not fit 3',
    ],
    ['NaN weights', linearModel(IRIS.map(() => [Number.NaN, 1, 1])), { labels }, 'gave NaN'],
    ['a name with a slash', linearModel(IRIS), { labels, name: 'a/b' }, 'as name, found "a/b"'],
    ['a reserved name', linearModel(IRIS), { labels, name: 'self-check' }, 'found "self-check"'],
    ['limits that exclude all', linearModel(IRIS), { labels, minimum: 1, maximum: 0 }, 'limits'],
    [
      'a sample of another width',
      linearModel(IRIS),
      { labels, sample: '1,2,3\n' },
      'expected 4 columns of numbers, found 3',
    ],
    ['an empty sample', linearModel(IRIS), { labels, sample: 'a,b\n' }, 'found none'],
    [
      'a sample with a gap',
      linearModel(IRIS),
      { labels, sample: '1,2,3,4\n1,2,,4\n' },
      'line 2, column 3 holds no number',
    ],
    ['a sample out of limits', linearModel(IRIS), { labels, sample: SAMPLE, maximum: 0 }, 'within'],
  ])('is told of %s', async (_, onnx, options, message) => {
    expect(await refusal(onnx, options)).toMatchObject({
      exitCode: 70,
      message: expect.stringContaining(message),
    });
  });

  it('is packed once the choice is named', async () => {
    await pack(twoOutputs, { labels, output: 'z' }, async ({ manifest }) => {
      expect(manifest.runtimes.onnx?.output).toBe('z');
    });
    const flat = linearModel([[0], [0], [0], [0]]);
    for (const activation of ['none', 'sigmoid'] as const) {
      const options = { labels: ['a', 'b'], activation };
      await pack(flat, options, async ({ manifest }) => {
        expect(manifest.runtimes.onnx?.activation).toBe(activation);
      });
    }
  });

  it.each<[string, (directory: string) => Partial<PackOptions>, number, string]>([
    ['a model that is not there', () => ({ onnxFile: 'none.onnx' }), 78, 'none.onnx does not'],
    ['a folder for a model', (own) => ({ onnxFile: own }), 78, 'is a folder, expected a file'],
    ['a sample that is not there', () => ({ sampleCsv: 'none.csv' }), 78, 'none.csv does not'],
    ['a file in the way', (own) => ({ out: join(own, 'mine.onnx') }), 73, 'expected a folder'],
    ['a version of one part', () => ({ version: '1' }), 73, '/version'],
  ])('for %s is told so, and the model is not blamed', async (_, optionsOf, exitCode, message) => {
    await inFolder(async (directory) => {
      const onnxFile = join(directory, 'mine.onnx');
      await writeFile(onnxFile, linearModel(IRIS));
      const usual = { name: 'mine', onnxFile, labels, out: join(directory, 'bundle') };
      await expect(packBundle({ ...usual, ...optionsOf(directory) })).rejects.toMatchObject({
        exitCode,
        message: expect.stringContaining(message),
        remedy: expect.not.stringContaining('float32'),
      });
    });
  });
});
