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
import { ReplayTally } from './replay-tally.ts';
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
  const { digest, manifest } = await loadBundle(settings.model);
  const { input, name } = manifest;
  const { rows } = await loadReplayRows(settings.model);
  const stop = listenForStop();
  const show = json || !stdout.isTTY ? toJsonLine : describe;
  const tally = new ReplayTally(digest);
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
        tally.count(prediction);
        stdout.write(`${show(prediction)}\n`);
      },
      onProblem: ({ problem }) => {
        tally.problems += 1;
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
  stderr.write(`${tally.summary()}\n`);
  context.exitCode = tally.problems > 0 ? EXIT.failure : EXIT.ok;
}

function describe(prediction: SimulatedPrediction): string {
  const { agent, correct, expected, label, latencyMs, score } = prediction;
  const judgement = correct ? 'right' : `wrong, it is ${expected}`;
  return printable(
    `${label} ${score.toFixed(2)} (${judgement}) from ${agent} in ${latencyMs.toFixed(1)} ms`,
  );
}
