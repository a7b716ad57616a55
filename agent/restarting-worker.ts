// One place for a model's process: when it hangs or crashes another one takes its place, and what waits stays.
import type { Bundle } from '../models/bundle.ts';
import { BundleRefusedError } from '../models/bundle-refused.ts';
import { childScript } from './child-process.ts';
import { WorkerDiedError, type WorkerState } from './classifier.ts';
import type { ClassifierOptions } from './create-classifier.ts';
import type { WorkerReply } from './worker-messages.ts';
import { WorkerProcess } from './worker-process.ts';

export interface RestartingWorkerOptions {
  readonly runtime?: ClassifierOptions['runtime'];
  /** How long one run may take before its process is killed. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Told of each death and each return, for the log. */
  readonly onEvent?: (event: WorkerEvent) => void;
  /** The child's module, for tests. */
  readonly script?: URL;
}

/** `pid` is that of the process that died or started; null where there was none. */
export type WorkerEvent = WorkerChange & { readonly pid: number | null };

type WorkerChange =
  | { readonly kind: 'died'; readonly how: string }
  | { readonly kind: 'started'; readonly milliseconds: number }
  /** It has died several times while it loaded: where all are down, readings are refused until one is back. */
  | { readonly kind: 'down'; readonly how: string; readonly retryMs: number };

const CHILD = childScript('worker', import.meta.url);
const RUN_TIMEOUT_MS = 10_000;
const LOAD_TIMEOUT_MS = 30_000;
/** So many deaths while loading, one after the other, and nobody waits for the next one any more. */
const MAX_FAILURES = 3;
const MAX_RETRY_MS = 5_000;

type Loaded = Extract<WorkerReply, { kind: 'loaded' }>;

export class RestartingWorker {
  private readonly bundle: Bundle;
  private readonly options: RestartingWorkerOptions;
  private readonly onFree: () => void;
  /** The one that has loaded the model. */
  private process: WorkerProcess | null = null;
  /** The youngest, whatever it does. */
  private youngest: WorkerProcess | null = null;
  private isBusy = false;
  private isDown = false;
  private closed = false;
  private deaths = 0;
  private rows = 0;
  private wake: () => void = () => {};

  /** @param onFree told when it could run something, and when nobody should wait for it */
  constructor(bundle: Bundle, options: RestartingWorkerOptions, onFree: () => void) {
    this.bundle = bundle;
    this.options = options;
    this.onFree = onFree;
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

  get state(): WorkerState['state'] {
    if (this.process) return this.isBusy ? 'busy' : 'free';
    return this.isDown ? 'down' : 'starting';
  }

  describe(): WorkerState {
    const { deaths, process, rows, state } = this;
    return { state, pid: process?.pid ?? null, rows, deaths };
  }

  /** Only while it is free. */
  async run(values: Float32Array, rows: number): Promise<Float32Array> {
    if (!this.process || this.isBusy) throw new Error('the worker is not free');
    this.isBusy = true;
    try {
      const timeoutMs = this.options.timeoutMs ?? RUN_TIMEOUT_MS;
      const reply = await this.process.ask({ values, rows }, timeoutMs);
      if (reply.kind === 'failed') throw new Error(reply.message);
      if (reply.kind !== 'scores') throw new Error("the model's process is out of step");
      this.rows += rows;
      return reply.scores;
    } finally {
      this.isBusy = false;
      if (this.process) this.onFree();
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.wake();
    await this.youngest?.close();
  }

  private async load(): Promise<Loaded> {
    const { bundle } = this;
    const child = new WorkerProcess(this.options.script ?? CHILD, (how) => {
      if (this.process !== child) return;
      this.process = null;
      this.deaths += 1;
      this.tell({ kind: 'died', how });
      void this.restart();
    });
    this.youngest = child;
    const reply = await child.ask({ bundle, runtime: this.options.runtime }, LOAD_TIMEOUT_MS);
    if (reply.kind === 'loaded') {
      this.process = child;
      this.isDown = false;
      return reply;
    }
    child.kill('it did not load the model');
    if (reply.kind !== 'refused') throw new Error("the model's process is out of step");
    throw new BundleRefusedError(reply.message, reply.remedy, { kind: reply.problem });
  }

  /** Starts processes until one has loaded the model. */
  private async restart(): Promise<void> {
    const startMs = performance.now();
    for (let failures = 1; !this.closed; failures += 1) {
      try {
        await this.load();
        this.tell({ kind: 'started', milliseconds: Math.round(performance.now() - startMs) });
        this.onFree();
        return;
      } catch (error) {
        const how = error instanceof Error ? error.message : String(error);
        const retryMs = Math.min(100 * 2 ** failures, MAX_RETRY_MS);
        if (failures < MAX_FAILURES) this.tell({ kind: 'died', how });
        else {
          this.isDown = true;
          this.tell({ kind: 'down', how, retryMs });
          this.onFree();
        }
        await this.pause(retryMs);
      }
    }
  }

  private tell(change: WorkerChange): void {
    const pid = this.youngest?.pid ?? null;
    if (!this.closed) this.options.onEvent?.({ ...change, pid });
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
