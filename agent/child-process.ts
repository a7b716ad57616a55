// Starts a module of this program in a process of its own, which dies by the kernel and leaves no core file.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

interface ChildOptions {
  /** Commands of /bin/sh that run first, as `ulimit -t 10`; where there is no shell they are left out. */
  readonly prelude?: readonly string[];
  /** In a process group of its own, which Ctrl-C in a terminal does not reach. Default false. */
  readonly detached?: boolean;
}

/** Of what a child prints, this much is kept to explain its end. */
const STDERR_BYTES = 4096;
const SHELL = '/bin/sh';

/**
 * Its environment is empty, its messages may hold typed arrays, and its only argument is our process id.
 * @param script of a file that ends in .js, or in .ts when the program runs from source
 */
export function startChild(script: URL, options: ChildOptions = {}): ChildProcess {
  const { detached = false, prelude = [] } = options;
  const path = fileURLToPath(script);
  // From source the child needs the loader that this process has.
  const loader = path.endsWith('.ts')
    ? ['--import', createRequire(import.meta.url).resolve('tsx')]
    : [];
  const node = [process.execPath, ...loader, path, String(process.pid)];
  const commands = ['ulimit -c 0', ...prelude, 'exec "$@"'].join('; ');
  const [command, ...args] = existsSync(SHELL) ? [SHELL, '-c', commands, SHELL, ...node] : node;
  return spawn(command as string, args, {
    env: {},
    serialization: 'advanced',
    detached,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

/** @returns what it printed last, when asked */
export function tailOf(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-STDERR_BYTES);
  });
  return () => tail;
}

export function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** The file of a child beside the module that starts it: TypeScript where that runs from source. */
export function childScript(name: string, base: string): URL {
  return new URL(`./${name}.child.${base.endsWith('.ts') ? 'ts' : 'js'}`, base);
}
