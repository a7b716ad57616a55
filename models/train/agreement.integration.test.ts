// Both runtimes against the trainers: 10,000 inputs each, and Debian's checker on every ONNX file.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { startBackend } from '../../agent/tfjs-backend.ts';
import { selectRows } from '../csv.ts';
import { loadTrainingData } from '../data-folder.ts';
import { writeOnnx } from '../onnx-writer.ts';
import { readTfjsArtifacts } from '../tfjs-artifacts.ts';
import { canWriteTfjs, TFJS_FILE, writeTfjs } from '../tfjs-writer.ts';
import { createRandom } from './random.ts';
import { BASELINE, CHAMPION, TRAINERS } from './trainers.ts';

const INPUTS = 10_000;
const TOLERANCE = 1e-5;
/** Models whose scores jump may land on the other side of a jump. */
const JUMPS: Readonly<Record<string, number>> = { 'nearest-neighbours': INPUTS / 1000 };

const { data, split } = await loadTrainingData(
  join(import.meta.dirname, '..', 'sonar', 'sonar.csv'),
);
const train = selectRows(data, split.train);
const inputs = makeInputs();

/** Every second one anywhere within the limits, the others near real rows, where scores vary most. */
function makeInputs(): Float32Array {
  const random = createRandom(42);
  return Float32Array.from({ length: INPUTS * data.width }, (_, at) => {
    const row = Math.floor(at / data.width);
    const value = data.rows[row % data.rows.length]?.[at % data.width] as number;
    const near = value * (1 + 0.2 * random.normal()) + 0.01 * random.normal();
    return row % 2 === 0 ? random.next() : Math.min(1, Math.max(0, near));
  });
}

/** How many inputs have a score that is off by more than the tolerance, or is no number. */
function countOff(scores: ArrayLike<number>, expected: Float64Array): number {
  let off = 0;
  for (const [row, own] of expected.entries()) {
    const first = Math.abs((scores[2 * row] as number) - own);
    const second = Math.abs((scores[2 * row + 1] as number) - (1 - own));
    if (!(first <= TOLERANCE && second <= TOLERANCE)) off += 1;
  }
  return off;
}

describe.each(TRAINERS.map((trainer) => [trainer.name, trainer] as const))(
  '%s',
  (name, trainer) => {
    it('computes the same on every runtime, and Debian accepts its file', async () => {
      const model = await trainer.fit(train, 1988);
      const expected = Float64Array.from({ length: INPUTS }, (_, row) =>
        model.probability(
          Float64Array.from(inputs.subarray(row * data.width, (row + 1) * data.width)),
        ),
      );
      const graph = model.toGraph();
      const onnx = writeOnnx(graph);
      const allowed = JUMPS[name] ?? 0;
      await checkWithDebian(onnx);

      const session = await InferenceSession.create(onnx);
      const feeds = { values: new Tensor('float32', inputs, [INPUTS, data.width]) };
      const { scores } = await session.run(feeds);
      await session.release();
      expect(countOff(scores?.data as Float32Array, expected)).toBeLessThanOrEqual(allowed);

      if (!canWriteTfjs(graph)) return;
      const artifacts = readTfjsArtifacts(TFJS_FILE, writeTfjs(graph)) as tf.io.ModelArtifacts;
      for (const runtime of ['tfjs-cpu', 'tfjs-wasm'] as const) {
        await startBackend(runtime);
        const loaded = await loadGraphModel(tf.io.fromMemory(artifacts));
        const output = loaded.predict(tf.tensor(inputs, [INPUTS, data.width])) as tf.Tensor;
        expect(countOff(output.dataSync<'float32'>(), expected), runtime).toBeLessThanOrEqual(
          allowed,
        );
        tf.dispose(output);
        loaded.dispose();
      }
    });
  },
);

it('has both runtimes for what ships', async () => {
  for (const trainer of [CHAMPION, BASELINE]) {
    expect(canWriteTfjs((await trainer.fit(train, 1)).toGraph())).toBe(true);
  }
});

async function checkWithDebian(onnx: Uint8Array): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-onnx-'));
  try {
    const file = join(folder, 'model.onnx');
    await writeFile(file, onnx);
    const script =
      'import onnx, sys; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)';
    await promisify(execFile)('/usr/bin/python3', ['-c', script, file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
