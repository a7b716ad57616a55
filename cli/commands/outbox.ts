// echolot outbox: readings kept on disk until they are answered, for devices that are off-line at times.
import { type Command, InvalidArgumentError } from 'commander';
import { listOutbox, type OutboxListing } from '../../devices/outbox-listing.ts';
import { renderColumns } from '../columns.ts';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, printable } from '../errors.ts';
import { createTerminalLog } from '../log.ts';
import { type ReadingFlags, readReadings } from '../outbox-readings.ts';
import { sendFromOutbox } from '../outbox-send.ts';

export function addOutboxCommand(program: Command, context: Context): void {
  const summary = 'keep readings on disk until they are answered: send, list';
  const outbox = program.command('outbox').description(summary).summary(summary);
  outbox.showHelpAfterError('hint: see echolot outbox --help').addHelpText('after', EXAMPLES);
  addSend(outbox, context);
  addList(outbox, context);
}

const EXAMPLES = `
Examples:
  echolot outbox send --outbox ./outbox --client-id dev-1 --password-file dev-1.password 0.02 0.0371 …
  echolot outbox send --outbox ./outbox --client-id dev-1 --password-file dev-1.password --csv day.csv
  echolot outbox list --outbox ./outbox`;

interface SendOptions extends ReadingFlags {
  readonly timeoutMs: number;
  readonly maxCount?: number;
  readonly maxBytes?: number;
  readonly maxAgeHours?: number;
}

function addSend(outbox: Command, context: Context): void {
  const who = '--client-id dev-1 --password-file dev-1.password';
  addCommand(outbox, {
    name: 'send',
    summary: 'store readings, and deliver what waits; what is not answered stays for the next time',
    kind: 'outbox',
    examples: [
      `echolot outbox send --outbox ./outbox ${who} 0.02 0.0371 …`,
      `echolot outbox send --outbox ./outbox ${who} --csv day.csv > answers.jsonl`,
      `echolot outbox send --outbox ./outbox ${who} < /dev/null    delivers what waits`,
    ],
  })
    .argument(
      '[values...]',
      'the numbers of a reading; without them they come from --file, --csv or stdin',
    )
    .option('--file <file>', 'read the values from this file: JSON, or numbers')
    .option('--csv <file>', 'one reading per row of this CSV file')
    .option('--id-column <name>', 'with --csv: the column that names a reading')
    .option('--label-column <name>', 'with --csv: the column of the known labels, which stays here')
    .option('--timeout-ms <ms>', 'end when nothing was answered for so long', readTimeout, 30_000)
    .option('--max-count <readings>', 'keep so many; newer ones win (default 100000)', readCount)
    .option('--max-bytes <bytes>', 'keep so much; newer ones win (default 134217728)', readCount)
    .option(
      '--max-age-hours <hours>',
      'give up what is older, as TIMEOUT (default 168, at most 576)',
      readHours,
    )
    .action(async (values: string[], options: SendOptions, command: Command) => {
      const settings = settingsOf('outbox', context, command);
      const folder = requireFolder(settings);
      const log = createTerminalLog(settings.logLevel, (line) => context.stderr.write(`${line}\n`));
      const readings = await readReadings(values, options, context);
      const { maxAgeHours, maxBytes, maxCount, timeoutMs } = options;
      const outbox = {
        folder,
        ...(maxCount !== undefined && { maxCount }),
        ...(maxBytes !== undefined && { maxBytes }),
        ...(maxAgeHours !== undefined && { maxAgeMs: maxAgeHours * 3_600_000 }),
      };
      await sendFromOutbox(settings, { outbox, readings, timeoutMs, log }, context);
    });
}

function addList(outbox: Command, context: Context): void {
  addCommand(outbox, {
    name: 'list',
    summary: 'show how many readings wait in an outbox, since when; needs no broker',
    kind: 'outboxFolder',
    examples: [
      'echolot outbox list --outbox ./outbox',
      'echolot outbox list --outbox ./outbox --json',
    ],
  })
    .option('--json', 'print a line of JSON, as where standard output is no terminal')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const folder = requireFolder(settingsOf('outboxFolder', context, command));
      const listing = await listOutbox(folder);
      const { stderr, stdout } = context;
      const text = json || !stdout.isTTY ? JSON.stringify({ folder, ...listing }) : show(listing);
      stdout.write(`${text}\n`);
      context.exitCode = EXIT.ok;
      if (listing.damage === null) return;
      stderr.write(`error: readings of the outbox are lost: ${printable(listing.damage)}\n`);
      context.exitCode = EXIT.failure;
    });
}

function show({ models, ...all }: OutboxListing): string {
  if (all.count === 0) return 'nothing waits';
  const rows = models.length > 1 ? [...models, { model: 'all', ...all }] : models;
  return renderColumns([
    ['MODEL', 'READINGS', 'BYTES', 'OLDEST', 'ATTEMPTS'],
    ...rows.map(({ attempts, bytes, count, model, oldest }) => [
      printable(model),
      String(count),
      String(bytes),
      oldest ?? '',
      String(attempts),
    ]),
  ]).join('\n');
}

function requireFolder({ outbox }: { readonly outbox: string | null }): string {
  if (outbox !== null) return outbox;
  throw new CliError('no outbox is named', 'Give --outbox DIR (or ECHOLOT_OUTBOX).');
}

function readTimeout(given: string): number {
  const milliseconds = readWhole(given, 'Expected milliseconds, such as 30000.');
  // What a timer can hold.
  if (milliseconds >= 2 ** 31) throw new InvalidArgumentError('Expected at most 2147483647 ms.');
  return milliseconds;
}

function readCount(given: string): number {
  return readWhole(given, 'Expected a whole number above 0, such as 50000.');
}

function readHours(given: string): number {
  const hours = readWhole(given, 'Expected whole hours, such as 24.');
  if (hours > 576) throw new InvalidArgumentError('Expected at most 576 hours (24 days).');
  return hours;
}

function readWhole(given: string, expected: string): number {
  if (!/^\d{1,12}$/.test(given) || Number(given) === 0) throw new InvalidArgumentError(expected);
  return Number(given);
}
