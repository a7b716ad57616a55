#!/usr/bin/env node
// The `echolot` process: streams and environment in, exit code out.
import { CommanderError } from 'commander';
import { unknownVariables } from './config.ts';
import type { Context } from './context.ts';
import { EXIT, reportFailure } from './errors.ts';
import { createProgram } from './program.ts';

const { argv, env, stderr, stdin, stdout } = process;
const context: Context = { env, stderr, stdin, stdout, exitCode: EXIT.ok };

// A reader that has gone, as in `echolot watch | head -1`, is no failure.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? context.exitCode : fail(error));
});
stderr.on('error', () => {});
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
    await createProgram(context).parseAsync(argv);
    return context.exitCode;
  } catch (error) {
    // Commander has told the person already.
    if (error instanceof CommanderError)
      return error.exitCode === 0 && error.code !== 'commander.help' ? EXIT.ok : EXIT.usage;
    return fail(error);
  }
}

function fail(error: unknown): number {
  return reportFailure(error, stderr, context.log);
}
