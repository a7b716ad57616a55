// The model's own process: loads a bundle from the bytes that it is sent, and computes what it is asked.
import { Worker } from 'node:worker_threads';
import { BundleRefusedError } from '../models/bundle-refused.ts';
import type { Classifier } from './classifier.ts';
import { createClassifier } from './create-classifier.ts';
import { outliveSignals } from './outlive-signals.ts';
import type { WorkerLoad, WorkerReply, WorkerRun } from './worker-messages.ts';

outliveSignals();
process.once('disconnect', () => process.exit());
// Not `process.ppid`: the agent may have gone while this process started.
endWithParent(Number(process.argv[2]));

let classifier: Classifier | undefined;
process.once('message', (load: WorkerLoad) => {
  void start(load).then((reply) => {
    process.on('message', (run: WorkerRun) => void compute(run).then(send));
    send(reply);
  });
});

function send(reply: WorkerReply): void {
  process.send?.(reply);
}

async function start({ bundle, runtime }: WorkerLoad): Promise<WorkerReply> {
  try {
    classifier = await createClassifier(bundle, { runtime });
    const { labels, limits, model } = classifier;
    return { kind: 'loaded', labels, limits, model };
  } catch (error) {
    if (!(error instanceof BundleRefusedError)) throw error;
    const { kind, message, remedy } = error;
    return { kind: 'refused', problem: kind, message, remedy };
  }
}

async function compute({ rows, values }: WorkerRun): Promise<WorkerReply> {
  try {
    if (!classifier) throw new Error('no model is loaded');
    return { kind: 'scores', scores: await classifier.classify(values, rows) };
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * A run that never ends keeps this thread from hearing that the agent is gone (`disconnect`). Another
 * thread looks whether our parent is still the same.
 */
function endWithParent(parent: number): void {
  const watch = `setInterval(() => {
    if (process.ppid !== ${parent}) process.kill(process.pid, 'SIGKILL');
  }, 500);`;
  new Worker(watch, {
    eval: true,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 8 },
  }).unref();
}
