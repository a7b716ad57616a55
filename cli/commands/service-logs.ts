// echolot service logs: what the services wrote to the journal, as it is or for people.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError } from 'commander';
import type { Context } from '../context.ts';
import { EXIT } from '../errors.ts';
import { prettyEntry } from '../journal-entry.ts';
import { hasColor } from '../live-region.ts';
import { addPlainCommand } from '../plain-command.ts';
import { readAgentName, SERVICE_UNITS } from '../service-flags.ts';
import { agentUnit } from '../service-plan.ts';
import { cannotRun, show } from '../systemd-programs.ts';

const JOURNALCTL = 'journalctl';

interface LogsFlags {
  readonly follow?: boolean;
  readonly lines: number;
  readonly pretty?: boolean;
}

export function addLogsCommand(service: Command, context: Context): void {
  addPlainCommand(service, {
    name: 'logs',
    summary: 'what the services wrote to the journal',
    examples: ['echolot service logs', 'echolot service logs edge-1 --follow'],
  })
    .argument('[agent]', 'only this agent', readAgentName)
    .option('-f, --follow', 'go on with the lines that come')
    .option('-n, --lines <count>', 'so many of the last lines', readCount, 50)
    .option(
      '--pretty',
      'for people: time, service, level, message, key=value (default at a terminal)',
    )
    .option('--no-pretty', 'as journalctl has it, also at a terminal')
    .action(async (agent: string | undefined, flags: LogsFlags) => {
      const { follow = false, lines, pretty = context.stdout.isTTY === true } = flags;
      const units = agent === undefined ? SERVICE_UNITS : [agentUnit(agent)];
      const args = [
        '--no-pager',
        `--lines=${lines}`,
        ...(follow ? ['--follow'] : []),
        ...units.map((unit) => `--unit=${unit}`),
      ];
      context.exitCode = pretty ? await showPretty(args, context) : show(JOURNALCTL, args);
    });
}

async function showPretty(args: readonly string[], { env, stdout }: Context): Promise<number> {
  // Without --all a field over 4096 bytes, such as an error with its causes, is null.
  const child = spawn(JOURNALCTL, [...args, '--output=json', '--all'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close').catch((error: unknown) => {
    throw cannotRun(JOURNALCTL, error instanceof Error ? error.message : String(error));
  });
  const color = stdout.isTTY === true && hasColor(env);
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout.write(`${prettyEntry(line, color)}\n`);
  });
  const [status] = (await ended) as [number | null];
  return status ?? EXIT.failure;
}

function readCount(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('Expected a number of lines.');
  return Number(text);
}
