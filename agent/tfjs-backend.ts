// The backend that TF.js computes on: native where it is installed and really computes, else WASM, else JS.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Runtime } from '../schemas/messages.ts';

export type TfjsRuntime = Exclude<Runtime, 'onnx'>;

/** TF.js's own names. */
const BACKENDS = { 'tfjs-node': 'tensorflow', 'tfjs-wasm': 'wasm', 'tfjs-cpu': 'cpu' } as const;

/** In order of preference. */
const ORDER: readonly TfjsRuntime[] = ['tfjs-node', 'tfjs-wasm', 'tfjs-cpu'];

/**
 * Starts the best backend that computes here, or the one that is asked for.
 * @throws {Error} the one asked for does not compute here
 */
export async function startBackend(wanted?: TfjsRuntime): Promise<TfjsRuntime> {
  // Without it TF.js advises on standard error to install its native backend.
  tf.env().set('PROD', true);
  const failures: string[] = [];
  for (const runtime of wanted ? [wanted] : ORDER) {
    try {
      await register(runtime);
      if (!(await tf.setBackend(BACKENDS[runtime]))) throw new Error('it does not start');
      probe();
      return runtime;
    } catch (error) {
      failures.push(`${runtime}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`no TF.js backend computes here (${failures.join('; ')})`);
}

/**
 * Classifiers on different backends may share a process: each selects its own right before it computes.
 * The backend has been started, so that the switch is done when this returns.
 */
export function selectBackend(runtime: TfjsRuntime): void {
  if (tf.getBackend() !== BACKENDS[runtime]) void tf.setBackend(BACKENDS[runtime]);
}

async function register(runtime: TfjsRuntime): Promise<void> {
  if (runtime === 'tfjs-node') {
    // Optional, so not resolved before it is asked for.
    const name: string = '@tensorflow/tfjs-node';
    await import(name);
  } else if (runtime === 'tfjs-wasm') {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    const resolved = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(join(dirname(resolved), '/'));
    wasm.setThreadsCount(1);
  } else {
    await import('@tensorflow/tfjs-backend-cpu');
  }
}

/** On newer versions of Node the native backend loads, and fails at its first operation. */
function probe(): void {
  const product = tf.tidy(() =>
    tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync(),
  );
  if (product[0] !== 11) throw new Error('it computes wrongly');
}
