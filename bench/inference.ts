// Inference alone, without MQTT: the shipped bundles on every runtime that computes here, on one thread.
import type { Classifier } from '../agent/classifier.ts';
import { createOnnxClassifier } from '../agent/onnx-classifier.ts';
import { createTfjsClassifier } from '../agent/tfjs-classifier.ts';
import { type Bundle, loadBundle } from '../models/bundle.ts';
import type { Runtime } from '../schemas/messages.ts';
import { median } from './statistics.ts';

const BUNDLES = ['sonar', 'sonar-baseline'];
const RUNTIMES: readonly Runtime[] = ['onnx', 'tfjs-node', 'tfjs-wasm', 'tfjs-cpu'];
const BATCH = 256;
/** What is promised of ONNX, in microseconds for one row and for a batch. */
const LIMITS = { single: 50, batch: 300 };

/** Microseconds a call took in the best round, which no neighbour disturbed, and in the median one. */
interface Durations {
  readonly best: number;
  readonly median: number;
}

interface Timing {
  readonly bundle: string;
  readonly runtime: Runtime;
  readonly single: Durations;
  readonly batch: Durations;
}

/** @returns true where ONNX keeps to its limits */
export async function benchInference(quick: boolean): Promise<boolean> {
  const rounds = quick ? 7 : 25;
  const timings: Timing[] = [];
  for (const name of BUNDLES) {
    const bundle = await loadBundle(new URL(`../models/${name}`, import.meta.url).pathname);
    for (const runtime of RUNTIMES) {
      process.stderr.write(`\rinference: ${name} on ${runtime}${' '.repeat(12)}`);
      // Native TF.js is there only where somebody installed it.
      const classifier = await create(bundle, runtime).catch((error: unknown) => {
        if (runtime === 'tfjs-node') return null;
        throw error;
      });
      if (classifier) timings.push({ bundle: name, runtime, ...(await time(classifier, rounds)) });
      await classifier?.close();
    }
  }
  process.stderr.write('\n');
  return report(timings);
}

function create(bundle: Bundle, runtime: Runtime): Promise<Classifier> {
  return runtime === 'onnx'
    ? createOnnxClassifier(bundle, { threads: 1 })
    : createTfjsClassifier(bundle, { runtime });
}

async function time(classifier: Classifier, rounds: number) {
  const single: number[] = [];
  const batch: number[] = [];
  await meanOf(classifier, 1, 100);
  await meanOf(classifier, BATCH, 10);
  for (let round = 0; round < rounds; round += 1) {
    single.push(await meanOf(classifier, 1, 100));
    batch.push(await meanOf(classifier, BATCH, 10));
  }
  return { single: durationsOf(single), batch: durationsOf(batch) };
}

function durationsOf(rounds: readonly number[]): Durations {
  return { best: Math.min(...rounds), median: median(rounds) };
}

/** Mean duration of one call, in microseconds. */
async function meanOf(classifier: Classifier, rows: number, calls: number): Promise<number> {
  const values = Float32Array.from({ length: rows * classifier.limits.width }, (_, at) => {
    return ((at * 37) % 101) / 100;
  });
  const startMs = performance.now();
  for (let call = 0; call < calls; call += 1) await classifier.classify(values, rows);
  return ((performance.now() - startMs) / calls) * 1000;
}

function report(timings: readonly Timing[]): boolean {
  console.log('inference on one thread: microseconds of the best round (of the median round)');
  console.log(line('bundle', 'runtime', '1 row', `${BATCH} rows`));
  let met = true;
  for (const { bundle, runtime, single, batch } of timings) {
    const isMet =
      runtime !== 'onnx' || (single.best <= LIMITS.single && batch.best <= LIMITS.batch);
    met &&= isMet;
    console.log(line(bundle, runtime, cell(single), cell(batch)) + (isMet ? '' : '  too slow'));
  }
  const limits = `${LIMITS.single} for one row, ${LIMITS.batch} for ${BATCH}`;
  console.log(`limits of onnx (best round): ${limits}: ${met ? 'met' : 'NOT met'}\n`);
  return met;
}

function line(bundle: string, runtime: string, single: string, batch: string): string {
  return `${bundle.padEnd(16)}${runtime.padEnd(10)}${single.padStart(18)}${batch.padStart(18)}`;
}

function cell({ best, median: usual }: Durations): string {
  const digits = best < 100 ? 1 : 0;
  return `${best.toFixed(digits)} (${usual.toFixed(digits)})`;
}
