// A subcommand without settings: its flags are all its own.
import type { Command } from 'commander';

export interface PlainCommandSpec {
  readonly name: string;
  readonly summary: string;
  /** Lines of --help, ready to be copied. */
  readonly examples: readonly string[];
}

/** Adds a subcommand; the caller adds its arguments, flags and action. */
export function addPlainCommand(
  parent: Command,
  { name, summary, examples }: PlainCommandSpec,
): Command {
  return parent
    .command(name)
    .description(summary)
    .summary(summary)
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`)
    .showHelpAfterError(`hint: see echolot ${parent.name()} ${name} --help`);
}
