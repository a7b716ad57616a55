// The journal of systemd as a reader: whether a stream leads there, and each line's priority (sd-daemon(3)).
import type { BigIntStats } from 'node:fs';
import type { Environment } from './settings.ts';

/** syslog(3), as far as we have a use for it. */
const CRITICAL = 2;
const ERROR = 3;
const WARNING = 4;
const INFO = 6;
const DEBUG = 7;

/** What a line begins with, where it was written for a person. */
const PRIORITIES: ReadonlyMap<string | undefined, number> = new Map([
  ['error', ERROR],
  ['hint', ERROR],
  ['warning', WARNING],
]);

/**
 * Whether a stream is the one that systemd connected to the journal (JOURNAL_STREAM, systemd.exec(5)): a
 * process that inherits the variable may write elsewhere, and there the marks would be a part of the text.
 */
export function leadsToJournal(
  { JOURNAL_STREAM: journal }: Environment,
  { dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>,
): boolean {
  return journal === `${dev}:${ino}`;
}

/** A line that the journal files under the priority of this level of pino, without showing the mark. */
export function markLevel(level: number, line: string): string {
  return `<${priorityOf(level)}>${line}`;
}

/** Marks the lines of a text for people: what went wrong with its remedy, warnings, and the rest. */
export function markText(text: string): string {
  let priority = INFO;
  return text.replace(/^(?:([a-z]+): )?.+$/gm, (line, word: string | undefined) => {
    // A stack, or a parser's guess at what was meant, goes on with what stands before it.
    if (!/^[\s(]/.test(line)) priority = PRIORITIES.get(word) ?? INFO;
    return `<${priority}>${line}`;
  });
}

function priorityOf(level: number): number {
  if (level >= 60) return CRITICAL;
  if (level >= 50) return ERROR;
  if (level >= 40) return WARNING;
  return level >= 30 ? INFO : DEBUG;
}
