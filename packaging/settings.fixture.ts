// For tests: whether what a deployment gives to the command exists there.
import type { Command } from 'commander';
import { createProgram } from '../cli/program.ts';
import { KINDS, type Kind, SETTINGS } from '../cli/settings.ts';

const context = {
  env: {},
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  exitCode: 0,
};

/** What is wrong with these variables for a command of this kind, one line each. */
export function faultsOfVariables(
  variables: Readonly<Record<string, unknown>>,
  kind: Kind,
): string[] {
  const known = new Set<string>(KINDS[kind].map((name) => SETTINGS[name].env));
  return Object.entries(variables).flatMap(([name, value]) => {
    if (!name.startsWith('ECHOLOT_')) return [];
    if (!known.has(name)) return [`${name} is no setting of ${kind}`];
    return typeof value === 'string' ? [] : [`${name} is no text`];
  });
}

/** What `echolot` with these arguments does not know, one line each; nothing is run. */
export function faultsOfArguments(args: readonly string[]): string[] {
  let command: Command = createProgram(context);
  let depth = 0;
  for (; depth < args.length; depth += 1) {
    const next = command.commands.find((each) => each.name() === args[depth]);
    if (next === undefined) break;
    command = next;
  }
  if (depth === 0) return [`there is no command ${args[0]}`];
  const flags = command.options.map(({ long }) => long);
  return args
    .slice(depth)
    .filter((arg) => arg.startsWith('--') && !flags.includes(arg))
    .map((arg) => `${command.name()} has no ${arg}`);
}
