// echolot replay: the held-out readings of a bundle, published under one identity.
import { createClient } from '../devices/client.ts';
import { systemClock } from '../devices/clock.ts';
import { toJsonLine } from '../devices/printable.ts';
import { type SimulatedPrediction, startSimulator } from '../devices/simulator.ts';
import { loadBundle } from '../models/bundle.ts';
import { loadReplayRows } from '../models/dataset.ts';
import { readConnection, requireClientId } from './connection.ts';
import type { Context } from './context.ts';
import { CliError, EXIT, printable } from './errors.ts';
import { createTerminalLog } from './log.ts';
import type { Settings } from './settings.ts';
import { listenForStop } from './stop-signal.ts';

export interface ReplayOptions {
  /** Readings per second. */
  readonly rate: number;
  readonly noise: number;
  readonly seed: number;
  readonly count?: number;
  readonly json?: boolean;
}

/** Runs to the end of the count, or until a signal; exit 1 where a reading was not classified. */
export async function runReplay(
  settings: Settings<'replay'>,
  { count, json, noise, rate, seed }: ReplayOptions,
  context: Context,
): Promise<void> {
  if (rate === 0) throw new CliError('--rate is 0', 'Give readings per second, such as 0.5 or 20.');
  const { stderr, stdout } = context;
  const log = createTerminalLog(settings.logLevel, (line) => stderr.write(`${line}\n`));
  const clientId = requireClientId(settings, 'client');
  const connection = readConnection(settings, clientId, log);
  const { input, name } = (await loadBundle(settings.model)).manifest;
  const { rows } = await loadReplayRows(settings.model);
  const stop = listenForStop();
  const show = json || !stdout.isTTY ? toJsonLine : describe;
  const seen = { classified: 0, correct: 0, problems: 0 };
  const simulator = startSimulator(
    {
      ...connection,
      namespace: settings.namespace,
      model: name,
      devices: [{ clientId }],
      rows,
      rate,
      noise,
      limits: input,
      seed,
      ...(count === undefined ? {} : { limit: count }),
      onPrediction: (prediction) => {
        seen.classified += 1;
        if (prediction.correct) seen.correct += 1;
        stdout.write(`${show(prediction)}\n`);
      },
      onProblem: ({ problem }) => {
        seen.problems += 1;
        log.warn({ ...problem }, 'not classified');
      },
      onEvent: (_, event) => {
        if (event.type === 'lost' || event.type === 'unreachable') {
          log.warn({ detail: event.detail }, 'broker away, trying again');
        }
      },
    },
    // The library's own client, with what the simulator does not pass on.
    { createClient: (options) => createClient({ ...options, ...connection }), clock: systemClock },
  );
  const raise = (error: Error) => {
    throw error;
  };
  try {
    await Promise.race([stop.requested, simulator.done, simulator.failed.then(raise)]);
  } finally {
    await simulator.stop();
  }
  const accuracy =
    seen.classified === 0 ? '' : `, accuracy ${percent(seen.correct, seen.classified)}`;
  stderr.write(`${seen.classified} classified, ${seen.problems} not${accuracy}\n`);
  context.exitCode = seen.problems > 0 ? EXIT.failure : EXIT.ok;
}

function describe(prediction: SimulatedPrediction): string {
  const { agent, correct, expected, label, latencyMs, score } = prediction;
  const judgement = correct ? 'right' : `wrong, it is ${expected}`;
  return printable(
    `${label} ${score.toFixed(2)} (${judgement}) from ${agent} in ${latencyMs.toFixed(1)} ms`,
  );
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}
