// Shows that the model's process may hang, crash, be stopped or not start: it is replaced, and nothing waits for ever.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  expectedScores,
  inFolder,
  layersModel,
  writeTestBundle,
} from '../models/bundle.fixture.ts';
import { type Bundle, loadBundle } from '../models/bundle.ts';
import { nanWeights } from '../models/hostile-models.fixture.ts';
import { childScript } from './child-process.ts';
import { type Classifier, WorkerDiedError } from './classifier.ts';
import { isAlive } from './is-alive.ts';
import { writeSlowModel } from './slow-model.fixture.ts';
import type { WorkerEvent } from './restarting-worker.ts';
import { CRASH, FAIL, HANG, inGuilty } from './guilty-worker.fixture.ts';
import { createWorkerClassifier, type WorkerOptions } from './worker-classifier.ts';

const ROW = [0.1, 0.2, 0.3, 0.4];

let events: WorkerEvent[];
let classifiers: Classifier[];

async function start(bundle: Bundle, options: WorkerOptions = {}): Promise<Classifier> {
  const onEvent = (event: WorkerEvent) => events.push(event);
  const classifier = await createWorkerClassifier(bundle, { onEvent, ...options });
  classifiers.push(classifier);
  return classifier;
}

beforeEach(() => {
  events = [];
  classifiers = [];
});
afterEach(async () => {
  await Promise.all(classifiers.map((classifier) => classifier.close()));
});

const bundleOf = (parts = {}) =>
  inFolder(async (directory) => {
    await writeTestBundle(directory, parts);
    return loadBundle(directory);
  });

const classify = (classifier: Classifier, first = ROW[0] as number) =>
  classifier.classify(Float32Array.from([first, ...ROW.slice(1)]), 1);

async function untilKind(kind: WorkerEvent['kind']): Promise<WorkerEvent> {
  for (;;) {
    const event = events.find((one) => one.kind === kind);
    if (event) return event;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('the classifier over a process', () => {
  it.each([
    ['onnx', {}, 'onnx'],
    ['TF.js', { tfjs: layersModel() }, 'tfjs-wasm'],
  ])('scores as the model itself (%s)', async (_, parts, runtime) => {
    const classifier = await start(await bundleOf(parts));
    expect(classifier).toMatchObject({
      model: { name: 'linear', runtime },
      labels: ['metal', 'rock'],
      limits: { width: 4, minimum: 0, maximum: 1 },
      inference: { place: 'process' },
    });
    const scores = await classify(classifier);
    for (const [index, score] of expectedScores(ROW).entries()) {
      expect(scores[index]).toBeCloseTo(score, 5);
    }
  });

  it('tells what is wrong with its use, and serves on', async () => {
    const classifier = await start(await bundleOf());
    await expect(classifier.classify(new Float32Array(3), 1)).rejects.toThrow('expected rows × 4');
    expect(await classify(classifier)).toHaveLength(2);
  });

  it('refuses the bundle that the model itself would refuse', async () => {
    const broken = bundleOf({ onnx: nanWeights(), activation: 'none' });
    await expect(start(await broken)).rejects.toMatchObject({
      code: 'BUNDLE_REFUSED',
      kind: 'golden',
    });
  });

  it('is of no use once it is closed', async () => {
    const classifier = await start(await bundleOf());
    await classifier.close();
    await classifier.close();
    await expect(classify(classifier)).rejects.toThrow('closed');
    expect(events).toEqual([]);
  });
});

describe('a run of a real model that does not end', () => {
  it('is stopped when its time is over, and the next one is answered by a new process', async () => {
    const bundle = await inFolder(async (folder) => {
      await writeSlowModel({ folder, millisecondsPerRow: 0, hangOn: HANG });
      return loadBundle(folder);
    });
    const classifier = await start(bundle, { timeoutMs: 1500 });
    const pid = () => classifier.describeWorkers?.()[0]?.pid ?? null;
    const first = pid();
    const hanging = classify(classifier, HANG);
    const waiting = classify(classifier);
    await expect(hanging).rejects.toThrow('it took longer than 1.5 s and was stopped');
    await expect(hanging).rejects.toBeInstanceOf(WorkerDiedError);
    expect((await waiting)[0]).toBeCloseTo(expectedScores(ROW)[0] as number, 4);
    expect(pid()).not.toBe(first);
    expect(events).toEqual([
      { kind: 'died', how: 'it took longer than 1.5 s and was stopped', pid: first },
      { kind: 'started', milliseconds: expect.any(Number), pid: pid() },
    ]);
  });
});

describe("the model's process", () => {
  it('is replaced when it crashes', async () => {
    await inGuilty(async ({ options, bundle, lives }) => {
      const classifier = await start(bundle, options);
      const crash = classify(classifier, CRASH);
      const next = classify(classifier);
      await expect(crash).rejects.toThrow('its process was ended by SIGSEGV');
      expect([...(await next)]).toEqual([0.5, 0.5]);
      expect(await lives()).toHaveLength(2);
    });
  });

  it('is replaced when it is frozen (SIGSTOP) while nothing runs', async () => {
    await inGuilty(async ({ options, bundle, lives }) => {
      const classifier = await start(bundle, options);
      const [pid] = (await lives()) as [number];
      process.kill(pid, 'SIGSTOP');
      await expect(classify(classifier)).rejects.toBeInstanceOf(WorkerDiedError);
      expect([...(await classify(classifier))]).toEqual([0.5, 0.5]);
      expect(isAlive(pid)).toBe(false);
    });
  });

  it('is kept when the model merely fails', async () => {
    await inGuilty(async ({ options, bundle, lives }) => {
      const classifier = await start(bundle, options);
      await expect(classify(classifier, FAIL)).rejects.toThrow('no answer to this');
      await classify(classifier);
      expect(await lives()).toHaveLength(1);
    });
  });

  it('that no longer starts makes readings fail instead of wait, until it starts again', async () => {
    await inGuilty(async ({ options, bundle, breakLoading }) => {
      const classifier = await start(bundle, options);
      await breakLoading('yes');
      await expect(classify(classifier, CRASH)).rejects.toBeInstanceOf(WorkerDiedError);
      await expect(classify(classifier)).rejects.toThrow("the model's process does not start");
      expect(await untilKind('down')).toMatchObject({
        how: expect.stringContaining('its process ended (exit 1'),
      });
      await expect(classify(classifier)).rejects.toThrow("the model's process does not start");
      await breakLoading('no');
      await untilKind('started');
      expect([...(await classify(classifier))]).toEqual([0.5, 0.5]);
    });
  });

  it('that cannot be loaded at first is a refused bundle', async () => {
    await inGuilty(async ({ options, bundle, breakLoading }) => {
      await breakLoading('yes');
      await expect(start(bundle, options)).rejects.toMatchObject({ code: 'BUNDLE_REFUSED' });
      expect(events).toEqual([]);
    });
  });

  it('is gone when the classifier is closed, whatever it does', async () => {
    await inGuilty(async ({ options, bundle, lives }) => {
      const classifier = await start(bundle, { ...options, timeoutMs: 60_000 });
      const hanging = classify(classifier, HANG).catch((error: unknown) => error);
      await classifier.close();
      expect(await hanging).toBeInstanceOf(Error);
      for (const pid of await lives()) expect(isAlive(pid)).toBe(false);
    });
  });
});

describe('a process that serves with a process for its model', () => {
  /** Tells the process ids of its own and of its children, and hangs in its model. */
  const serve = (folder: string) => `
    import { readFileSync, readdirSync } from 'node:fs';
    import { createWorkerClassifier } from ${JSON.stringify(new URL('./worker-classifier.ts', import.meta.url).href)};
    import { loadBundle } from ${JSON.stringify(new URL('../models/bundle.ts', import.meta.url).href)};
    const classifier = await createWorkerClassifier(await loadBundle(${JSON.stringify(folder)}));
    const children = readdirSync('/proc').filter((pid) => /^[0-9]+$/.test(pid)).filter((pid) => {
      try {
        return readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ')[1].split(' ')[1] === String(process.pid);
      } catch {
        return false;
      }
    });
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => {});
    const row = new Float32Array(4);
    process.on('message', async (first) => {
      row[0] = first;
      process.send([...(await classifier.classify(row, 1))]);
    });
    process.send(children.map(Number));
  `;
  const tsx = fileURLToPath(import.meta.resolve('tsx'));

  async function inServing(
    test: (child: ReturnType<typeof spawn>, workers: number[]) => Promise<void>,
  ): Promise<void> {
    await inFolder(async (folder) => {
      const bundle = join(folder, 'bundle');
      await writeSlowModel({ folder: bundle, millisecondsPerRow: 0, hangOn: HANG });
      const path = join(folder, 'serve.mjs');
      await writeFile(path, serve(bundle));
      const child = spawn(process.execPath, ['--import', tsx, path], {
        // A group of its own, as a terminal or a service gives it.
        detached: true,
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      try {
        const [workers] = (await once(child, 'message')) as [number[]];
        expect(workers.length).toBeGreaterThan(0);
        await test(child, workers);
      } finally {
        child.kill('SIGKILL');
      }
    });
  }

  const untilGone = async (pids: readonly number[]) => {
    while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 50));
  };

  it.each(['idle', 'hanging'])('takes it along when it is killed, %s', async (state) => {
    await inServing(async (child, workers) => {
      if (state === 'hanging') {
        child.send(0);
        await once(child, 'message');
        child.send(HANG);
        // Until the model is at it: it takes memory that it did not have.
        for (let before = await cpuTicks(workers); (await cpuTicks(workers)) < before + 20; ) {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
      child.kill('SIGKILL');
      await untilGone(workers);
    });
  });

  const cpuTicks = async (pids: readonly number[]) => {
    let sum = 0;
    for (const pid of pids) {
      const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      sum += Number(stat[11]) + Number(stat[12]);
    }
    return sum;
  };

  it('is looked for by its number: a child whose agent went while it started ends too', async () => {
    const script = fileURLToPath(childScript('worker', import.meta.url));
    const loader = createRequire(import.meta.url).resolve('tsx');
    const gone = spawn(process.execPath, ['-e', '0']);
    await once(gone, 'exit');
    const child = spawn(process.execPath, ['--import', loader, script, String(gone.pid)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  it('keeps it when a signal reaches the whole group, since it drains first', async () => {
    await inServing(async (child, workers) => {
      const group = -(child.pid as number);
      process.kill(group, 'SIGINT');
      process.kill(group, 'SIGTERM');
      child.send(0);
      const [scores] = (await once(child, 'message')) as [number[]];
      expect(scores).toHaveLength(2);
      expect(workers.every(isAlive)).toBe(true);
    });
  });
});
