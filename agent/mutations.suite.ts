// Thousands of changed ONNX and TF.js files: an error in time, never a crash, a hang or a NaN.
import { describe, expect, it } from 'vitest';
import { graphModel, inFolder, layersModel, writeTestBundle } from '../models/bundle.fixture.ts';
import { type Bundle, loadBundle } from '../models/bundle.ts';
import {
  createRandom,
  mutateBytes,
  mutateJson,
  type MutationOutcome,
  tryMutant,
} from './mutations.fixture.ts';

/** @param count how many changed models, half of them ONNX */
export function describeMutations(count: number): void {
  const sources: [string, number, () => Promise<Bundle>, string][] = [
    ['onnx, shipped', count / 4, () => loadBundle('models/sonar'), 'model.onnx'],
    ['onnx, small', count / 4, () => bundleOf('onnx'), 'model.onnx'],
    ['layers', count / 4, () => bundleOf('layers'), 'model.json'],
    ['graph', count / 4, () => bundleOf('graph'), 'model.json'],
  ];

  describe(`${count} changed models`, () => {
    it.each(sources)(
      'of the kind %s (%i) are refused or serve',
      async (kind, share, load, file) => {
        const { manifest, files } = await load();
        const random = createRandom(20_251 + kind.length);
        const outcome: MutationOutcome = { refused: 0, served: 0 };
        for (let index = 0; index < share; index += 1) {
          const changed = new Map(files);
          const name = kind.startsWith('onnx') || random(4) > 0 ? file : 'weights.bin';
          const bytes = files.get(name) as Uint8Array;
          const isJson = name === 'model.json' && random(4) > 0;
          changed.set(name, isJson ? mutateJson(bytes, random) : mutateBytes(bytes, random));
          await tryMutant(manifest, changed, outcome);
        }
        expect(outcome.refused + outcome.served).toBe(share);
        expect(outcome.refused).toBeGreaterThan(share / 4);
      },
    );
  });
}

function bundleOf(kind: 'layers' | 'graph' | 'onnx'): Promise<Bundle> {
  return inFolder(async (directory) => {
    if (kind === 'onnx') {
      await writeTestBundle(directory);
      return loadBundle(directory);
    }
    const tfjs = kind === 'layers' ? layersModel() : graphModel();
    await writeTestBundle(directory, { tfjs, tfjsFormat: kind });
    return loadBundle(directory);
  });
}
