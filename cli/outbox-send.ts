// echolot outbox send: readings go into the outbox first, then what waits there goes out and is reported.
import type { Logger } from 'pino';
import {
  type BrokerRefusedError,
  createClient,
  type OutboxClient,
  type OutgoingReading,
  type Problem,
  type PublishedOutcome,
} from '../devices/client.ts';
import { toJsonLine } from '../devices/printable.ts';
import { logEvent, readClientOptions } from './client.ts';
import type { Context } from './context.ts';
import { EXIT, printable } from './errors.ts';
import type { Settings } from './settings.ts';
import { listenForStop } from './stop-signal.ts';

/** Readings that are on their way to the disk at once: one sync serves them all. */
const AT_ONCE = 256;
const PROGRESS_MS = 1000;

interface Sending {
  readonly folder: string;
  readonly readings: AsyncIterable<OutgoingReading> | Iterable<OutgoingReading>;
  /** Without an answer, until the rest is left for the next time. */
  readonly timeoutMs: number;
  readonly log: Logger;
}

/**
 * Ends when nothing waits any more, or with what waits kept: off-line, unanswered for too long, or stopped.
 * @throws {OutboxError} the folder cannot be used
 * @throws {BrokerRefusedError} the broker refuses the client; what was given is stored
 */
export async function sendFromOutbox(
  settings: Settings<'outbox'>,
  { folder, log, readings, timeoutMs }: Sending,
  context: Context,
): Promise<void> {
  const { stderr, stdout } = context;
  const tally = { stored: 0, refused: 0, answered: 0, problems: 0 };
  const stop = listenForStop();
  const wait = new Wait(timeoutMs);
  void stop.requested.then(() => wait.end('stopped'));
  const showLine = stdout.isTTY ? describe : toJsonLine;
  const report = (outcome: PublishedOutcome) => {
    tally.answered += 1;
    if (!outcome.result.ok) tally.problems += 1;
    stdout.write(`${showLine(lineOf(outcome))}\n`);
    wait.progress();
  };
  let isRefused: BrokerRefusedError | null = null;
  const client = createClient({
    ...readClientOptions(settings, log),
    outbox: { folder },
    onAnswer: report,
    onEvent: (event) => {
      logEvent(event, log);
      if (event.type === 'connected') wait.connected();
      if (event.type === 'unreachable') wait.unreachable();
      if (event.type === 'refused') {
        isRefused = event.error;
        wait.end('refused');
      }
    },
  });
  const progress = setInterval(() => {
    const { kept } = client.counts.outbox;
    stderr.write(`${tally.stored} stored, ${tally.answered} answered, ${kept} wait\n`);
  }, PROGRESS_MS);
  try {
    await client.opened();
    await storeAll(client, readings, stop, (reading, problem) => {
      if (problem === null) {
        tally.stored += 1;
        return;
      }
      tally.refused += 1;
      const { id = null } = reading;
      stdout.write(`${showLine({ id, model: settings.modelName, problem })}\n`);
    });
    const reason = await wait.until(() => client.counts.outbox.kept === 0);
    if (isRefused !== null) throw isRefused as BrokerRefusedError;
    const { kept } = client.counts.outbox;
    stderr.write(`${summarize(tally, kept, folder, WHY[reason])}\n`);
    context.exitCode = kept > 0 ? EXIT.tryAgain : EXIT.ok;
    if (kept === 0 && tally.problems + tally.refused > 0) context.exitCode = EXIT.failure;
  } finally {
    clearInterval(progress);
    wait.dispose();
    stop.dispose();
    await client.close();
  }
}

async function storeAll(
  client: OutboxClient,
  readings: Sending['readings'],
  stop: { readonly isRequested: boolean },
  stored: (reading: OutgoingReading, problem: Problem | null) => void,
): Promise<void> {
  let pending: Promise<void>[] = [];
  for await (const reading of readings) {
    if (stop.isRequested) break;
    pending.push(
      client.publish(reading).then((taken) => stored(reading, taken.ok ? null : taken.problem)),
    );
    if (pending.length < AT_ONCE) continue;
    await Promise.all(pending);
    pending = [];
  }
  await Promise.all(pending);
}

type Reason = 'done' | 'stopped' | 'offline' | 'silent' | 'refused';

const WHY: Record<Reason, string> = {
  done: '',
  stopped: 'stopped',
  offline: 'the broker is away',
  silent: 'nobody answers',
  refused: 'the broker refuses them',
};

/** Waits for the outbox to be empty, and knows when that is not to be expected. */
class Wait {
  private readonly timeoutMs: number;
  private readonly over: Promise<Reason>;
  private resolve: (reason: Reason) => void = () => {};
  private isEmpty: () => boolean = () => false;
  private timer: NodeJS.Timeout | undefined;
  private wasConnected = false;
  private isAway = false;
  private isWaiting = false;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.over = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  end(reason: Reason): void {
    this.resolve(reason);
  }

  connected(): void {
    this.wasConnected = true;
    this.isAway = false;
  }

  /** Before the first connection: a device that is off-line. Later: a broker that comes back, perhaps. */
  unreachable(): void {
    this.isAway = !this.wasConnected;
    if (this.isAway && this.isWaiting) this.end('offline');
  }

  progress(): void {
    if (!this.isWaiting) return;
    if (this.isEmpty()) this.end('done');
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end('silent'), this.timeoutMs);
  }

  until(isEmpty: () => boolean): Promise<Reason> {
    this.isEmpty = isEmpty;
    this.isWaiting = true;
    this.progress();
    if (this.isAway) this.end('offline');
    return this.over;
  }

  dispose(): void {
    clearTimeout(this.timer);
  }
}

interface Line {
  readonly id: string | null;
  readonly model: unknown;
  readonly problem?: Problem;
  readonly label?: string;
  readonly score?: number;
  readonly agent?: string;
}

/** The answer as the contract has it, or what was wrong, with the model's name. */
function lineOf({ id, model, result }: PublishedOutcome): Line {
  return result.ok ? result.prediction : { id, model, problem: result.problem };
}

function describe({ agent, id, label, problem, score }: Line): string {
  const what = problem
    ? `${problem.code}: ${problem.detail}`
    : `${label} ${score?.toFixed(2)} from ${agent}`;
  return printable(`${id ?? 'not stored'}  ${what}`);
}

function summarize(
  tally: Record<'stored' | 'refused' | 'answered' | 'problems', number>,
  kept: number,
  folder: string,
  why: string,
): string {
  const { answered, problems, refused, stored } = tally;
  return [
    `${stored} stored${refused > 0 ? `, ${refused} not taken` : ''}`,
    `${answered} answered${problems > 0 ? `, ${problems} of them with a problem` : ''}`,
    kept === 0
      ? 'nothing waits'
      : `${kept} wait in ${printable(folder)}: ${why}; send again to deliver them`,
  ].join('; ');
}
