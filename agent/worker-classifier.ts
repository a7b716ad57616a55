// The classifier over processes of its own: each takes the next run as soon as it is free.
import type { Bundle } from '../models/bundle.ts';
import type { Classifier, InferenceChoice } from './classifier.ts';
import { RestartingWorker, type RestartingWorkerOptions } from './restarting-worker.ts';

export interface WorkerOptions extends RestartingWorkerOptions {
  /** How many processes. Default 1. */
  readonly workers?: number;
  /** Why it computes there, and how fast. */
  readonly inference?: Omit<InferenceChoice, 'place'>;
}

/**
 * Loads the bundle's model in processes of its own, which end with this one.
 * @throws {BundleRefusedError} the model cannot be loaded, or ends the process that loads it
 */
export async function createWorkerClassifier(
  bundle: Bundle,
  options: WorkerOptions = {},
): Promise<Classifier> {
  const { workers = 1 } = options;
  const pool = new WorkerPool(bundle, workers, options);
  const { labels, limits, model } = await pool.start();
  return {
    model,
    limits,
    labels,
    inference: { why: 'as asked', ...options.inference, place: 'process' },
    workers,
    describeWorkers: () => pool.describe(),
    classify: (values, rows) => pool.classify(values, rows),
    close: () => pool.close(),
  };
}

interface Job {
  readonly values: Float32Array;
  readonly rows: number;
  resolve(scores: Promise<Float32Array>): void;
  reject(error: Error): void;
}

class WorkerPool {
  private readonly workers: readonly RestartingWorker[];
  /** What no process has taken yet, in order: none is bound to one that may be starting. */
  private jobs: Job[] = [];
  private closed = false;

  constructor(bundle: Bundle, workers: number, options: RestartingWorkerOptions) {
    this.workers = Array.from(
      { length: workers },
      () => new RestartingWorker(bundle, options, () => this.assign()),
    );
  }

  async start() {
    try {
      const [first] = await Promise.all(this.workers.map((worker) => worker.start()));
      if (!first) throw new Error('expected at least one worker');
      return first;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  describe() {
    return this.workers.map((worker) => worker.describe());
  }

  classify(values: Float32Array, rows: number): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      this.jobs.push({ values, rows, resolve, reject });
      this.assign();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.assign();
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  /** Gives out what waits, to who is free; where nobody will be, it fails. */
  private assign(): void {
    const reason = this.closed
      ? 'the classifier is closed'
      : this.workers.every(({ state }) => state === 'down')
        ? "the model's process does not start"
        : null;
    if (reason !== null) {
      for (const job of this.jobs.splice(0)) job.reject(new Error(reason));
      return;
    }
    for (const worker of this.workers) {
      const [job] = this.jobs;
      if (!job) return;
      if (worker.state !== 'free') continue;
      this.jobs.shift();
      job.resolve(worker.run(job.values, job.rows));
    }
  }
}
