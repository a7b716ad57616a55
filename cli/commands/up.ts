// echolot up: everything in one process, to keep or to try.
import type { Command } from 'commander';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { runDemo } from '../demo.ts';
import { runUp } from '../up.ts';

export function addUpCommand(program: Command, context: Context): void {
  addCommand(program, {
    name: 'up',
    summary: 'run a broker and an agent in one process; with --demo also simulated devices',
    kind: 'up',
    examples: ['echolot up --demo', 'echolot up', 'echolot up --host 0.0.0.0 --model ./my-bundle'],
  })
    .option('--demo', 'throw-away identities, three simulated devices, a live view; Ctrl-C ends it')
    .action(async ({ demo }: { demo?: boolean }, command: Command) => {
      if (demo) await runDemo(settingsOf('demo', context, command), context);
      else await runUp(settingsOf('up', context, command), context);
    });
}
