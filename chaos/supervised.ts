// A process that is started again half a second after each end, as systemd would with Restart=always.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { childrenOf, type ProcessIdentity, signalProcess } from './descendants.ts';

const RESTART_MS = 500;
const LOG_TAIL = 2000;

export interface Recipe {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Both streams of every process go to its end. */
  readonly logFile: string;
  /** With a channel to us: the process may notice by it that we are gone. */
  readonly hasChannel?: boolean;
  /** Ends well by itself, with code 0, and is then not started again. */
  readonly mayFinish?: boolean;
}

/** An end that nobody here asked for. */
export interface OwnEnd {
  readonly name: string;
  readonly how: string;
}

export class Supervised {
  readonly name: string;
  /** Ends by themselves: exits and crashes that no step of the plan was. */
  readonly ownEnds: OwnEnd[] = [];
  /** Processes of it that were still there when it had been dead for half a second; they were killed. */
  orphans = 0;
  starts = 0;
  isFinished = false;
  private readonly recipe: Recipe;
  private child: ChildProcess | null = null;
  /** Of the last process; what it left behind may still be there. */
  private group: number | undefined;
  private isWanted = false;
  /** The processes that it had started, whatever their group. */
  private children: ProcessIdentity[] = [];
  private isKilled = false;
  private isHeld = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(recipe: Recipe) {
    this.recipe = recipe;
    this.name = recipe.name;
  }

  /** The process, while it runs. */
  get running(): ChildProcess | null {
    return this.child;
  }

  start(): void {
    this.isWanted = true;
    this.spawn();
  }

  /** What is started from now on is what the recipe says then. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (this.child === null) return;
    if (signal === 'SIGKILL') this.rememberChildren();
    this.isKilled ||= signal !== 'SIGCONT' && signal !== 'SIGSTOP' && signal !== 'SIGUSR1';
    this.child.kill(signal);
  }

  /** Whatever ends from now on stays away until `release`. */
  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
    if (this.child === null && this.isWanted) this.restartLater();
  }

  /** Ends it for good: politely at first, by force where that takes longer. */
  async stop(graceMs = 5000): Promise<void> {
    this.isWanted = false;
    if (this.timer) clearTimeout(this.timer);
    const { child } = this;
    if (child === null) {
      this.killRest();
      return;
    }
    this.isKilled = true;
    this.rememberChildren();
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await ended;
    clearTimeout(force);
    this.killRest();
  }

  /** At once, without waiting: for the end of this very process. */
  abandon(): void {
    this.isWanted = false;
    this.rememberChildren();
    killGroup(this.group);
    this.killRest();
  }

  /** The end of what it said. */
  logTail(): string {
    try {
      return readFileSync(this.recipe.logFile, 'utf8').slice(-LOG_TAIL);
    } catch {
      return '';
    }
  }

  private spawn(): void {
    const { args, command, env, hasChannel = false, logFile } = this.recipe;
    const log = openSync(logFile, 'a');
    // A group of its own: Ctrl-C is for us alone, and whatever it leaves behind is found.
    const child = spawn(command, args, {
      env: { ...env },
      detached: true,
      stdio: ['ignore', log, log, ...(hasChannel ? (['ipc'] as const) : [])],
    });
    closeSync(log);
    this.child = child;
    this.group = child.pid;
    this.isKilled = false;
    this.starts += 1;
    child.once('error', (error) => {
      this.child = null;
      this.ownEnds.push({ name: this.name, how: `does not start: ${error.message}` });
      this.restartLater();
    });
    child.once('exit', (code, signal) => this.onExit(code, signal));
  }

  private onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.child = null;
    if (this.recipe.mayFinish && code === 0) {
      this.isFinished = true;
      this.killRest();
      return;
    }
    if (!this.isKilled)
      this.ownEnds.push({ name: this.name, how: String(signal ?? `exit ${code}`) });
    this.restartLater();
  }

  private rememberChildren(): void {
    const pid = this.child?.pid;
    if (pid !== undefined) this.children = childrenOf(pid);
  }

  /** As systemd ends a control group. Returns how many there were. */
  private killRest(): number {
    const { length } = this.children.filter((each) => signalProcess(each, 'SIGKILL'));
    this.children = [];
    killGroup(this.group);
    return length;
  }

  private restartLater(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // systemd ends everything of a unit before it starts it again.
      this.orphans += this.killRest();
      if (this.isWanted && !this.isHeld && this.child === null) this.spawn();
    }, RESTART_MS);
  }
}

function killGroup(group: number | undefined): void {
  if (group === undefined) return;
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}
