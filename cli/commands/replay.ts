// echolot replay: a simulated device under one's own identity, on any broker.
import { type Command, InvalidArgumentError } from 'commander';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { type ReplayOptions, runReplay } from '../replay.ts';

export function addReplayCommand(program: Command, context: Context): void {
  addCommand(program, {
    name: 'replay',
    summary: "publish a bundle's held-out readings as a device does, and show what comes back",
    kind: 'replay',
    examples: [
      'echolot replay --client-id dev-1 --password-file dev-1.password',
      'echolot replay --client-id dev-1 --password-file dev-1.password --rate 50 --noise 0.05',
      'echolot replay --client-id dev-1 --password-file dev-1.password --count 100 > answers.jsonl',
    ],
  })
    .option('--rate <n>', 'readings per second', readNumber, 1)
    .option('--noise <sd>', 'standard deviation of the noise added to every value', readNumber, 0)
    .option('--seed <n>', 'of the order and the noise', readCount, 1)
    .option('--count <n>', 'end after so many readings', readCount)
    .option('--json', 'print lines of JSON, as where standard output is no terminal')
    .action(async (options: ReplayOptions, command: Command) => {
      await runReplay(settingsOf('replay', context, command), options, context);
    });
}

function readNumber(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text))
    throw new InvalidArgumentError('Expected a number, such as 0.5.');
  return Number(text);
}

function readCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}
