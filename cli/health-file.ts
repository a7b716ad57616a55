// The file in which a running agent keeps its last report for the probes of its container.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { CliError, EXIT } from './errors.ts';
import { encodeReport, type HealthReport, monotonicMs } from './health-report.ts';
import { SETTINGS } from './settings.ts';

export interface HealthFile {
  /** Says that the agent is on its way up, now and every 10 s until it tells something else. Never throws. */
  starting(status: string): void;
  /** Never throws: a report that cannot be written is missed by the probe. */
  tell(report: HealthReport): void;
  /** Takes it away: nobody reports any more. Never throws. */
  remove(): void;
}

/** How often an agent says that it still is on its way up: one that is frozen there does not. */
const STARTING_MS = 10_000;
const LOADING = 'loading the model';

/**
 * Takes the file over from whoever ran before.
 * @returns `null` where none is wanted
 * @throws {CliError} exit 78 where it cannot be written
 */
export function openHealthFile(path: string | null, log: Logger): HealthFile | null {
  if (path === null) return null;
  const write = (report: HealthReport) => {
    // Whole or not at all: a probe may read at any time. And never where a link that somebody laid there leads.
    rmSync(`${path}.new`, { force: true });
    writeFileSync(`${path}.new`, encodeReport(report, monotonicMs()), { mode: 0o600, flag: 'wx' });
    renameSync(`${path}.new`, path);
  };
  try {
    write(onItsWay(LOADING));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError(
      `the file ${path} of ${SETTINGS.healthFile.flag} cannot be written (${code ?? String(cause)})`,
      "Name a file in a folder where nobody else writes, best in memory: a container's own /tmp, on a host one in /run.",
      { code: 'HEALTH_FILE_UNUSABLE', exitCode: EXIT.configuration, cause },
    );
  }
  let isWarned = false;
  const attempt = (report: HealthReport) => {
    try {
      write(report);
      isWarned = false;
    } catch (err) {
      if (!isWarned) log.warn({ path, err }, 'the health file cannot be written');
      isWarned = true;
    }
  };
  let status = LOADING;
  const repeat = setInterval(() => attempt(onItsWay(status)), STARTING_MS).unref();
  return {
    starting: (now) => {
      status = now;
      attempt(onItsWay(status));
    },
    tell: (report) => {
      clearInterval(repeat);
      attempt(report);
    },
    remove: () => {
      clearInterval(repeat);
      try {
        rmSync(path, { force: true });
      } catch (err) {
        log.warn({ path, err }, 'the health file cannot be removed');
      }
    },
  };
}

const onItsWay = (status: string): HealthReport => ({ isLive: true, isReady: false, status });
