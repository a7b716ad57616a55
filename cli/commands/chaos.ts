// echolot chaos: a broker, agents and clients of its own, and everything that can befall them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BrokerKind } from '../../chaos/broker-recipe.ts';
import { planChaos, SHORTEST_RUN_MINUTES } from '../../chaos/plan.ts';
import { planText, reportText } from '../../chaos/report.ts';
import { CAST, runChaos } from '../../chaos/run.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { PACKAGE_ROOT, SHIPPED_MODEL } from '../package-root.ts';
import { listenForStop } from '../stop-signal.ts';

interface Flags {
  readonly seed: number;
  readonly minutes: number;
  readonly broker: BrokerKind;
  readonly model: string;
  readonly rate: number;
  readonly plan?: true;
  readonly json?: true;
  readonly keep?: true;
}

export function addChaosCommand(program: Command, context: Context): void {
  const summary = 'break a broker, agents and clients of its own, and prove that nothing is lost';
  program
    .command('chaos')
    .description(summary)
    .summary(summary)
    .option('--seed <n>', 'of the plan: the same seed, the same faults', readSeed, 1)
    .option('--minutes <m>', 'how long; may be a fraction', readMinutes, 1)
    .addOption(
      new Option('--broker <kind>', 'what to run it on')
        .choices(['mosquitto', 'embedded'])
        .default('mosquitto'),
    )
    .option('--model <folder>', 'the bundle, with its data', SHIPPED_MODEL)
    .option('--rate <n>', "each client's readings per second", readRate, 20)
    .option('--plan', 'print the plan and do nothing')
    .option('--json', 'print the report (or the plan) as JSON')
    .option('--keep', 'keep the folder of the run: ledgers, logs, report')
    .addHelpText('after', HELP)
    .showHelpAfterError('hint: see echolot chaos --help')
    .action(async (flags: Flags) => {
      await run(flags, context);
    });
}

async function run(flags: Flags, context: Context): Promise<void> {
  const { broker, json = false, keep = false, minutes, model, rate, seed } = flags;
  if (flags.plan) {
    const plan = planChaos(seed, minutes, CAST);
    context.stdout.write(json ? `${JSON.stringify(plan, null, 2)}\n` : planText(plan));
    return;
  }
  const stop = listenForStop();
  const abort = new AbortController();
  const stopped = new CliError('the run was stopped: nothing was judged', '', {
    code: 'STOPPED',
    exitCode: EXIT.tryAgain,
  });
  void stop.requested.then(() => abort.abort(stopped));
  const { stderr } = context;
  try {
    const report = await runChaos({
      seed,
      minutes,
      broker,
      model,
      keep,
      cli: builtCommand(),
      ratePerSecond: rate,
      path: context.env['PATH'] ?? '',
      signal: abort.signal,
      onProgress: (line) => stderr.write(`${line}\n`),
    });
    context.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
    context.exitCode = report.verdict.failures.length === 0 ? EXIT.ok : EXIT.failure;
  } finally {
    stop.dispose();
  }
}

/** Agents and the embedded broker run as their users run them. */
function builtCommand(): string {
  const path = join(PACKAGE_ROOT, 'dist', 'cli', 'echolot.js');
  if (existsSync(path)) return path;
  throw new CliError(`${path} is missing`, 'Run "npm run build" first.', {
    code: 'NOT_BUILT',
    exitCode: EXIT.configuration,
  });
}

function readSeed(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

function readMinutes(text: string): number {
  const minutes = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || minutes < SHORTEST_RUN_MINUTES || minutes > 1440) {
    throw new InvalidArgumentError(`Expected minutes, from ${SHORTEST_RUN_MINUTES} to 1440.`);
  }
  return minutes;
}

function readRate(text: string): number {
  const rate = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || rate < 1 || rate > 500) {
    throw new InvalidArgumentError('Expected a number from 1 to 500.');
  }
  return rate;
}

const HELP = `
Three agents, four clients with outboxes and a broker of its own, on loopback. Killed, frozen, cut off,
slowed, doubled, with wrong clocks and full disks (those need root on Linux). Judged by the clients' own
ledgers: exit 0 where every reading has exactly one right outcome and all books balance, else 1.

Examples:
  echolot chaos --seed 7 --minutes 1
  echolot chaos --seed 7 --minutes 0.5 --broker embedded --keep
  echolot chaos --seed 7 --plan`;
