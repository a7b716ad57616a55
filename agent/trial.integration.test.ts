// Shows that a candidate may crash, hang or swell in its trial, and that the agent's process goes on.
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  inFolder,
  layersModel,
  type TestBundle,
  WEIGHTS,
  writeTestBundle,
} from '../models/bundle.fixture.ts';
import { type Bundle, loadBundle } from '../models/bundle.ts';
import {
  endlessLoop,
  growingTensor,
  hugeTensor,
  nanWeights,
  nestedFunctions,
  slowModel,
} from '../models/hostile-models.fixture.ts';
import { linearModel } from '../models/onnx-models.fixture.ts';
import { signBundle } from '../models/sign.ts';
import { generateSigningKey } from '../models/signing-key.ts';
import { loadModel } from './load-model.ts';
import { writeSlowModel } from './slow-model.fixture.ts';
import { runInChild } from './trial-process.ts';
import { tryBundle } from './trial.ts';
import type { WorkerEvent } from './restarting-worker.ts';

function bundleOf(parts: TestBundle = {}): Promise<Bundle> {
  return inFolder(async (directory) => {
    await writeTestBundle(directory, parts);
    return loadBundle(directory);
  });
}

/** Puts another model under a loaded bundle, past the checks that would see what it is. */
async function smuggle(onnx: Uint8Array): Promise<Bundle> {
  const bundle = await bundleOf({ onnx: linearModel(WEIGHTS) });
  return { ...bundle, files: new Map([['model.onnx', onnx]]) };
}

/** The trials under way that have come so far as to handle the last of the signals, as the kernel has it. */
function hearingChildren(): number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  const bit = 1n << BigInt(constants.signals.SIGUSR2 - 1);
  return children
    .split(' ')
    .filter((pid) => pid !== '')
    .map(Number)
    .filter((pid) => {
      const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
      const caught = BigInt(`0x${/^SigCgt:\t(\w+)$/m.exec(read('status'))?.[1] ?? '0'}`);
      return read('cmdline').includes('trial.child') && (caught & bit) !== 0n;
    });
}

describe('a trial', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)(
    'is not ended by %s to all processes of its service',
    async (signal) => {
      let isOver = false;
      const result = tryBundle(await bundleOf()).finally(() => {
        isOver = true;
      });
      // One that is lost before the process hears signals would prove nothing.
      while (!isOver && !hearingChildren().some((pid) => process.kill(pid, signal))) {
        await sleep(1);
      }
      expect(isOver).toBe(false);
      expect(await result).toMatchObject({ ok: true });
    },
  );

  it.each([
    ['onnx', {}, /^onnx$/],
    ['TF.js', { tfjs: layersModel() }, /^tfjs-/],
  ])('tells how a sound bundle does on %s', async (_, parts, runtime) => {
    const result = await tryBundle(await bundleOf(parts));
    expect(result).toEqual({
      ok: true,
      facts: {
        runtime: expect.stringMatching(runtime),
        goldenError: expect.any(Number),
        singleMs: expect.any(Number),
        batchMs: expect.any(Number),
        rowMs: expect.any(Number),
      },
    });
  });

  it('says which golden vector check failed, as the agent itself would', async () => {
    const golden = [{ values: [0, 0, 0, 0], scores: [0.9, 0.1] }];
    expect(await tryBundle(await bundleOf({ golden }))).toMatchObject({
      ok: false,
      kind: 'golden',
      message: expect.stringContaining('off by 0.400'),
    });
  });

  it('tries the bytes that it is given, not what the folder holds now', async () => {
    const bundle = await bundleOf();
    expect(await tryBundle({ ...bundle, directory: '/nonexistent' })).toMatchObject({ ok: true });
  });

  it.each<[string, Uint8Array, string]>([
    ['crashes while it loads', nestedFunctions(3000), 'crashed the process that loaded it (SIG'],
    ['takes 400 MB', hugeTensor(1e8), 'Failed to allocate memory'],
    ['takes 40 GB', hugeTensor(1e10), 'Failed to allocate memory'],
  ])('refuses a model that %s', async (_, onnx, message) => {
    const result = await tryBundle(await smuggle(onnx));
    expect(result).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  });

  it('refuses a model whose memory grows with the readings, though its golden vectors are small', async () => {
    const golden = [{ values: [0, 0, 0, 0], scores: [0.5, 0.5] }];
    const small = { onnx: growingTensor(1000), activation: 'none', golden } as const;
    expect(await tryBundle(await bundleOf(small))).toMatchObject({ ok: true });
    const result = await tryBundle(await bundleOf({ ...small, onnx: growingTensor(1e9) }));
    expect(result).toMatchObject({
      ok: false,
      kind: 'trial',
      message: expect.stringContaining('memory'),
    });
  });

  it.each([
    ['loops without end', endlessLoop()],
    ['computes for minutes', slowModel()],
  ])('refuses a model that %s, when its time is over', async (_, onnx) => {
    const result = await tryBundle(await smuggle(onnx), { timeoutMs: 3000 });
    expect(result).toMatchObject({
      kind: 'trial',
      message: expect.stringContaining('took longer than 3 s and was stopped'),
    });
  });
});

describe('a child process', () => {
  const limits = { timeoutMs: 10_000, memoryBytes: 384 * 2 ** 20 };
  const script = (code: string) => new URL(`data:text/javascript,${encodeURIComponent(code)}`);

  it('that swells in its own memory is stopped and told', async () => {
    await inFolder(async (directory) => {
      const path = `${directory}/swell.js`;
      await writeFile(path, 'const all = []; for (;;) all.push(new Array(1e6).fill(0));');
      const outcome = await runInChild(pathToFileURL(path), {}, limits);
      expect(outcome).toEqual({ ok: false, reason: 'needed more than 384 MiB of memory' });
    });
  });

  it('gets no environment', async () => {
    await inFolder(async (directory) => {
      const path = `${directory}/env.cjs`;
      await writeFile(path, "process.on('message', () => process.send(Object.keys(process.env)));");
      const outcome = await runInChild(pathToFileURL(path), {}, limits);
      expect(outcome).toMatchObject({
        ok: true,
        reply: expect.not.arrayContaining(['PATH', 'HOME']),
      });
    });
  });

  it('is in a process group of its own, so that Ctrl-C in a terminal does not end it', async () => {
    await inFolder(async (directory) => {
      const path = `${directory}/group.cjs`;
      const stat = "require('node:fs').readFileSync('/proc/self/stat', 'utf8').split(' ')";
      await writeFile(
        path,
        `process.on('message', () => { const stat = ${stat}; process.send([stat[0], stat[4]]); });`,
      );
      const outcome = await runInChild(pathToFileURL(path), {}, limits);
      const [pid, group] = (outcome.ok ? outcome.reply : []) as string[];
      expect(group).toMatch(/^\d+$/);
      expect(group).toBe(pid);
    });
  });

  it('that goes on after its time is over is gone when that is told', async () => {
    await inFolder(async (directory) => {
      const path = `${directory}/hang.cjs`;
      const pidFile = `${directory}/pid`;
      const write = `require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid));`;
      await writeFile(path, `${write} for (;;);`);
      const outcome = await runInChild(pathToFileURL(path), {}, { ...limits, timeoutMs: 1500 });
      expect(outcome).toMatchObject({ reason: 'took longer than 1.5 s and was stopped' });
      const pid = Number(await readFile(pidFile, 'utf8'));
      expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    });
  });

  it('that cannot be found is told, not thrown', async () => {
    const outcome = await runInChild(new URL('./nowhere.js', import.meta.url), {}, limits);
    expect(outcome).toMatchObject({ ok: false, reason: expect.stringContaining('(exit 1') });
  });

  it('is only ever a file', async () => {
    await expect(runInChild(script(''), {}, limits)).rejects.toThrow('file');
  });
});

describe('loading a model', () => {
  it('gives a classifier for a folder', async () => {
    await inFolder(async (directory) => {
      await writeTestBundle(directory);
      const classifier = await loadModel({ directory });
      expect(classifier.model).toMatchObject({ name: 'linear', runtime: 'onnx' });
      await classifier.close();
    });
  });

  it.each([true, false])(
    'puts a small model inline, a slow one elsewhere (trial: %s)',
    async (trial) => {
      await inFolder(async (directory) => {
        await writeTestBundle(directory);
        const small = await loadModel({ directory, trial });
        expect(small.inference).toMatchObject({ place: 'inline' });
        if (trial) expect(small.inference?.rowMs).toBeLessThan(1);
        await small.close();
        await writeSlowModel({ folder: directory, millisecondsPerRow: 10 });
        const slow = await loadModel({ directory, trial });
        expect(slow.inference).toMatchObject({ place: 'process' });
        if (trial) expect(slow.inference?.rowMs).toBeGreaterThan(1);
        expect(await slow.classify(new Float32Array(4), 1)).toHaveLength(2);
        await slow.close();
      });
    },
  );

  it('ends a run that takes longer than it may, where the model has a process of its own', async () => {
    await inFolder(async (directory) => {
      await writeSlowModel({ folder: directory, millisecondsPerRow: 0, hangOn: 0.875 });
      const died: WorkerEvent['kind'][] = [];
      const classifier = await loadModel({
        directory,
        inferenceTimeoutMs: 1000,
        onWorker: ({ kind }) => died.push(kind),
      });
      expect(classifier.inference?.why).toContain('ConstantOfShape');
      const hanging = classifier.classify(new Float32Array(4).fill(0.875), 1);
      await expect(hanging).rejects.toMatchObject({ code: 'WORKER_DIED' });
      expect(died).toEqual(['died']);
      await classifier.close();
    });
  });

  it('refuses an unsigned bundle when there is a key, and serves it once it is signed', async () => {
    await inFolder(async (directory) => {
      const key = await generateSigningKey(`${directory}/k.pem`);
      const bundle = `${directory}/bundle`;
      await writeTestBundle(bundle);
      const options = { directory: bundle, key: key.publicKey };
      await expect(loadModel(options)).rejects.toMatchObject({ kind: 'unsigned', exitCode: 70 });
      await signBundle(bundle, key.privateKey);
      await (await loadModel(options)).close();
    });
  });

  it.each([
    ['nested functions', nestedFunctions(3000)],
    ['an endless loop', endlessLoop()],
    ['a tensor of 400 MB', hugeTensor(1e8)],
    ['a tensor of 4 PB', hugeTensor(1e15)],
    ['minutes of work', slowModel()],
    ['NaN weights', nanWeights()],
  ])('refuses %s', async (_, onnx) => {
    await inFolder(async (directory) => {
      await writeTestBundle(directory, { onnx, activation: 'none' });
      await expect(loadModel({ directory, limits: { timeoutMs: 5000 } })).rejects.toMatchObject({
        code: 'BUNDLE_REFUSED',
        exitCode: 70,
      });
    });
  });
});
