// Holds the choice of the place to what was asked, what was measured and what the graph holds.
import { expect, it } from 'vitest';
import { inFolder, writeTestBundle } from '../models/bundle.fixture.ts';
import { type Bundle, loadBundle } from '../models/bundle.ts';
import { endlessLoop } from '../models/hostile-models.fixture.ts';
import { chooseInference, type InferenceSetting } from './choose-inference.ts';

const bundleOf = (): Promise<Bundle> =>
  inFolder(async (directory) => {
    await writeTestBundle(directory);
    return loadBundle(directory);
  });
const withLoop = (bundle: Bundle): Bundle => ({
  ...bundle,
  files: new Map([['model.onnx', endlessLoop()]]),
});

it.each<[InferenceSetting, number, boolean, 'inline' | 'process', string]>([
  ['auto', 0.015, false, 'inline', 'one row takes 0.015 ms, and no reading makes it more'],
  ['auto', 1.99, false, 'inline', 'one row takes 2.0 ms, and no reading makes it more'],
  ['auto', 2, false, 'process', 'one row takes 2.0 ms, 2 ms or more'],
  ['auto', 0.015, true, 'process', 'nobody can tell that a file that uses the operator Loop'],
  ['inline', 500, true, 'inline', 'as asked'],
  ['process', 0.015, false, 'process', 'as asked'],
])('%s with %d ms (loop: %s) is %s', async (setting, milliseconds, loop, place, why) => {
  const bundle = loop ? withLoop(await bundleOf()) : await bundleOf();
  const choice = await chooseInference(bundle, setting, 'onnx', () => milliseconds);
  expect(choice).toEqual({ place, why: expect.stringContaining(why) });
});
