// Runs echolot model inspect, verify, keygen, sign and pack as typed, on bundles of its own.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { graphModel, inFolder, WEIGHTS, writeTestBundle } from '../../models/bundle.fixture.ts';
import { linearModel, sklearnModel } from '../../models/onnx-models.fixture.ts';
import { addModelCommand } from './model.ts';

/** What a command wrote to standard output; rejects as it fails. */
async function echolot(...args: string[]): Promise<string> {
  const stdout = new PassThrough();
  const context = {
    env: {},
    stdin: Readable.from([]),
    stdout,
    stderr: new PassThrough(),
    exitCode: 0,
  };
  const program = new Command('echolot').exitOverride();
  program.configureOutput({ writeErr: () => undefined });
  addModelCommand(program, context);
  await program.parseAsync(['model', ...args], { from: 'user' });
  stdout.end();
  return text(stdout);
}

const inBundle = (test: (bundle: string, beside: (name: string) => string) => Promise<void>) =>
  inFolder(async (directory) => {
    const bundle = join(directory, 'bundle');
    await writeTestBundle(bundle);
    await test(bundle, (name) => join(directory, name));
  });

describe('echolot model', () => {
  it('inspect shows the manifest and the graph', async () => {
    await inBundle(async (bundle) => {
      const shown = await echolot('inspect', bundle);
      expect(shown).toMatch(/^name +linear 1\.0\.0$/m);
      expect(shown).toMatch(/^labels +metal, rock$/m);
      expect(shown).toMatch(/^graph in +"x" \(float32, rows × 4\)$/m);
      expect(shown).toMatch(/^operators +1 MatMul$/m);
      const { digest, manifest } = JSON.parse(await echolot('inspect', bundle, '--json'));
      expect(digest).toMatch(/^sha256:/);
      expect(manifest).toEqual(JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8')));
    });
  });

  it('verify runs the golden vectors on every runtime of the bundle', async () => {
    await inFolder(async (bundle) => {
      const parts = {
        onnx: linearModel(WEIGHTS),
        tfjs: graphModel(),
        tfjsFormat: 'graph',
      } as const;
      await writeTestBundle(bundle, parts);
      const shown = await echolot('verify', bundle);
      expect(shown).toContain('3 files hold their digests');
      expect(shown).toContain('there is no signature');
      expect(shown).toContain('golden vectors hold on onnx');
      expect(shown).toContain('golden vectors hold on tfjs-');
      expect(shown.trimEnd()).toMatch(/\nverified$/);
    });
  });

  it('verify fails on a golden vector that does not hold, unless nothing is to be run', async () => {
    await inFolder(async (bundle) => {
      await writeTestBundle(bundle, { golden: [{ values: [0, 0, 0, 0], scores: [1, 0] }] });
      await expect(echolot('verify', bundle)).rejects.toMatchObject({ kind: 'golden' });
      expect(await echolot('verify', bundle, '--no-run')).toContain('verified');
    });
  });

  it('keygen, sign and verify --key go together', async () => {
    await inBundle(async (bundle, beside) => {
      const key = beside('signing.pem');
      expect(await echolot('keygen', key)).toContain(`${key}.pub`);
      const verify = () => echolot('verify', bundle, '--key', `${key}.pub`, '--no-run');
      await expect(verify()).rejects.toMatchObject({ kind: 'unsigned', exitCode: 70 });
      expect(await echolot('sign', bundle, '--key', key)).toContain('linear 1.0.0');
      expect(await verify()).toContain('the signature is by this key');
      await writeFile(join(bundle, 'notes.txt'), '');
      await expect(verify()).rejects.toMatchObject({ kind: 'unlisted', exitCode: 70 });
    });
  });

  it("pack makes a bundle that verifies of scikit-learn's ONNX with ZipMap", async () => {
    await inFolder(async (directory) => {
      const onnx = join(directory, 'iris.onnx');
      const out = join(directory, 'bundle');
      const weights = [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [1, 1, 1],
      ];
      await writeFile(onnx, sklearnModel(weights, { zipMap: true }));
      const labels = 'setosa,versicolor,virginica';
      const shown = await echolot('pack', '--onnx', onnx, '--labels', labels, '--out', out);
      expect(shown).toContain('note: ZipMap was taken out of the graph');
      expect(shown).toContain(`iris 1.0.0`);
      expect(await echolot('verify', out)).toContain('verified');
    });
  });

  it('pack says what it found and what it expected', async () => {
    await inFolder(async (directory) => {
      const onnx = join(directory, 'iris.onnx');
      await writeFile(onnx, sklearnModel([[1, 0, 0]]));
      const out = join(directory, 'bundle');
      await expect(
        echolot('pack', '--onnx', onnx, '--labels', 'a,b', '--out', out),
      ).rejects.toMatchObject({
        exitCode: 70,
        message: expect.stringContaining('expected 3 labels'),
      });
    });
  });
});
