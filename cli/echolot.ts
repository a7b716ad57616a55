#!/usr/bin/env node
// The `echolot` process: streams and environment in, exit code out.
import { fstatSync } from 'node:fs';
import { CommanderError } from 'commander';
import { unknownVariables } from './config.ts';
import type { Context } from './context.ts';
import { EXIT, reportFailure } from './errors.ts';
import { leadsToJournal, markText } from './journal.ts';
import { createOneCommand } from './one-command.ts';

// Node would open its inspector, through which whoever reaches the port does what this process may do.
process.on('SIGUSR1', () => {});
// A service that listens to it does so once it has a log; until then it must not end it.
process.on('SIGUSR2', () => {});

const { argv, env, stdin, stdout } = process;
const isJournal = isOwnJournal();
const stderr: Context['stderr'] = isJournal
  ? { write: (text: string) => process.stderr.write(markText(text)) }
  : process.stderr;
const context: Context = { env, stderr, isJournal, stdin, stdout, exitCode: EXIT.ok };

// A reader that has gone, as in `echolot watch | head -1`, is no failure.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? context.exitCode : fail(error));
});
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => process.exit(fail(error)));

for (const { meant, name } of unknownVariables(env)) {
  stderr.write(`warning: unknown variable ${name}${meant ? `; did you mean ${meant}?` : ''}\n`);
}
const code = await run();
// What a pipe has not taken yet would be lost.
await new Promise((resolve) => stdout.write('', resolve));
process.exit(code);

async function run(): Promise<number> {
  try {
    const program =
      (await createOneCommand(argv[2], context)) ??
      (await import('./program.ts')).createProgram(context);
    await program.parseAsync(argv);
    return context.exitCode;
  } catch (error) {
    // Commander has told the person already.
    if (error instanceof CommanderError)
      return error.exitCode === 0 && error.code !== 'commander.help' ? EXIT.ok : EXIT.usage;
    return fail(error);
  }
}

/** A stream that was closed leads nowhere. */
function isOwnJournal(): boolean {
  try {
    return leadsToJournal(env, fstatSync(2, { bigint: true }));
  } catch {
    return false;
  }
}

function fail(error: unknown): number {
  return reportFailure(error, context);
}
