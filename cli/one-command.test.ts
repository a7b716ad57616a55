import { describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { createOneCommand, LONE_COMMANDS } from './one-command.ts';
import { createProgram } from './program.ts';

const context: Context = {
  env: {},
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  exitCode: 0,
};

describe('a command alone', () => {
  it.each(LONE_COMMANDS)('is %s as in the whole program', async (name) => {
    const one = await createOneCommand(name, context);
    expect(one?.commands.map((each) => each.name())).toEqual([name]);
    const all = createProgram(context).commands;
    const same = all.find((each) => each.name() === name);
    expect(one?.commands[0]?.helpInformation()).toBe(same?.helpInformation());
  });

  it.each([undefined, '--help', 'help', 'nothing', 'constructor', '__proto__'])(
    'is not there for %s',
    async (name) => {
      expect(await createOneCommand(name, context)).toBeNull();
    },
  );
});
