// A line of the log as a person reads it: time, level, message, and the fields as key=value.
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

/**
 * Rewrites a line of pino, such as `15:04:05.006 warning broker unreachable url=mqtt://127.0.0.1:1883`; the
 * time is that of this machine's zone. Nothing in it can drive a terminal or forge a line.
 */
export function prettyLine(json: string, hasColor: boolean): string {
  const { err, level, msg, time, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const paint = (text: string, sgr: number) => (hasColor ? `\u001b[${sgr}m${text}\u001b[0m` : text);
  const { color, word } = LEVELS.find(({ from }) => Number(level) >= from) ?? LEVELS[0];
  const cause = (err as { message?: string } | undefined)?.message;
  const all = Object.entries({ ...fields, ...(cause === undefined ? {} : { cause }) });
  const parts = all.map(
    ([name, value]) => `${paint(`${printable(name)}=`, FAINT)}${printable(valueText(value))}`,
  );
  return [
    paint(clockTime(new Date(Number(time))), FAINT),
    `${paint(word, color)}${' '.repeat(WORD_WIDTH - word.length)}`,
    printable(String(msg)),
    ...parts,
  ].join(' ');
}

/** Words stand as they are; what holds a space, a quote or an equals sign is quoted as JSON is. */
function valueText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function clockTime(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(
    two,
  );
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
