// A lone row's short way: the package's own numbers, on memory of its own, and no crash where it does not fit.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WEIGHTS } from '../models/bundle.fixture.ts';
import { linearModel } from '../models/onnx-models.fixture.ts';
import { type LoneRow, openLoneRow } from './onnx-lone-row.ts';

const INPUT = { name: 'x', dims: [1, 4] };
const OUTPUT = { name: 'y', dims: [1, 2] };

let open: LoneRow | null = null;

async function opened(...args: Parameters<typeof openLoneRow>): Promise<LoneRow> {
  open = await openLoneRow(...args);
  return open;
}

afterEach(() => {
  open?.close();
  open = null;
});

describe('a lone row', () => {
  it('gets the very numbers that the package computes', async () => {
    const bytes = await readFile('models/sonar/model.onnx');
    const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
    const input = { name: 'values', dims: [1, 60] };
    const row = await opened(bytes, input, { name: 'scores', dims: [1, 2] });
    for (let seed = 0; seed < 20; seed += 1) {
      const values = Float32Array.from({ length: 60 }, (_, at) => (((at + seed) * 37) % 101) / 101);
      const { scores } = await session.run({ values: new Tensor('float32', values, [1, 60]) });
      expect([...(row.run(values) ?? [])]).toEqual([...((scores as Tensor).data as Float32Array)]);
    }
    await session.release();
  });

  it('has memory of its own beside others of the same graph', async () => {
    const bytes = linearModel(WEIGHTS);
    const first = await opened(bytes, INPUT, OUTPUT);
    const before = [...(first.run(Float32Array.of(1, 0, 0, 0)) ?? [])];
    const second = await openLoneRow(bytes, INPUT, OUTPUT);
    second.run(Float32Array.of(0, 1, 1, 0));
    second.close();
    expect([...(first.run(Float32Array.of(1, 0, 0, 0)) ?? [])]).toEqual(before);
    expect(before).toEqual([...WEIGHTS[0]]);
  });

  it('has no answer once it is closed', async () => {
    const row = await openLoneRow(linearModel(WEIGHTS), INPUT, OUTPUT);
    row.close();
    expect(row.run(Float32Array.of(1, 0, 0, 0))).toBeNull();
    row.close();
  });

  it.each([
    ['the input has another size', { ...INPUT, dims: [1, 3] }, OUTPUT],
    ['the output has another size', INPUT, { ...OUTPUT, dims: [1, 3] }],
    ['the output has another name', INPUT, { ...OUTPUT, name: 'z' }],
  ])('has no answer where %s', async (_, input, output) => {
    const row = await opened(linearModel(WEIGHTS), input, output);
    expect(row.run(new Float32Array(input.dims[1] as number))).toBeNull();
  });

  it('is refused with the words of the library for what is no graph', async () => {
    const bytes = Buffer.from('no graph');
    await expect(openLoneRow(bytes, INPUT, OUTPUT)).rejects.toThrow(/protobuf|model/i);
  });
});
