// One subcommand alone: loading all the others too would double the time until an agent serves, and its memory.
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { createShell } from './program-shell.ts';

type Add = (program: Command, context: Context) => void;

const COMMANDS: Readonly<Record<string, () => Promise<Add>>> = {
  agent: async () => (await import('./commands/agent.ts')).addAgentCommand,
  broker: async () => (await import('./commands/broker.ts')).addBrokerCommand,
  classify: async () => (await import('./commands/classify.ts')).addClassifyCommand,
  identity: async () => (await import('./commands/identity.ts')).addIdentityCommand,
  outbox: async () => (await import('./commands/outbox.ts')).addOutboxCommand,
  watch: async () => (await import('./commands/watch.ts')).addWatchCommand,
};

/** The names of commands that `createOneCommand` knows. */
export const LONE_COMMANDS: readonly string[] = Object.keys(COMMANDS);

/** The program with no more than the named command; `null` for a name that needs the whole program. */
export async function createOneCommand(
  name: string | undefined,
  context: Context,
): Promise<Command | null> {
  const load = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!load) return null;
  const program = createShell(context);
  (await load())(program, context);
  return program;
}
