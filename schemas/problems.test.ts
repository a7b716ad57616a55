// The problem table of the README is the closed list of codes, word for word.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AGENT_PROBLEMS, CLIENT_PROBLEMS } from './problems.ts';

describe('the problem codes', () => {
  it('stand in the README with what to do, in order, and no others do', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (.*) \|$/gm)]
      .map(([, code, text]) => [code, text])
      .filter(([code]) => !code?.startsWith('ECHOLOT_'));
    expect(rows).toEqual([...Object.entries(AGENT_PROBLEMS), ...Object.entries(CLIENT_PROBLEMS)]);
  });
});
