// echolot doctor: what an agent needs, checked, with what to do for each finding.
import { type Command, InvalidArgumentError } from 'commander';
import { isName, NAME_RULE } from '../../schemas/names.ts';
import { addCommand } from '../command.ts';
import { loadSettings } from '../config.ts';
import type { Context } from '../context.ts';
import { examine } from '../doctor.ts';
import { type Finding, failure, findingLines } from '../doctor-finding.ts';
import { EXIT, printable } from '../errors.ts';
import { readServiceEnvironment } from '../service-settings.ts';

interface DoctorFlags {
  readonly json?: true;
  readonly service?: string;
  readonly timeoutMs: number;
}

export function addDoctorCommand(program: Command, context: Context): void {
  addCommand(program, {
    name: 'doctor',
    summary: 'check all that an agent needs, and say what to do; ends with 1 if it finds a fault',
    kind: 'agent',
    examples: [
      'echolot doctor --agent-id edge-1 --password-file edge-1.password',
      'sudo echolot doctor --service edge-1',
      'echolot doctor --json',
    ],
  })
    .option(
      '--service <agent>',
      'with the settings and credentials of this installed agent',
      readName,
    )
    .option('--timeout-ms <ms>', 'how long each step at the broker may take', readTimeout, 5000)
    .option('--json', 'print one line of JSON per finding')
    .action(async (flags: DoctorFlags, command: Command) => {
      const findings = await findingsOf(flags, command, context);
      for (const finding of findings) {
        const lines = flags.json ? [JSON.stringify(finding)] : findingLines(finding).map(safe);
        for (const line of lines) context.stdout.write(`${line}\n`);
      }
      const isWell = findings.every(({ result }) => result === 'ok' || result === 'warning');
      context.exitCode = isWell ? EXIT.ok : EXIT.failure;
    });
}

async function findingsOf(
  { service, timeoutMs }: DoctorFlags,
  command: Command,
  context: Context,
): Promise<readonly Finding[]> {
  try {
    const env =
      service === undefined ? context.env : { ...context.env, ...readServiceEnvironment(service) };
    const settings = loadSettings('agent', { flags: command.opts(), env });
    return await examine(settings, timeoutMs);
  } catch (error) {
    return [failure('settings', error, 'Mend what is named.')];
  }
}

/** Without what would drive a terminal, and with the blanks that line it up. */
function safe(line: string): string {
  return `${/^ */.exec(line)?.[0]}${printable(line)}`;
}

function readName(text: string): string {
  if (!isName(text)) throw new InvalidArgumentError(`A name is ${NAME_RULE}.`);
  return text;
}

function readTimeout(given: string): number {
  if (!/^\d{1,6}$/.test(given) || Number(given) === 0) {
    throw new InvalidArgumentError('Expected milliseconds, such as 5000.');
  }
  return Number(given);
}
