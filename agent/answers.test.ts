// Answers: what is written by hand for speed is what JSON.stringify would have written.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecodedReading } from '../schemas/decode-reading.ts';
import { decodeAnswer } from '../schemas/encode.ts';
import { createSignature, encodePrediction } from './answers.ts';

const MODEL = {
  name: 'toy',
  version: '1.0.0',
  digest: `sha256:${'0'.repeat(64)}`,
  runtime: 'onnx',
} as const;

describe('encodePrediction', () => {
  it('writes the JSON of a single prediction as JSON.stringify does, whatever id and labels hold', () => {
    const label = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.string({ maxLength: 64 }),
        fc.uniqueArray(
          label.filter((text) => text !== '__proto__' && !/^\d+$/.test(text)),
          {
            minLength: 2,
            maxLength: 4,
          },
        ),
        fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 }),
        fc.integer({ min: 0, max: 1 }),
        (id, labels, numbers, row) => {
          const reading: DecodedReading = {
            id,
            encoding: 'json',
            form: 'single',
            rows: 1,
            values: Float32Array.of(0),
            deadlineMs: null,
          };
          const scores = Float32Array.from(numbers);
          const own = [...scores.subarray(row * labels.length, (row + 1) * labels.length)];
          const rounded = own.map((score) => Math.round(score * 1e7) / 1e7);
          const best = own.indexOf(Math.max(...own));
          const expected = {
            id,
            label: labels[best],
            score: rounded[best],
            scores: Object.fromEntries(labels.map((name, index) => [name, rounded[index]])),
            model: MODEL,
            agent: 'edge-1',
          };
          const signature = createSignature('edge-1', MODEL, labels);
          const written = encodePrediction(reading, scores, row, signature).toString();
          expect(written).toBe(JSON.stringify(expected));
        },
      ),
    );
  });

  it('is read back by the clients', () => {
    const signature = createSignature('edge-1', MODEL, ['metal', 'rock']);
    const reading: DecodedReading = {
      id: 'r"1\\',
      encoding: 'json',
      form: 'single',
      rows: 1,
      values: Float32Array.of(0),
      deadlineMs: null,
    };
    const written = encodePrediction(reading, Float32Array.of(0.25, 0.75), 0, signature);
    expect(decodeAnswer(written)).toEqual({
      id: 'r"1\\',
      label: 'rock',
      score: 0.75,
      scores: { metal: 0.25, rock: 0.75 },
      model: MODEL,
      agent: 'edge-1',
    });
  });
});
