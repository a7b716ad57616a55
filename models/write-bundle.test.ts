// Writing bundles: the same parts give the same bytes, and nothing unlisted is left beside them.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadBundle } from './bundle.ts';
import { type BundleParts, writeBundle } from './write-bundle.ts';

const parts: BundleParts = {
  manifest: {
    name: 'small',
    version: '1.0.0',
    description: 'for a test',
    input: { width: 2, minimum: 0, maximum: 1 },
    labels: ['a', 'b'],
    runtimes: { tfjs: { file: 'model.json', format: 'graph' } },
    golden: [{ values: [0, 1], scores: [0.25, 0.75] }],
  },
  files: new Map([
    ['model.json', Buffer.from('{"modelTopology":{"node":[]}}')],
    ['model-card.md', Buffer.from('# small\n')],
  ]),
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-write-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

it('writes a bundle that loads', async () => {
  const manifest = await writeBundle(join(folder, 'deep', 'small'), parts);
  const bundle = await loadBundle(join(folder, 'deep', 'small'));
  expect(bundle.manifest).toEqual(manifest);
  expect([...bundle.files.keys()].sort()).toEqual(['model-card.md', 'model.json']);
});

it('writes the same bytes whatever the order of the files', async () => {
  await writeBundle(join(folder, 'one'), parts);
  const files = new Map([...parts.files].reverse());
  await writeBundle(join(folder, 'two'), { ...parts, files });
  for (const name of await readdir(join(folder, 'one'))) {
    const [one, two] = ['one', 'two'].map((each) => readFile(join(folder, each, name)));
    expect(await one).toEqual(await two);
  }
});

it('replaces an older bundle and takes its signature away', async () => {
  await writeBundle(folder, parts);
  await writeFile(join(folder, 'model.sig'), 'old');
  await writeBundle(folder, { ...parts, manifest: { ...parts.manifest, version: '1.0.1' } });
  expect(await readdir(folder)).toEqual(['manifest.json', 'model-card.md', 'model.json']);
  expect((await loadBundle(folder)).manifest.version).toBe('1.0.1');
});

it('refuses a folder that holds something else, and leaves it as it was', async () => {
  await writeFile(join(folder, 'notes.txt'), 'mine');
  await expect(writeBundle(folder, parts)).rejects.toThrow(/holds notes.txt/);
  expect(await readdir(folder)).toEqual(['notes.txt']);
});

it('refuses a manifest that no reader would take', async () => {
  const manifest = { ...parts.manifest, version: 'one' };
  await expect(writeBundle(folder, { ...parts, manifest })).rejects.toThrow(/at \/version/);
});

it('says that the place for the folder is taken by a file', async () => {
  const place = join(folder, 'small');
  await writeFile(place, '');
  await expect(writeBundle(place, parts)).rejects.toMatchObject({
    exitCode: 73,
    message: `the bundle is not written: ${place} is a file, expected a folder`,
  });
});

it('names the part that cannot be written', async () => {
  await mkdir(join(folder, 'model.json'));
  await expect(writeBundle(folder, parts)).rejects.toThrow(
    `${join(folder, 'model.json')} is a folder, expected a file`,
  );
});
