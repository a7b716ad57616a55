// The table of settings of the README is the one of the code, word for word.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from './settings.ts';

/** Defaults that differ from machine to machine. */
const IN_WORDS: Partial<Record<keyof typeof SETTINGS, string>> = {
  agentId: "this machine's name",
  model: 'the shipped `models/sonar`',
  stateDir: '`~/.local/state/echolot`',
  store: '`~/.local/state/echolot`',
};

describe('the settings', () => {
  it('stand in the README with variable, flag, meaning and default, and no others do', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const rows = readme.split('\n').filter((line) => line.startsWith('| `ECHOLOT_'));
    const expected = Object.entries(SETTINGS).map(([name, setting]) => {
      const inWords = IN_WORDS[name as keyof typeof SETTINGS];
      const byDefault = setting.default === null ? '' : `\`${String(setting.default)}\``;
      return `| \`${setting.env}\` | \`${setting.flag}\` | ${setting.doc} | ${inWords ?? byDefault} |`;
    });
    expect(rows).toEqual(expected);
  });
});
