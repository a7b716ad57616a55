// A line of the log as a person reads it: time, level, message, and the fields as key=value.
// pino-pretty takes 19 packages and 10 MB more of memory for it, and passes on characters that drive a terminal.
import { printable } from './errors.ts';

/** From the level on: the word, and the colour of ECMA-48 (SGR) that it has. */
const LEVELS = [
  { from: 60, word: 'fatal', color: 31 },
  { from: 50, word: 'error', color: 31 },
  { from: 40, word: 'warning', color: 33 },
  { from: 30, word: 'info', color: 32 },
  { from: 20, word: 'debug', color: 36 },
  { from: 0, word: 'trace', color: 36 },
] as const;
const FAINT = 2;
const WORD_WIDTH = 'warning'.length;

/** What a line is made of. */
export interface LogLine {
  readonly time: Date;
  /** As pino counts: 30 for info. */
  readonly level: number;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Reads a line of pino; an error becomes its message, as `cause`.
 * @returns `null` where it is none
 */
export function readLogLine(json: string): LogLine | null {
  const line = parseObject(json);
  if (line === null) return null;
  const { err, level, msg, time, ...fields } = line;
  if (typeof level !== 'number' || typeof time !== 'number') return null;
  const cause = (err as { message?: unknown } | null | undefined)?.message;
  return {
    time: new Date(time),
    level,
    msg: String(msg),
    fields: cause === undefined ? fields : { ...fields, cause },
  };
}

/**
 * A line such as `15:04:05.006 warning broker unreachable url=mqtt://127.0.0.1:1883`; the time is that of this
 * machine's zone. Nothing in it can drive a terminal or forge a line.
 * @param source who wrote it, where several do; the line then has its day, too
 */
export function prettyLine(
  { fields, level, msg, time }: LogLine,
  hasColor: boolean,
  source?: string,
): string {
  const paint = (text: string, sgr: number) => (hasColor ? `\u001b[${sgr}m${text}\u001b[0m` : text);
  const { color, word } = LEVELS.find(({ from }) => level >= from) ?? LEVELS[0];
  const parts = Object.entries(fields).map(
    ([name, value]) => `${paint(`${printable(name)}=`, FAINT)}${printable(valueText(value))}`,
  );
  const from = source === undefined ? [] : [printable(source)];
  return [
    paint(source === undefined ? clockTime(time) : `${day(time)} ${clockTime(time)}`, FAINT),
    ...from,
    `${paint(word, color)}${' '.repeat(WORD_WIDTH - word.length)}`,
    printable(msg),
    ...parts,
  ].join(' ');
}

/** `null` where the text is no JSON, or JSON of something else. */
export function parseObject(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

/** Words stand as they are; what holds a space, a quote or an equals sign is quoted as JSON is. */
function valueText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

const two = (number: number) => String(number).padStart(2, '0');

function day(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function clockTime(date: Date): string {
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two);
  return `${parts.join(':')}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
