// echolot classify: one reading, one batch or one file, asked of whoever serves the model.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import type { BatchResult, ClassifyResult, Client } from '../../devices/client.ts';
import { withClient } from '../client.ts';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, problemExitCode, problemText } from '../errors.ts';
import { createTerminalLog } from '../log.ts';
import { parseValues, type Values } from '../read-values.ts';
import { scoreFile } from '../score-file.ts';

interface Options {
  readonly file?: string;
  readonly csv?: string;
  readonly out?: string;
  readonly idColumn?: string;
  readonly labelColumn?: string;
  readonly timeoutMs: number;
}

export function addClassifyCommand(program: Command, context: Context): void {
  addCommand(program, {
    name: 'classify',
    summary: 'ask for the class of one reading, of a batch, or of a whole CSV file',
    kind: 'client',
    examples: [
      'echolot classify --client-id dev-1 --password-file dev-1.password --file reading.json',
      'echolot classify --client-id dev-1 --password-file dev-1.password 0.02 0.0371 …',
      'tail -1 readings.csv | echolot classify --client-id dev-1 --password-file dev-1.password',
      'echolot classify --client-id dev-1 --password-file dev-1.password --csv in.csv --out out.csv',
    ],
  })
    .argument(
      '[values...]',
      'the numbers of a reading; without them they come from --file or stdin',
    )
    .option('--file <file>', 'read the values from this file: JSON, or numbers')
    .option('--csv <file>', 'score every row of this CSV file')
    .option('--out <file>', 'with --csv: where the scored rows go; goes on where it left off')
    .option('--id-column <name>', 'with --csv: the column that names a row')
    .option('--label-column <name>', 'with --csv: the column of the known labels, for an accuracy')
    .option('--timeout-ms <ms>', 'how long to wait for an answer', readTimeout, 5000)
    .action(async (values: string[], options: Options, command: Command) => {
      const settings = settingsOf('client', context, command);
      checkSources(values, options);
      const log = createTerminalLog(settings.logLevel, (line) => context.stderr.write(`${line}\n`));
      const { csv, idColumn, labelColumn, out, timeoutMs } = options;
      if (csv !== undefined && out !== undefined) {
        const file = {
          input: csv,
          output: out,
          timeoutMs,
          ...(idColumn && { idColumn }),
          ...(labelColumn && { labelColumn }),
        };
        await scoreFile(settings, file, log, context);
        return;
      }
      const read = parseValues(await readText(values, options, context));
      if (!read.ok) {
        end(context, read);
        return;
      }
      end(
        context,
        await withClient(settings, { log }, (client) => ask(client, read.value, timeoutMs)),
      );
    });
}

function ask(
  client: Client,
  values: Values,
  timeoutMs: number,
): Promise<ClassifyResult | BatchResult> {
  return isBatch(values)
    ? client.classifyBatch(values, { timeoutMs })
    : client.classify(values, { timeoutMs });
}

function isBatch(values: Values): values is number[][] {
  return Array.isArray(values[0]);
}

/** The answer as the contract has it, or what was wrong. */
function end(context: Context, result: ClassifyResult | BatchResult): void {
  if (!result.ok) {
    context.stderr.write(problemText(result.problem));
    context.exitCode = problemExitCode(result.problem);
    return;
  }
  const { ok: _, ...batch } = result;
  const answer = 'prediction' in result ? result.prediction : batch;
  context.stdout.write(`${JSON.stringify(answer)}\n`);
  context.exitCode = EXIT.ok;
}

function checkSources(values: readonly string[], { csv, file, out }: Options): void {
  const sources = [values.length > 0 && 'arguments', file && '--file', csv && '--csv'].filter(
    Boolean,
  );
  if (sources.length > 1) {
    throw new CliError(`values come from ${sources.join(' and ')}`, 'Give them in one way.');
  }
  if ((csv === undefined) !== (out === undefined)) {
    throw new CliError('--csv and --out go together', 'Give both: --csv IN --out OUT.');
  }
}

async function readText(
  values: readonly string[],
  { file }: Options,
  { stdin }: Context,
): Promise<string> {
  if (values.length > 0) return values.join(' ');
  if (file !== undefined && file !== '-') return readFile(file, 'utf8');
  if (stdin.isTTY) {
    throw new CliError(
      'there are no values',
      'Give them as arguments, with --file, or on standard input.',
    );
  }
  return text(stdin);
}

function readTimeout(given: string): number {
  if (!/^\d{1,9}$/.test(given) || Number(given) === 0) {
    throw new InvalidArgumentError('Expected milliseconds, such as 2000.');
  }
  return Number(given);
}
