// echolot up: everything in one process, to keep or to try.
import type { Command } from 'commander';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { runDemo } from '../demo.ts';
import { CliError } from '../errors.ts';
import { type PrettyFlag, withLogFlags } from '../service-log.ts';
import { KINDS, SETTINGS, type SettingName } from '../settings.ts';
import { runUp } from '../up.ts';

export function addUpCommand(program: Command, context: Context): void {
  const command = addCommand(program, {
    name: 'up',
    summary: 'run a broker and an agent in one process; with --demo also simulated devices',
    kind: 'up',
    examples: ['echolot up --demo', 'echolot up', 'echolot up --host 0.0.0.0 --model ./my-bundle'],
  });
  withLogFlags(command)
    .option('--demo', 'throw-away identities, three simulated devices, a live view; Ctrl-C ends it')
    .action(async ({ demo, ...flags }: PrettyFlag & { demo?: boolean }) => {
      if (demo) {
        refuseMeaningless(command);
        await runDemo(settingsOf('demo', context, command), context);
      } else await runUp(settingsOf('up', context, command), context, flags);
    });
}

/** What is typed and has no effect would look as if it had. */
function refuseMeaningless(command: Command): void {
  const demo: readonly SettingName[] = KINDS.demo;
  const typed = KINDS.up.filter((name) => command.getOptionValueSource(name) === 'cli');
  const strange: string[] = typed
    .filter((name) => !demo.includes(name))
    .map((name) => SETTINGS[name].flag);
  if (command.getOptionValueSource('pretty') === 'cli') strange.push(prettyFlagOf(command));
  if (strange.length === 0) return;
  throw new CliError(
    `${strange.join(', ')} cannot be given with --demo, whose broker and agent keep nothing`,
    'Leave it out, or run "echolot up" without --demo.',
  );
}

function prettyFlagOf(command: Command): string {
  return command.getOptionValue('pretty') ? '--pretty' : '--no-pretty';
}
