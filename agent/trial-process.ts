// A child process that may crash, hang or swell: it gets one message, gives one reply, and is then killed.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { isRunning, startChild, tailOf } from './child-process.ts';

export interface ChildLimits {
  /** Wall-clock time from the start to the reply, and as much processor time. */
  readonly timeoutMs: number;
  /** Writable memory of the process (RLIMIT_DATA), about 110 MB of which Node needs itself. */
  readonly memoryBytes: number;
}

export type ChildOutcome =
  | { readonly ok: true; readonly reply: unknown }
  /** `reason` continues a sentence that begins with what was tried. */
  | { readonly ok: false; readonly reason: string };

/**
 * Starts a module in a process of its own with an empty environment, sends it a message and waits for
 * its first. The child is gone when this returns. Never throws for what the child does. Without /bin/sh only the time is limited.
 * @param script of a file that ends in .js, or in .ts when the program runs from source
 */
export async function runInChild(
  script: URL,
  message: object,
  limits: ChildLimits,
): Promise<ChildOutcome> {
  const child = start(script, limits);
  const stderr = tailOf(child);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ChildOutcome>((resolve) => {
      const fail = (reason: string) => resolve({ ok: false, reason });
      timer = setTimeout(() => {
        fail(`took longer than ${limits.timeoutMs / 1000} s and was stopped`);
      }, limits.timeoutMs);
      child.once('message', (reply) => resolve({ ok: true, reply }));
      child.once('error', (error) => fail(`could not be tried: ${error.message}`));
      child.once('close', (code, signal) => fail(describeEnd(code, signal, stderr(), limits)));
      child.send(message, (error) => {
        // A child that is gone tells why by its end.
        if (error && isRunning(child)) child.kill('SIGKILL');
      });
    });
  } finally {
    clearTimeout(timer);
    await end(child);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/**
 * The limits are the kernel's, so that they hold while the child is deep in native code, and even when
 * this process is gone: no core files, processor time, memory. Node runs within RLIMIT_DATA, and not
 * within an address space limit (RLIMIT_AS), since V8 and WebAssembly reserve gigabytes unused.
 */
function start(script: URL, { timeoutMs, memoryBytes }: ChildLimits): ChildProcess {
  const seconds = Math.ceil(timeoutMs / 1000) + 1;
  const kilobytes = Math.ceil(memoryBytes / 1024);
  return startChild(script, {
    prelude: [`ulimit -t ${seconds}`, `ulimit -d ${kilobytes}`],
    // Ctrl-C in a terminal goes to all of its group: the trial's end would look like a crash of the model.
    detached: true,
  });
}

function describeEnd(
  code: number | null,
  signal: NodeJS.Signals | null,
  stderr: string,
  { memoryBytes }: ChildLimits,
): string {
  if (/bad_alloc|out of memory|allocation failed/i.test(stderr)) {
    return `needed more than ${Math.round(memoryBytes / 2 ** 20)} MiB of memory`;
  }
  if (signal === 'SIGKILL' || signal === 'SIGXCPU') return 'used too much processor time';
  if (signal) return `crashed the process that loaded it (${signal})`;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return `ended the process that loaded it (exit ${code}${last && `: ${last}`})`;
}
