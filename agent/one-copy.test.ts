// A batch of float32 rows on its way from the payload to the model, held to one copy of its values.
import { describe, expect, it } from 'vitest';
import { loadBundle } from '../models/bundle.ts';
import { encodeCbor } from '../schemas/cbor.ts';
import { decodeReading } from '../schemas/decode-reading.ts';
import { Books } from './books.ts';
import { Lane } from './lane.ts';
import { createOnnxClassifier } from './onnx-classifier.ts';
import { lazyFingerprint } from './repeats.ts';

const ROWS = 256;
const WIDTH = 60;
const VALUES_BYTES = ROWS * WIDTH * 4;
const BUNDLE = new URL('../models/sonar', import.meta.url).pathname;

/** Collected garbage makes it less, and never more. */
const heldByArrays = () => process.memoryUsage().arrayBuffers;

describe('a CBOR batch', () => {
  it('goes from typed array to tensor in one copy at most', async () => {
    const classifier = await createOnnxClassifier(await loadBundle(BUNDLE));
    const lane = new Lane({
      classifier,
      limits: { rows: 10_000, bytes: 1e9 },
      batchRows: 4 * ROWS,
      books: new Books(0),
      clock: () => performance.now(),
    });
    const values = Float32Array.from({ length: ROWS * WIDTH }, (_, at) => (at % 101) / 100);
    // By the length of the id their values lie at each of the four places in a word.
    const payloads = ['a', 'ab', 'abc', 'abcd'].map((id) => encodeCbor({ id, values }));
    const kept: unknown[] = [];
    const classify = (payload: Buffer) => {
      const decoded = decodeReading(payload, classifier.limits, payload.length);
      if (!decoded.ok) throw new Error(decoded.problem.detail);
      const reading = decoded.value;
      kept.push(reading);
      return new Promise<number>((resolve, reject) => {
        lane.offer({
          client: 'buoy-7',
          reading,
          fingerprint: lazyFingerprint('buoy-7', classifier.model.digest, reading),
          rows: reading.rows,
          bytes: payload.length,
          arrivedMs: performance.now(),
          expiresMs: null,
          onScores: (scores) => resolve(scores.length),
          onExpired: () => reject(new Error('expired')),
          onFailed: reject,
        });
      });
    };
    const before = heldByArrays();
    const lengths = await Promise.all(payloads.map(classify));
    const copies = (heldByArrays() - before) / VALUES_BYTES;
    expect(lengths).toEqual(payloads.map(() => ROWS * 2));
    // The scores, twice, are a fifteenth of the values each.
    expect(copies).toBeLessThan(payloads.length * 1.15);
    expect(kept).toHaveLength(payloads.length);
    await classifier.close();
  });
});
