// For tests: what stands in for the model's process, and dies, hangs or fails as it is told.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inFolder, writeTestBundle } from '../models/bundle.fixture.ts';
import { type Bundle, loadBundle } from '../models/bundle.ts';
import type { WorkerOptions } from './worker-classifier.ts';

/** The first value of a reading, and what becomes of it. */
export const HANG = 0.875;
export const CRASH = 0.625;
export const FAIL = 0.375;

/** Whether a process that starts ends while it loads. */
type Broken = 'yes' | 'no' | 'all but the first';

/** Speaks for the model's process: no model, but each way to die. */
const GUILTY = `
const { appendFileSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const life = join(__dirname, 'lives');
process.on('SIGTERM', () => {});
process.once('disconnect', () => process.exit());
process.once('message', ({ bundle: { manifest } }) => {
  appendFileSync(life, process.pid + '\\n');
  const broken = readFileSync(join(__dirname, 'broken'), 'utf8');
  const isFirst = readFileSync(life, 'utf8').startsWith(process.pid + '\\n');
  if (broken === 'yes' || (broken === 'all but the first' && !isFirst)) throw new Error('cannot load');
  const { name, version, labels, input } = manifest;
  process.on('message', ({ values, rows }) => {
    if (values[0] === ${HANG}) for (;;);
    if (values[0] === ${CRASH}) process.kill(process.pid, 'SIGSEGV');
    if (values[0] === ${FAIL}) process.send({ kind: 'failed', message: 'no answer to this' });
    else process.send({ kind: 'scores', scores: new Float32Array(rows * 2).fill(0.5) });
  });
  const model = { name, version, digest: 'sha256:0', runtime: 'onnx' };
  process.send({ kind: 'loaded', labels, limits: input, model });
});
`;

/** Runs a test with a bundle and the options that have such a process serve it. */
export const inGuilty = <T>(
  test: (process: {
    options: WorkerOptions;
    bundle: Bundle;
    /** The process ids so far. */
    readonly lives: () => Promise<number[]>;
    readonly breakLoading: (broken: Broken) => Promise<void>;
  }) => Promise<T>,
) =>
  inFolder(async (folder) => {
    const breakLoading = (broken: Broken) => writeFile(join(folder, 'broken'), broken);
    await breakLoading('no');
    const path = join(folder, 'guilty.cjs');
    await writeFile(path, GUILTY);
    const lives = async () =>
      (await readFile(join(folder, 'lives'), 'utf8')).trim().split('\n').map(Number);
    const options = { script: pathToFileURL(path), timeoutMs: 1000 };
    await writeTestBundle(join(folder, 'bundle'));
    const bundle = await loadBundle(join(folder, 'bundle'));
    return test({ options, bundle, lives, breakLoading });
  });
