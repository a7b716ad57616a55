// Shows what is read of ONNX files, and that hostile or broken ones are refused without being loaded.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deepSubgraphs,
  endlessLoop,
  externalWeights,
  nestedExternalWeights,
  nestedFunctions,
} from './hostile-models.fixture.ts';
import { inspectOnnx } from './onnx-inspect.ts';
import {
  linearModel,
  localFunction,
  model,
  node,
  sklearnModel,
  value,
} from './onnx-models.fixture.ts';
import { bytesField, concat, varintField } from './protobuf.ts';

const identity = [[1], [0]];

describe('inspecting an ONNX model', () => {
  it('reads versions, inputs, outputs and operators', () => {
    expect(inspectOnnx(linearModel(identity, { activation: 'Sigmoid' }))).toEqual({
      ok: true,
      facts: {
        irVersion: 8,
        opsets: { '': 17, 'ai.onnx.ml': 3, local: 1 },
        producer: 'test',
        inputs: [{ name: 'x', type: 'float32', shape: ['rows', 2] }],
        outputs: [{ name: 'y', type: 'float32', shape: ['rows', 1] }],
        operators: { MatMul: 1, Sigmoid: 1 },
      },
    });
  });

  it('tells a sequence of maps from a tensor', () => {
    const inspection = inspectOnnx(sklearnModel(identity, { zipMap: true }));
    expect(inspection).toMatchObject({
      facts: {
        outputs: [
          { name: 'output_label', type: 'int64', shape: [''] },
          { name: 'output_probability', type: 'sequence', shape: null },
        ],
      },
    });
  });

  it.each<[string, Uint8Array, string, string]>([
    ['weights in another file', externalWeights('../w.bin'), 'outside', 'external data'],
    ['the same in a subgraph', nestedExternalWeights('/etc/passwd'), 'outside', 'external data'],
    ['nested functions', nestedFunctions(3000), 'hostile', 'deeper than 16'],
    ['a loop', endlessLoop(), 'hostile', 'Loop'],
    ['nested graphs', deepSubgraphs(40), 'hostile', 'deeper than 16'],
    ['thousands of nested graphs', deepSubgraphs(5000), 'hostile', 'deeper than 16'],
    [
      'graphs for training',
      concat([linearModel(identity), bytesField(20, '')]),
      'hostile',
      'train',
    ],
    [
      "onnxruntime's own format within ONNX",
      concat([bytesField(2, '..ORTM'), linearModel(identity)]),
      'hostile',
      'own format',
    ],
    ['nothing', new Uint8Array(), 'unreadable', 'holds no graph'],
    ['half a model', linearModel(identity).subarray(0, 60), 'unreadable', 'bytes too early'],
    ['text', new TextEncoder().encode('{"a":1}'), 'unreadable', 'is no ONNX model'],
    ['a group', concat([linearModel(identity), Uint8Array.of(0x0b)]), 'unreadable', 'wire type 3'],
    [
      'field 0',
      concat([linearModel(identity), Uint8Array.of(0x00, 0)]),
      'unreadable',
      'impossible',
    ],
  ])('refuses %s', (_, bytes, kind, reason) => {
    expect(inspectOnnx(bytes)).toEqual({
      ok: false,
      kind,
      reason: expect.stringContaining(reason),
    });
  });

  it('finds external data in a second graph field, which readers merge with the first', () => {
    const second = bytesField(7, bytesField(5, varintField(14, 1)));
    const merged = concat([linearModel(identity), second]);
    expect(inspectOnnx(merged)).toMatchObject({ ok: false, kind: 'outside' });
  });

  it('refuses a tag that readers would cut to another field', () => {
    // Field 7 (the graph), with a bit beyond the 32 that readers keep.
    const tag = Uint8Array.of(0xba, 0x80, 0x80, 0x80, 0x10, 0x00);
    expect(inspectOnnx(concat([linearModel(identity), tag]))).toMatchObject({ ok: false });
  });
});

describe('local functions', () => {
  const call = (name: string) => node(name, ['x'], ['y'], [], 'local');
  const withFunctions = (main: string[], functions: [string, string[]][]) =>
    inspectOnnx(
      model(
        { nodes: main.map(call), inputs: [value('x', [1])], outputs: [value('y', [1])] },
        functions.map(([name, calls]) => localFunction(name, calls.map(call))),
      ),
    );

  it('are let through where they are few', () => {
    expect(inspectOnnx(nestedFunctions(10))).toMatchObject({ ok: true });
  });

  it('are refused where they call each other in a circle', () => {
    const circle = withFunctions(
      ['a'],
      [
        ['a', ['b']],
        ['b', ['a']],
      ],
    );
    expect(circle).toMatchObject({ reason: expect.stringContaining('circle') });
    const itself = withFunctions(['a'], [['a', ['a']]]);
    expect(itself).toMatchObject({ reason: expect.stringContaining('circle') });
  });

  it('are refused where they double at every level', () => {
    const levels = Array.from({ length: 14 }, (_, level): [string, string[]] => [
      `f${level}`,
      level === 0 ? ['leaf'] : Array.from({ length: 4 }, () => `f${level - 1}`),
    ]);
    expect(withFunctions(['f13'], levels)).toMatchObject({
      reason: expect.stringContaining('written out'),
    });
  });

  it('are refused for their depth also where the deep ones are called first', () => {
    const names = Array.from({ length: 100 }, (_, index) => `f${index}`);
    const chain = names.map((name, index): [string, string[]] => [
      name,
      index === 0 ? ['leaf'] : [`f${index - 1}`],
    ]);
    expect(withFunctions(names, chain)).toMatchObject({
      reason: expect.stringContaining('deeper than 16'),
    });
  });

  it('are followed in linear time: 20,000 of them called from everywhere', () => {
    const names = Array.from({ length: 20_000 }, (_, index) => `f${index}`);
    const flat = names.map((name): [string, string[]] => [name, ['leaf']]);
    expect(withFunctions(names, flat)).toMatchObject({ ok: true });
  });

  it('are refused where one is defined twice', () => {
    const twice = withFunctions(
      ['a'],
      [
        ['a', []],
        ['a', ['b']],
      ],
    );
    expect(twice).toMatchObject({ reason: expect.stringContaining('twice') });
  });
});

describe('any bytes', () => {
  it('give an inspection, never an exception', () => {
    const sample = sklearnModel([[1], [2]], { zipMap: true });
    const mutated = fc
      .array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
      .map((changes) => {
        const bytes = sample.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        expect(typeof inspectOnnx(bytes).ok).toBe('boolean');
      }),
      { numRuns: 5000 },
    );
  });
});
