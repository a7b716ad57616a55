// What the subcommands of `echolot service` have in common.
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { isName, NAME_RULE } from '../schemas/names.ts';
import type { Context } from './context.ts';
import { printable } from './errors.ts';
import { applySteps } from './service-apply.ts';
import { OWN_SCRIPT } from './service-install.ts';
import { requireSystemd } from './service-machine.ts';
import { agentUnit, type Step } from './service-plan.ts';

/** What is asked after where no agent is named. */
export const SERVICE_UNITS = ['echolot.target', 'echolot-broker.service', agentUnit('*')];

/** For commander: an agent's name on the command line. */
export function readAgentName(text: string): string {
  if (!isName(text)) throw new InvalidArgumentError(`A name is ${NAME_RULE}.`);
  return text;
}

export interface WhereFlags {
  readonly dryRun?: boolean;
  readonly root?: string;
}

export function withWhereFlags(command: Command): Command {
  return command
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--root <folder>', 'work below this folder, which is to become a machine');
}

/**
 * Does the steps, or says what they would do.
 * @throws {CliError} a step failed, or none can be done here
 */
export function runSteps(
  steps: readonly Step[],
  { dryRun = false, root }: WhereFlags,
  context: Context,
): void {
  if (!dryRun && root === undefined) requireSystemd();
  let count = 0;
  const say = (line: string) => {
    count += 1;
    context.stdout.write(`${printable(line)}\n`);
  };
  applySteps(steps, {
    root: root === undefined ? null : resolve(root),
    dryRun,
    command: [process.execPath, OWN_SCRIPT],
    say,
  });
  if (count === 0) say('nothing to do: everything is as it should be');
}
