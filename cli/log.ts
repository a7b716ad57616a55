// The log of commands that end by themselves: short lines for people, without the time.
import { type Logger, pino } from 'pino';
import { printable } from './errors.ts';
import type { AllSettings } from './settings.ts';

type Level = AllSettings['logLevel'];

/** Lines such as `warning: broker unreachable, trying again (detail: connect ECONNREFUSED)`. */
export function createTerminalLog(level: Level, write: (line: string) => void): Logger {
  return pino({ level, base: null }, { write: (json: string) => write(terminalLine(json)) });
}

/** A line of pino as a person reads it, with nothing in it that could drive a terminal. */
export function terminalLine(json: string): string {
  const { err, level, msg, time: _, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const cause = (err as { message?: string } | undefined)?.message;
  const details = Object.entries({ ...fields, ...(cause === undefined ? {} : { cause }) })
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
  return printable(`${levelWord(Number(level))}: ${String(msg)}${details && ` (${details})`}`);
}

function levelWord(level: number): string {
  if (level >= 50) return 'error';
  if (level >= 40) return 'warning';
  return level >= 30 ? 'info' : 'debug';
}
