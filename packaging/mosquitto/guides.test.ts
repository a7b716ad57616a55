// What the pages tell a reader to type is shell, and names commands and flags that there are.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../cli/context.ts';
import { PACKAGE_ROOT } from '../../cli/package-root.ts';
import { createProgram } from '../../cli/program.ts';
import { commandsOf, shellBlocks } from './shell-blocks.fixture.ts';

const SETUP = join(PACKAGE_ROOT, 'packaging', 'mosquitto', 'setup.sh');
const context: Context = {
  env: {},
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  exitCode: 0,
};
const program = createProgram(context);

/** The command that these words begin with, and the words after it. */
function find(
  words: readonly string[],
  from: Command = program,
): { command: Command; rest: readonly string[] } {
  const [first, ...rest] = words;
  const next = from.commands.find((command) => command.name() === first);
  return next ? find(rest, next) : { command: from, rest: words };
}

const flagsOf = (words: readonly string[]) =>
  words.flatMap((word) => /^--[a-z][a-z-]*/.exec(word)?.[0] ?? []);

describe.each(['docs/five-minutes.md', 'docs/mosquitto.md'])('%s', (page) => {
  const blocks = shellBlocks(readFileSync(join(PACKAGE_ROOT, page), 'utf8'));
  const commands = blocks.flatMap(commandsOf);

  it('has blocks that a shell can read', () => {
    expect(blocks.length).toBeGreaterThan(3);
    for (const { text } of blocks) execFileSync('bash', ['-n'], { input: text });
  });

  it('names commands and flags of echolot that there are', () => {
    const ours = commands.filter(([name]) => name === 'echolot');
    expect(ours.length).toBeGreaterThan(0);
    for (const [, ...words] of ours) {
      const { command, rest } = find(words);
      const known = command.options.map(({ long }) => long);
      expect(command.commands, words.join(' ')).toEqual([]);
      for (const flag of flagsOf(rest)) expect(known, words.join(' ')).toContain(flag);
    }
  });

  it('names flags of the set-up script that there are', () => {
    const help = execFileSync('bash', [SETUP, '--help'], { encoding: 'utf8' });
    const ours = commands.filter(([name]) => name === 'echolot-mosquitto-setup');
    expect(ours.length).toBeGreaterThan(0);
    for (const flag of ours.flatMap(flagsOf)) expect(help).toMatch(`  ${flag} `);
  });
});
