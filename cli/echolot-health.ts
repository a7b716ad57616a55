#!/usr/bin/env node
// The `echolot-health` process, a probe that costs little: exit code 0 where the agent is well, 1 where it is not.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judgeReport, monotonicMs } from './health-report.ts';

const USAGE = `Usage: echolot-health [--live] [--health-file <file>]

ask how the agent of this container is; it proves itself through the broker every 10 s

Options:
  --live                may it go on? Without this: does it serve?
  --health-file <file>  that of the agent (env ECHOLOT_HEALTH_FILE)
  -h, --help            show this help

Examples:
  echolot-health
  echolot-health --live --health-file /tmp/echolot.health
`;

process.exitCode = probe();

function probe(): number {
  const flags = readFlags();
  if (typeof flags === 'string') {
    return refuse(flags, 'see echolot-health --help');
  }
  if (flags.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const path = flags['health-file'] ?? process.env['ECHOLOT_HEALTH_FILE'];
  if (!path) {
    return refuse(
      'no health file is named',
      'Give --health-file FILE (or ECHOLOT_HEALTH_FILE), here and to echolot agent.',
    );
  }
  const { detail, isWell } = ask(path, flags.live ? 'live' : 'ready');
  process.stdout.write(`${detail}\n`);
  return isWell ? 0 : 1;
}

function readFlags() {
  try {
    return parseArgs({
      options: {
        'health-file': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        live: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    return (error as Error).message;
  }
}

function ask(path: string, question: 'live' | 'ready') {
  try {
    return judgeReport(readFileSync(path, 'utf8'), question, monotonicMs());
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    return { isWell: false, detail: `no agent reports in ${path} (${why})` };
  }
}

/** With the exit code of a wrong command line. */
function refuse(what: string, remedy: string): number {
  process.stderr.write(`error: ${what}\nhint: ${remedy}\n`);
  return 64;
}
