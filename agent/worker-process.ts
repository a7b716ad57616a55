// One life of the model's process: from its start to its death, one request at a time.
import type { ChildProcess } from 'node:child_process';
import { isRunning, startChild, tailOf } from './child-process.ts';
import { WorkerDiedError } from './classifier.ts';
import type { WorkerLoad, WorkerReply, WorkerRun } from './worker-messages.ts';

/** What keeps this process alive, or does not. */
type Handle = { ref?(): void; unref?(): void } | null | undefined;

export class WorkerProcess {
  private readonly gone: Promise<void>;
  private readonly child: ChildProcess;
  private end: string | null = null;
  private asked: {
    resolve(reply: WorkerReply): void;
    reject(error: WorkerDiedError): void;
  } | null = null;

  /** @param onDeath told before those who wait for an answer */
  constructor(script: URL, onDeath: (how: string) => void) {
    const child = startChild(script);
    const stderr = tailOf(child);
    this.child = child;
    // A request has a timer, which keeps this process alive; a child that only waits must not.
    const handles: Handle[] = [child, child.channel, child.stderr as Handle];
    for (const one of handles) one?.unref?.();
    child.on('message', (reply: WorkerReply) => {
      const { asked } = this;
      this.asked = null;
      asked?.resolve(reply);
    });
    this.gone = new Promise((resolve) => {
      const finish = (how: string) => {
        this.end ??= how;
        onDeath(this.end);
        this.asked?.reject(new WorkerDiedError(this.end));
        this.asked = null;
        resolve();
      };
      child.once('error', (error) => finish(`its process could not be started: ${error.message}`));
      child.once('close', (code, signal) => finish(describeEnd(code, signal, stderr())));
    });
  }

  get pid(): number | null {
    return this.child.pid ?? null;
  }

  /**
   * Sends a message and waits for its answer; one at a time.
   * @throws {WorkerDiedError} the process died, or was killed because it took longer than the time-out
   */
  async ask(message: WorkerLoad | WorkerRun, timeoutMs: number): Promise<WorkerReply> {
    if (this.end !== null) throw new WorkerDiedError(this.end);
    const timer = setTimeout(() => {
      this.kill(`it took longer than ${timeoutMs / 1000} s and was stopped`);
    }, timeoutMs);
    try {
      return await new Promise<WorkerReply>((resolve, reject) => {
        this.asked = { resolve, reject };
        // A process that is gone tells why by its end; one that merely hears nothing is of no use.
        this.child.send(message, (error) => {
          if (error) this.kill(`it could not be reached: ${error.message}`);
        });
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Kills it and waits until it is gone. */
  async close(): Promise<void> {
    // Whoever waits for this has perhaps nothing else that keeps this process alive.
    const handles: Handle[] = [this.child, this.child.stderr as Handle];
    for (const one of handles) one?.ref?.();
    this.kill('it was closed');
    await this.gone;
  }

  /** @param why its end, for a person */
  kill(why: string): void {
    if (!isRunning(this.child)) return;
    this.end ??= why;
    this.child.kill('SIGKILL');
  }
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null, stderr: string): string {
  if (signal) return `its process was ended by ${signal}`;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return `its process ended (exit ${code}${last && `: ${last}`})`;
}
