// The `echolot` command with all its subcommands.
import type { Command } from 'commander';
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
import { createShell } from './program-shell.ts';

/** Builds the command; its actions set `context.exitCode` or throw. */
export function createProgram(context: Context): Command {
  const program = createShell(context);
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
