// The `echolot` command: all its subcommands, and what commander does where a command line is wrong.
import { Command } from 'commander';
import { addAgentCommand } from './commands/agent.ts';
import { addBrokerCommand } from './commands/broker.ts';
import { addChaosCommand } from './commands/chaos.ts';
import { addClassifyCommand } from './commands/classify.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addIdentityCommand } from './commands/identity.ts';
import { addModelCommand } from './commands/model.ts';
import { addOutboxCommand } from './commands/outbox.ts';
import { addPolicyCommand } from './commands/policy.ts';
import { addReplayCommand } from './commands/replay.ts';
import { addServiceCommand } from './commands/service.ts';
import { addUpCommand } from './commands/up.ts';
import { addWatchCommand } from './commands/watch.ts';
import type { Context } from './context.ts';
import { packageVersion } from './package-root.ts';

/** Builds the command; its actions set `context.exitCode` or throw. */
export function createProgram(context: Context): Command {
  const program = new Command('echolot')
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
    .addHelpText('after', EXAMPLES);
  addUpCommand(program, context);
  addBrokerCommand(program, context);
  addAgentCommand(program, context);
  addClassifyCommand(program, context);
  addOutboxCommand(program, context);
  addReplayCommand(program, context);
  addWatchCommand(program, context);
  addIdentityCommand(program, context);
  addModelCommand(program, context);
  addPolicyCommand(program, context);
  addServiceCommand(program, context);
  addDoctorCommand(program, context);
  addChaosCommand(program, context);
  return program;
}

const EXAMPLES = `
Examples:
  echolot up --demo                         everything at once, on simulated devices
  echolot up                                a broker and an agent that keep their identities
  echolot identity add dev-1 --role client > dev-1.password
  echolot classify --client-id dev-1 --password-file dev-1.password --file reading.json

Every flag with an environment variable may stand there instead, or in a file named by --config:
flags come before environment before file before defaults.`;
