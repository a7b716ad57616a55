// Shows that a bundle is loaded whole and unchanged or refused, with the file and the fault named.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { graphModel, inFolder, writeTestBundle } from './bundle.fixture.ts';
import { BundleRefusedError, digestOf, loadBundle } from './bundle.ts';
import { endlessLoop, externalWeights } from './hostile-models.fixture.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests write what the schema forbids
type AnyManifest = any;

/** Writes a bundle, spoils it, and gives what loading it throws. */
function refusalOf(
  spoil: (directory: string) => Promise<unknown>,
  parts: Parameters<typeof writeTestBundle>[1] = {},
): Promise<BundleRefusedError> {
  return inFolder(async (directory) => {
    await writeTestBundle(directory, parts);
    await spoil(directory);
    const outcome = await loadBundle(directory).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(BundleRefusedError);
    return outcome as BundleRefusedError;
  });
}

async function editManifest(directory: string, edit: (manifest: AnyManifest) => void) {
  const path = join(directory, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  edit(manifest);
  await writeFile(path, JSON.stringify(manifest));
}

describe('loading a bundle', () => {
  it('gives the manifest, its digest and the bytes of every listed file', async () => {
    await inFolder(async (directory) => {
      await writeTestBundle(directory, { tfjs: graphModel(), tfjsFormat: 'graph' });
      const bundle = await loadBundle(directory);
      expect([...bundle.files.keys()].sort()).toEqual(['model.json', 'weights.bin']);
      expect(bundle.digest).toBe(digestOf(await readFile(join(directory, 'manifest.json'))));
      for (const [name, bytes] of bundle.files) {
        expect(Buffer.from(bytes)).toEqual(await readFile(join(directory, name)));
        expect(digestOf(bytes)).toBe(bundle.manifest.files[name]);
      }
    });
  });

  it('ignores files that the manifest does not list', async () => {
    await inFolder(async (directory) => {
      await writeTestBundle(directory);
      await writeFile(join(directory, 'notes.txt'), 'mine');
      expect((await loadBundle(directory)).files.has('notes.txt')).toBe(false);
    });
  });

  it('follows a link to the folder itself, which the operator has set', async () => {
    await inFolder(async (directory) => {
      await writeTestBundle(join(directory, 'v1'));
      await symlink('v1', join(directory, 'current'));
      await expect(loadBundle(join(directory, 'current'))).resolves.toBeDefined();
    });
  });

  it.each<[string, (directory: string) => Promise<unknown>, string, string]>([
    ['no folder', (d) => rm(d, { recursive: true }), 'missing', 'manifest.json is missing'],
    ['no manifest', (d) => rm(join(d, 'manifest.json')), 'missing', 'manifest.json is missing'],
    ['no model', (d) => rm(join(d, 'model.onnx')), 'missing', 'model.onnx is missing'],
    [
      'a short model',
      (d) => truncate(join(d, 'model.onnx'), 9),
      'changed',
      'model.onnx has changed',
    ],
    [
      'a folder as model',
      (d) => rm(join(d, 'model.onnx')).then(() => mkdir(join(d, 'model.onnx'))),
      'outside',
      'model.onnx is not a regular file',
    ],
    [
      'a link as model',
      (d) =>
        rename(join(d, 'model.onnx'), join(d, 'real')).then(() =>
          symlink('real', join(d, 'model.onnx')),
        ),
      'outside',
      'model.onnx is a symbolic link',
    ],
    [
      'a FIFO as model',
      async (d) => {
        await rm(join(d, 'model.onnx'));
        execFileSync('mkfifo', [join(d, 'model.onnx')]);
      },
      'outside',
      'model.onnx is not a regular file',
    ],
    [
      'a manifest of a gigabyte',
      (d) => truncate(join(d, 'manifest.json'), 2 ** 30),
      'model',
      'at most 8388608 are allowed',
    ],
    [
      'a manifest in another encoding',
      (d) => writeFile(join(d, 'manifest.json'), Uint8Array.of(0xff, 0xfe)),
      'manifest',
      'manifest.json is no JSON',
    ],
    [
      'a deep manifest',
      (d) => writeFile(join(d, 'manifest.json'), '['.repeat(1e6)),
      'manifest',
      'manifest.json is no JSON',
    ],
  ])('refuses %s', async (_, spoil, kind, message) => {
    const refusal = await refusalOf(spoil);
    expect(refusal).toMatchObject({ kind, code: 'BUNDLE_REFUSED', exitCode: 70 });
    expect(refusal.message).toContain(message);
    expect(refusal.remedy).not.toBe('');
  });

  it.each<[string, (manifest: AnyManifest) => void, string]>([
    ['another schema', (m) => Object.assign(m, { schema: 'echolot/bundle/v9' }), '/schema'],
    ['an unknown field', (m) => Object.assign(m, { more: 1 }), 'at /more, it is not allowed'],
    ['a reserved name', (m) => Object.assign(m, { name: 'self-check' }), 'reserved'],
    ['a name with a slash', (m) => Object.assign(m, { name: 'a/b' }), '/name'],
    ['a version of two parts', (m) => Object.assign(m, { version: '1.0' }), '/version'],
    ['limits that exclude all', (m) => Object.assign(m.input, { minimum: 1 }), 'is not below'],
    ['no width', (m) => Object.assign(m.input, { width: 0 }), '/input/width'],
    ['one label', (m) => Object.assign(m, { labels: ['metal'] }), '/labels'],
    ['a label twice', (m) => Object.assign(m, { labels: ['a', 'a'] }), '/labels'],
    ['no runtime', (m) => Object.assign(m, { runtimes: {} }), 'neither onnx nor tfjs'],
    [
      'a model that is not listed',
      (m) => Object.assign(m.runtimes.onnx, { file: 'other.onnx' }),
      'other.onnx, which files does not list',
    ],
    ['a path', (m) => Object.assign(m.files, { '../model.onnx': m.files['model.onnx'] }), '/files'],
    ['a hidden file', (m) => Object.assign(m.files, { '.x': m.files['model.onnx'] }), '/files'],
    [
      'its own digest',
      (m) => Object.assign(m.files, { 'manifest.json': m.files['model.onnx'] }),
      'cannot hold its own digest',
    ],
    ['no golden vector', (m) => Object.assign(m, { golden: [] }), '/golden'],
    ['a short golden vector', (m) => m.golden[1].values.pop(), 'golden vector 1 has 3 values'],
    ['a golden score of 2', (m) => Object.assign(m.golden[0], { scores: [2, 0] }), '/golden/0'],
    [
      'a histogram too few',
      (m) => Object.assign(m, { histograms: { edges: [0, 1], counts: [[1]] } }),
      'histograms needs 4 lists of 1 counts',
    ],
  ])('refuses a manifest with %s', async (_, edit, message) => {
    const refusal = await refusalOf((directory) => editManifest(directory, edit));
    expect(refusal.message).toContain(message);
    expect(refusal.kind).toBe('manifest');
  });

  it.each([
    ['weights in another file', externalWeights('../weights.bin'), 'outside'],
    ['a loop', endlessLoop(), 'model'],
    ['what is no ONNX', Uint8Array.of(1, 2, 3), 'model'],
  ])('refuses a model of %s without loading it', async (_, onnx, kind) => {
    const refusal = await refusalOf(async () => undefined, { onnx });
    expect(refusal.kind).toBe(kind);
    expect(refusal.message).toContain('model.onnx');
  });

  it('refuses one changed byte in any listed file, at 200 random places each', async () => {
    await inFolder(async (directory) => {
      await writeTestBundle(directory, { extra: new Map([['DATA.md', Buffer.alloc(300, 'x')]]) });
      for (const name of ['model.onnx', 'DATA.md']) {
        const path = join(directory, name);
        const original = await readFile(path);
        for (let place = 0; place < 200; place += 1) {
          const changed = Buffer.from(original);
          const at = Math.floor(Math.random() * changed.length);
          changed[at] = (changed[at] as number) ^ (1 + Math.floor(Math.random() * 255));
          await writeFile(path, changed);
          await expect(loadBundle(directory)).rejects.toMatchObject({ kind: 'changed' });
        }
        await writeFile(path, original);
      }
      await expect(loadBundle(directory)).resolves.toBeDefined();
    });
  });
});
