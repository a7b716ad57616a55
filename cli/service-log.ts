// The log of a service: JSON for collectors, marked for the journal, or lines for people; its level by a signal.
import type { Command } from 'commander';
import { type LevelWithSilent, type Logger, pino } from 'pino';
import type { Context } from './context.ts';
import { markLevel } from './journal.ts';
import { hasColor } from './live-region.ts';
import { prettyLine, readLogLine } from './pretty-line.ts';

const STANDARD_ERROR = 2;
const SWITCH = 'SIGUSR2';

export interface PrettyFlag {
  /** Default: where standard error is a terminal. */
  readonly pretty?: boolean;
}

/** Adds the flags of the log to a command that runs until it is stopped. */
export function withLogFlags(command: Command): Command {
  return command
    .option('--pretty', 'log for people: time, level, message, key=value (default at a terminal)')
    .option('--no-pretty', 'log one JSON object a line, also at a terminal')
    .addHelpText(
      'after',
      '\nSignals:\n  SIGTERM, SIGINT, SIGHUP  a clean stop\n  SIGUSR2                  log from debug on, and again: as before',
    );
}

/**
 * The log of a service on standard error. SIGUSR2 changes its level: from debug on (trace, where it was set to
 * debug), and back. What ends the process stands in it too, unless a person reads it, who is told in other words.
 */
export function startServiceLog(
  context: Context,
  level: LevelWithSilent,
  { pretty = context.stderr.isTTY === true }: PrettyFlag,
): Logger {
  const log = pino({ level, base: null }, destination(context, pretty));
  if (!pretty) context.log = log;
  process.on(SWITCH, levelSwitch(log));
  return log;
}

/** What the signal does: the change is told at a level that is shown before or after it. */
export function levelSwitch(log: Logger): () => void {
  const configured = log.level as LevelWithSilent;
  const verbose = log.isLevelEnabled('debug') ? 'trace' : 'debug';
  return () => {
    const isVerbose = log.level === verbose;
    const level = isVerbose ? configured : verbose;
    if (!isVerbose) log.level = level;
    log.info({ logLevel: level }, 'log level changed by a signal');
    log.level = level;
  };
}

function destination({ env, isJournal = false, stderr }: Context, pretty: boolean) {
  const file = pino.destination({ dest: STANDARD_ERROR, sync: true });
  if (!pretty && !isJournal) return file;
  const color = stderr.isTTY === true && hasColor(env);
  const rewrite = (json: string) => {
    const line = pretty ? readLogLine(json) : null;
    return line === null ? json : `${prettyLine(line, color)}\n`;
  };
  return {
    // pino then tells us the level of each line.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(json: string) {
      const line = rewrite(json);
      file.write(isJournal ? markLevel(this.lastLevel, line) : line);
    },
  };
}
