// For tests: runs the built command as its users do, and ends what a test leaves running.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_ROOT } from './package-root.ts';

/** The built command. */
export const BIN = join(PACKAGE_ROOT, 'dist', 'cli', 'echolot.js');

const KILL_AFTER_MS = 5000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed. Default: nothing. */
  readonly input?: string;
}

export class RunningCli {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(command: string, args: readonly string[], { env = {}, input = '' }: RunOptions) {
    const inherited = {
      PATH: `${process.env['PATH']}:/usr/sbin`,
      HOME: tmpdir(),
      TMPDIR: tmpdir(),
    };
    this.child = spawn(command, args, { env: { ...inherited, ...env } });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.child.stdin.on('error', () => {});
    this.child.stdin.end(input);
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) =>
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }),
      );
    });
    running.add(this);
    void this.ended.catch(() => {}).then(() => running.delete(this));
  }

  /** Waits until the text of both streams matches. Rejects where the process ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(`${this.stdout}\n${this.stderr}`);
      if (match) return match;
      const more = new Promise<null>((resolve) => {
        this.child.stdout.once('data', () => resolve(null));
        this.child.stderr.once('data', () => resolve(null));
      });
      const ended = await Promise.race([more, this.ended]);
      if (ended && !pattern.test(`${this.stdout}\n${this.stderr}`)) {
        throw new Error(`ended (${ended.code}) before it said ${pattern}:\n${ended.stderr}`);
      }
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

const running = new Set<RunningCli>();
const folders: string[] = [];

/** Starts `echolot` with these arguments. */
export function startCli(args: readonly string[], options: RunOptions = {}): RunningCli {
  if (!existsSync(BIN)) throw new Error(`${BIN} is missing: run "npm run build" first`);
  return new RunningCli(process.execPath, [BIN, ...args], options);
}

/** Runs `echolot` to its end. */
export function runCli(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startCli(args, options).ended;
}

/** Starts another program, as `mosquitto_sub`. */
export function startProgram(command: string, args: readonly string[]): RunningCli {
  return new RunningCli(command, args, {});
}

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'echolot-cli-test-'));
  folders.push(folder);
  return folder;
}

/** Ends every process that still runs, and removes the folders. */
export async function cleanUp(): Promise<void> {
  const left = [...running];
  for (const each of left) each.kill('SIGTERM');
  const force = setTimeout(() => {
    for (const each of left) each.kill('SIGKILL');
  }, KILL_AFTER_MS);
  await Promise.allSettled(left.map((each) => each.ended));
  clearTimeout(force);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
