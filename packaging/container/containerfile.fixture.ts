// For tests: a Containerfile as its instructions.
import { readFileSync } from 'node:fs';

export interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** Comments are left out, continued lines joined. */
export function readContainerfile(path: string): Instruction[] {
  const text = readFileSync(path, 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, rest] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
      if (name === undefined || rest === undefined) throw new Error(`no instruction: ${line}`);
      return { name, rest };
    });
}
