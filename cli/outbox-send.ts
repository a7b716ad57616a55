// echolot outbox send: readings go into the outbox first, then what waits there goes out and is reported.
import type { Logger } from 'pino';
import {
  type BrokerRefusedError,
  createClient,
  type OutboxClient,
  type OutboxCounts,
  type OutboxOptions,
  type OutgoingReading,
  type Problem,
  type PublishedOutcome,
} from '../devices/client.ts';
import { toJsonLine } from '../devices/printable.ts';
import { logEvent, readClientOptions } from './client.ts';
import type { Context } from './context.ts';
import { EXIT, printable } from './errors.ts';
import { OutboxWait, type WaitEnd } from './outbox-wait.ts';
import type { Settings } from './settings.ts';
import { listenForStop } from './stop-signal.ts';

/** Readings that are on their way to the disk at once: one sync serves them all. */
const AT_ONCE = 256;
const PROGRESS_MS = 1000;

interface Sending {
  readonly outbox: OutboxOptions;
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
  { outbox: bounds, log, readings, timeoutMs }: Sending,
  context: Context,
): Promise<void> {
  const { stderr, stdout } = context;
  const tally: Tally = { stored: 0, refused: 0, told: 0, problems: 0 };
  const stop = listenForStop();
  const wait = new OutboxWait(timeoutMs);
  void stop.requested.then(() => wait.end('stopped'));
  const showLine = stdout.isTTY ? describe : toJsonLine;
  const report = (outcome: PublishedOutcome) => {
    tally.told += 1;
    if (!outcome.result.ok) tally.problems += 1;
    stdout.write(`${showLine(lineOf(outcome))}\n`);
    wait.progress();
  };
  let isRefused: BrokerRefusedError | null = null;
  const client = createClient({
    ...readClientOptions(settings, log),
    outbox: bounds,
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
    const { dropped, expired, kept } = client.counts.outbox;
    const answered = tally.told - dropped - expired;
    stderr.write(`${tally.stored} stored, ${answered} answered, ${kept} wait\n`);
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
    const { outbox } = client.counts;
    const { kept } = outbox;
    stderr.write(`${summarize(tally, outbox, bounds.folder, WHY[reason])}\n`);
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

const WHY: Record<WaitEnd, string> = {
  done: '',
  stopped: 'stopped',
  offline: 'the broker is away',
  silent: 'nobody answers',
  refused: 'the broker refuses them',
};

interface Tally {
  stored: number;
  /** Readings that the outbox did not take. */
  refused: number;
  /** Outcomes, and those of them that are problems. */
  told: number;
  problems: number;
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
  { problems, refused, stored, told }: Tally,
  { dropped, expired, kept }: OutboxCounts,
  folder: string,
  why: string,
): string {
  // What ended without an answer is told as a problem too.
  const unanswered = dropped + expired;
  const withProblem = problems - unanswered;
  return [
    `${stored} stored${refused > 0 ? `, ${refused} not taken` : ''}`,
    `${told - unanswered} answered${withProblem > 0 ? `, ${withProblem} of them with a problem` : ''}`,
    ...(dropped > 0 ? [`${dropped} dropped for newer ones, the outbox was full`] : []),
    ...(expired > 0 ? [`${expired} too old`] : []),
    kept === 0
      ? 'nothing waits'
      : `${kept} wait in ${printable(folder)}: ${why}; send again to deliver them`,
  ].join('; ');
}
