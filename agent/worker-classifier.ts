// The classifier over a process of its own: one that hangs or crashes is replaced, and what waits stays.
import type { Bundle } from '../models/bundle.ts';
import { BundleRefusedError } from '../models/bundle-refused.ts';
import { childScript } from './child-process.ts';
import { type Classifier, type InferenceChoice, WorkerDiedError } from './classifier.ts';
import type { ClassifierOptions } from './create-classifier.ts';
import type { WorkerReply } from './worker-messages.ts';
import { WorkerProcess } from './worker-process.ts';

export interface WorkerOptions {
  readonly runtime?: ClassifierOptions['runtime'];
  /** How long one run may take before its process is killed. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Why it computes there, and how fast. */
  readonly inference?: Omit<InferenceChoice, 'place'>;
  /** Told of each death and each return, for the log. */
  readonly onEvent?: (event: WorkerEvent) => void;
  /** The child's module, for tests. */
  readonly script?: URL;
}

export type WorkerEvent =
  | { readonly kind: 'died'; readonly how: string }
  | { readonly kind: 'started'; readonly milliseconds: number }
  /** It has died several times while it loaded: readings are refused until it is back. */
  | { readonly kind: 'down'; readonly how: string; readonly retryMs: number };

const CHILD = childScript('worker', import.meta.url);
const RUN_TIMEOUT_MS = 10_000;
const LOAD_TIMEOUT_MS = 30_000;
/** So many deaths while loading, one after the other, and nobody waits for the next one any more. */
const MAX_FAILURES = 3;
const MAX_RETRY_MS = 5_000;

type Loaded = Extract<WorkerReply, { kind: 'loaded' }>;

/**
 * Loads the bundle's model in a process of its own, which ends with this one.
 * @throws {BundleRefusedError} the model cannot be loaded, or ends the process that loads it
 */
export async function createWorkerClassifier(
  bundle: Bundle,
  options: WorkerOptions = {},
): Promise<Classifier> {
  const worker = new RestartingWorker(bundle, options);
  const { labels, limits, model } = await worker.start();
  const inference: InferenceChoice = { why: 'as asked', ...options.inference, place: 'process' };
  return {
    model,
    limits,
    labels,
    inference,
    classify: (values, rows) => worker.classify(values, rows),
    close: () => worker.close(),
  };
}

class RestartingWorker {
  private readonly bundle: Bundle;
  private readonly options: WorkerOptions;
  /** The one that has loaded the model. */
  private process: WorkerProcess | null = null;
  /** The youngest, whatever it does. */
  private youngest: WorkerProcess | null = null;
  /** Resolves when a process has loaded the model, or when that has failed too often. */
  private ready: Promise<void> = Promise.resolve();
  private queue: Promise<unknown> = Promise.resolve();
  private closed = false;
  private wake: () => void = () => {};

  constructor(bundle: Bundle, options: WorkerOptions) {
    this.bundle = bundle;
    this.options = options;
  }

  /** The first start: its failure is the caller's. */
  async start(): Promise<Loaded> {
    try {
      return await this.load();
    } catch (error) {
      if (!(error instanceof WorkerDiedError)) throw error;
      throw new BundleRefusedError(
        `the bundle ${this.bundle.manifest.name} ${this.bundle.manifest.version} in ${this.bundle.directory} is refused: ${error.message}`,
        'Do not serve it; find out where the model comes from and export it again.',
        { kind: 'trial', cause: error },
      );
    }
  }

  /** One run at a time, in the order of the calls. */
  classify(values: Float32Array, rows: number): Promise<Float32Array> {
    const result = this.queue.then(() => this.run(values, rows));
    this.queue = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.wake();
    await this.youngest?.close();
  }

  private async run(values: Float32Array, rows: number): Promise<Float32Array> {
    await this.ready;
    if (this.closed) throw new Error('the classifier is closed');
    if (!this.process) throw new Error("the model's process does not start");
    const reply = await this.process.ask(
      { values, rows },
      this.options.timeoutMs ?? RUN_TIMEOUT_MS,
    );
    if (reply.kind === 'scores') return reply.scores;
    throw new Error(reply.kind === 'failed' ? reply.message : "the model's process is out of step");
  }

  private async load(): Promise<Loaded> {
    const { bundle } = this;
    const child = new WorkerProcess(this.options.script ?? CHILD, (how) => {
      if (this.process !== child) return;
      this.process = null;
      this.tell({ kind: 'died', how });
      this.ready = this.restart();
    });
    this.youngest = child;
    const reply = await child.ask({ bundle, runtime: this.options.runtime }, LOAD_TIMEOUT_MS);
    if (reply.kind === 'loaded') {
      this.process = child;
      return reply;
    }
    child.kill('it did not load the model');
    if (reply.kind !== 'refused') throw new Error("the model's process is out of step");
    throw new BundleRefusedError(reply.message, reply.remedy, { kind: reply.problem });
  }

  /** Starts processes until one has loaded the model; resolves early once nobody should wait. */
  private restart(): Promise<void> {
    return new Promise((resolve) => {
      void this.tryUntilLoaded(resolve).then(resolve);
    });
  }

  private async tryUntilLoaded(giveUpWaiting: () => void): Promise<void> {
    const startMs = performance.now();
    for (let failures = 1; !this.closed; failures += 1) {
      try {
        await this.load();
        this.tell({ kind: 'started', milliseconds: Math.round(performance.now() - startMs) });
        return;
      } catch (error) {
        const how = error instanceof Error ? error.message : String(error);
        const retryMs = Math.min(100 * 2 ** failures, MAX_RETRY_MS);
        if (failures < MAX_FAILURES) this.tell({ kind: 'died', how });
        else {
          this.tell({ kind: 'down', how, retryMs });
          giveUpWaiting();
        }
        await this.pause(retryMs);
      }
    }
  }

  private tell(event: WorkerEvent): void {
    if (!this.closed) this.options.onEvent?.(event);
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      timer.unref();
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
