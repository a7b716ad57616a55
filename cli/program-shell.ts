// The `echolot` command without its subcommands, and what commander does where a command line is wrong.
import { Command } from 'commander';
import type { Context } from './context.ts';
import { packageVersion } from './package-root.ts';

/** Actions of the commands that are added set `context.exitCode` or throw. */
export function createShell(context: Context): Command {
  return (
    new Command('echolot')
      .description('Classifies sensor readings over MQTT, with nothing but a broker in the middle.')
      .version(packageVersion(), '--version', 'print the version')
      .helpOption('-h, --help', 'show this help')
      .helpCommand('help [command]', 'show the help of a command')
      .configureOutput({
        writeOut: (text) => context.stdout.write(text),
        writeErr: (text) => context.stderr.write(text),
      })
      .showHelpAfterError('hint: see echolot --help')
      .exitOverride()
      // So that --version behind a subcommand is a wrong flag there, and not this one.
      .enablePositionalOptions()
      .addHelpText('after', EXAMPLES)
  );
}

const EXAMPLES = `
Examples:
  echolot up --demo                         everything at once, on simulated devices
  echolot up                                a broker and an agent that keep their identities
  echolot identity add dev-1 --role client > dev-1.password
  echolot classify --client-id dev-1 --password-file dev-1.password --file reading.json

Every flag with an environment variable may stand there instead, or in a file named by --config:
flags come before environment before file before defaults.`;
