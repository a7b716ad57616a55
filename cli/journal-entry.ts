// An entry of the journal (journalctl --output=json) as a person reads it.
import { printable } from './errors.ts';
import { type LogLine, parseObject, prettyLine, readLogLine } from './pretty-line.ts';

/** Levels of pino by syslog's priority; what has none is told as an information. */
const LEVELS = [60, 60, 60, 50, 40, 30, 30, 20] as const;
const INFO = 30;

/**
 * One line: what our own processes wrote, and what systemd said of them.
 * @param hasColor whether it may be coloured
 */
export function prettyEntry(json: string, hasColor: boolean): string {
  const entry = parseObject(json);
  if (entry === null) return printable(json);
  const message = textOf(entry['MESSAGE']);
  const line = readLogLine(message) ?? plainLine(message, entry);
  // Of what systemd says of a unit, the unit is another field.
  const unit = textOf(entry['UNIT'] ?? entry['_SYSTEMD_UNIT']);
  return prettyLine(line, hasColor, unit.replace(/^echolot-(?:agent@)?|\.service$/g, ''));
}

function plainLine(msg: string, entry: Readonly<Record<string, unknown>>): LogLine {
  const time = new Date(Number(entry['__REALTIME_TIMESTAMP']) / 1000);
  return { time, level: LEVELS[Number(entry['PRIORITY'])] ?? INFO, msg, fields: {} };
}

/** What is no UTF-8, or holds a control character, is a list of bytes there. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? Buffer.from(value as number[]).toString() : '';
}
