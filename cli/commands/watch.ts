// echolot watch: what an operator sees.
import type { Command } from 'commander';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { runWatch } from '../watch.ts';

export function addWatchCommand(program: Command, context: Context): void {
  addCommand(program, {
    name: 'watch',
    summary: 'show agents, clients and answers as they come; needs an operator',
    kind: 'observer',
    examples: [
      'echolot identity add op-1 --role operator > op-1.password',
      'echolot watch --client-id op-1 --password-file op-1.password',
      'echolot watch --client-id op-1 --password-file op-1.password --json | head -1',
    ],
  })
    .option('--json', 'print lines of JSON, as where standard output is no terminal')
    .action(async (options: { json?: boolean }, command: Command) => {
      await runWatch(settingsOf('observer', context, command), options, context);
    });
}
