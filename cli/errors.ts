// What the command line tells a person about a failure, and the exit code that scripts see.
import type { Logger } from 'pino';
import { AGENT_PROBLEMS, CLIENT_PROBLEMS, type Problem } from '../schemas/problems.ts';

/** Exit codes; those from 64 on are those of sysexits.h. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** The command line is wrong. */
  usage: 64,
  /** What is needed is not there: no broker, nobody who serves the model. */
  unavailable: 69,
  /** Trying again later may help. */
  tryAgain: 75,
  /** The environment or a file is wrong: an operator must edit. */
  configuration: 78,
} as const;

/** A failure that a person can mend: what was wrong, and one remedy. */
export class CliError extends Error {
  readonly code: string;
  readonly exitCode: number;
  readonly remedy: string;

  constructor(
    message: string,
    remedy: string,
    options: ErrorOptions & { readonly code?: string; readonly exitCode?: number } = {},
  ) {
    super(message, options);
    this.name = 'CliError';
    this.remedy = remedy;
    this.code = options.code ?? 'USAGE';
    this.exitCode = options.exitCode ?? EXIT.usage;
  }
}

/** Where failures are told. */
export interface FailureReader {
  readonly stderr: { write(text: string): unknown };
  /** Of a process that keeps one for machines. */
  readonly log?: Logger;
  /** The log is the journal: what stands there is not told again. */
  readonly isJournal?: boolean;
}

/**
 * Reports a failure: `error:` and `hint:` lines, and a line in the log where the process keeps one.
 * @returns the exit code
 */
export function reportFailure(
  error: unknown,
  { isJournal = false, log, stderr }: FailureReader,
): number {
  const { code, exitCode, message, remedy } = describeFailure(error);
  const hint = remedy === undefined ? {} : { hint: printable(remedy) };
  log?.fatal({ code, exitCode, err: error, ...hint }, 'ended by an error');
  if (log && isJournal) return exitCode;
  stderr.write(`error: ${printable(message)}\n`);
  if (remedy) stderr.write(`hint: ${printable(remedy)}\n`);
  else if (isDefect(error))
    stderr.write(`hint: this is a defect; report it with:\n${error.stack}\n`);
  return exitCode;
}

/** The two lines that say why a reading was not classified. */
export function problemText(problem: Problem): string {
  const rule = { ...AGENT_PROBLEMS, ...CLIENT_PROBLEMS }[problem.code];
  const row = problem.row === undefined ? '' : ` (row ${problem.row})`;
  return `error: ${problem.code}: ${printable(problem.detail)}${row}\nhint: ${rule}\n`;
}

/** Scripts learn from the exit code whether to try again, to ask elsewhere or to mend the reading. */
export function problemExitCode(problem: Problem): number {
  switch (problem.code) {
    case 'NOT_CONNECTED':
    case 'MODEL_UNKNOWN':
      return EXIT.unavailable;
    case 'TIMEOUT':
    case 'OVERLOADED':
    case 'OUTBOX_FULL':
      return EXIT.tryAgain;
    case 'NAME_INVALID':
      return EXIT.usage;
    default:
      return EXIT.failure;
  }
}

/** One line, without what would drive a terminal: part of it may have come from a stranger. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}

/** What no room throws on purpose. */
function isDefect(error: unknown): error is Error {
  return error instanceof Error && !('code' in error) && !('remedy' in error);
}

interface Failure {
  readonly code: string;
  readonly exitCode: number;
  readonly message: string;
  readonly remedy: string | undefined;
}

function describeFailure(error: unknown): Failure {
  if (!(error instanceof Error)) {
    return { code: 'UNKNOWN', exitCode: EXIT.failure, message: String(error), remedy: undefined };
  }
  const { code, exitCode, remedy } = error as Error &
    Record<'code' | 'exitCode' | 'remedy', unknown>;
  return {
    code: typeof code === 'string' ? code : error.name,
    exitCode:
      typeof exitCode === 'number' ? exitCode : (OWN_EXIT_CODES[String(code)] ?? EXIT.failure),
    message: error.message,
    remedy: OWN_REMEDIES[String(code)] ?? (typeof remedy === 'string' ? remedy : undefined),
  };
}

/** A stopped scoring goes on where it is started again. */
const OWN_EXIT_CODES: Record<string, number> = {
  STOPPED: EXIT.tryAgain,
  NOBODY_THERE: EXIT.unavailable,
  // A file that was named is not there, or not ours.
  INPUT_UNREADABLE: EXIT.configuration,
  OUTPUT_UNWRITABLE: EXIT.configuration,
  ENOENT: EXIT.configuration,
  EACCES: EXIT.configuration,
  EPERM: EXIT.configuration,
  EISDIR: EXIT.configuration,
  ENOTDIR: EXIT.configuration,
};

/** Where a flag is the remedy, or no room had one: what the operating system refused. */
const OWN_REMEDIES: Record<string, string> = {
  PORT_BUSY:
    'Stop that program (another broker, perhaps), or choose other ports with --port and --ws-port; 0 takes a free one.',
  ENOENT: 'Check the path.',
  EACCES: 'Check who may read and write there.',
  EPERM: 'Check who may read and write there.',
  ENOSPC: 'Free some space on the disk.',
  EISDIR: 'Name a file, not a folder.',
  EEXIST: 'Something is there already: choose another path.',
  ENOTDIR: 'A part of the path is a file: choose another path.',
};
