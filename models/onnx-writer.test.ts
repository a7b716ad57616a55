// The ONNX writer: what it writes, others read back as it was meant, and onnxruntime computes it.
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ModelProtoSchema } from 'onnx-buf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { GraphBuilder } from './graph.ts';
import { writeOnnx } from './onnx-writer.ts';

const floats = fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 40 });
const indices = fc.array(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { minLength: 1, maxLength: 5 });
const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });

it('writes constants and names that another reader gives back unchanged', () => {
  fc.assert(
    fc.property(name, floats, indices, fc.nat(), (title, values, whole, attribute) => {
      const builder = new GraphBuilder();
      const constant = builder.constant([1, values.length], values);
      builder.constant([whole.length], whole, 'int64');
      const scores = builder.add('Add', [builder.input, constant], { axis: attribute });
      const model = fromBinary(
        ModelProtoSchema,
        writeOnnx(builder.finish(title, values.length, values.length, scores)),
      );
      const graph = model.graph;
      expect(graph?.name).toBe(title);
      expect([model.irVersion, model.opsetImport[0]?.version]).toEqual([7n, 13n]);
      const [first, second] = graph?.initializer ?? [];
      expect(first?.dims).toEqual([1n, BigInt(values.length)]);
      expect(readFloats(first?.rawData)).toEqual(values.map(Math.fround));
      expect(readWhole(second?.rawData)).toEqual(whole);
      const [node] = graph?.node ?? [];
      expect([node?.opType, node?.input, node?.output]).toEqual([
        'Add',
        [builder.input, constant],
        ['scores'],
      ]);
      expect(node?.attribute[0]).toMatchObject({ name: 'axis', i: BigInt(attribute), type: 2 });
    }),
  );
});

it('writes an input and an output whose first axis is free', () => {
  const builder = new GraphBuilder();
  const graph = builder.finish('free', 3, 3, builder.add('Exp', [builder.input]));
  const model = fromBinary(ModelProtoSchema, writeOnnx(graph));
  for (const value of [...(model.graph?.input ?? []), ...(model.graph?.output ?? [])]) {
    const type = value.type?.value;
    const dims = type?.case === 'tensorType' ? type.value.shape?.dim : undefined;
    expect(dims?.map((dim) => dim.value)).toMatchObject([
      { case: 'dimParam', value: 'rows' },
      { case: 'dimValue', value: 3n },
    ]);
  }
});

it('writes what onnxruntime computes, for any number of rows', async () => {
  const builder = new GraphBuilder();
  const product = builder.add('MatMul', [builder.input, builder.constant([3, 1], [1, -2, 0.5])]);
  const middle = builder.slice(builder.input, 1, 2);
  const graph = builder.finishWithLogit('small', 3, builder.add('Add', [product, middle]));
  const session = await InferenceSession.create(writeOnnx(graph));
  for (const rows of [1, 5]) {
    const values = Float32Array.from({ length: rows * 3 }, (_, at) => at / 7);
    const feeds = { values: new Tensor('float32', values, [rows, 3]) };
    const { scores } = await session.run(feeds);
    expect(scores?.dims).toEqual([rows, 2]);
    const numbers = scores?.data as Float32Array;
    for (let row = 0; row < rows; row += 1) {
      const [a, b, c] = values.subarray(row * 3) as unknown as [number, number, number];
      const expected = 1 / (1 + Math.exp(-(a - b + c / 2)));
      expect(numbers[row * 2]).toBeCloseTo(expected, 6);
      expect(numbers[row * 2 + 1]).toBeCloseTo(1 - expected, 6);
    }
  }
  await session.release();
});

it('refuses a constant whose values do not fill its shape', () => {
  expect(() => new GraphBuilder().constant([2, 3], [1, 2])).toThrow(
    /\[2, 3\] needs 6 values, got 2/,
  );
});

function readFloats(raw: Uint8Array | undefined): number[] {
  const view = Buffer.from(raw ?? []);
  return Array.from({ length: view.length / 4 }, (_, at) => view.readFloatLE(at * 4));
}

function readWhole(raw: Uint8Array | undefined): number[] {
  const view = Buffer.from(raw ?? []);
  return Array.from({ length: view.length / 8 }, (_, at) => Number(view.readBigInt64LE(at * 8)));
}
