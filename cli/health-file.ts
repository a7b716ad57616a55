// The file in which a running agent keeps its last report for the probes of its container.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { CliError, EXIT } from './errors.ts';
import { encodeReport, type HealthReport, monotonicMs } from './health-report.ts';
import { SETTINGS } from './settings.ts';

export interface HealthFile {
  /** Never throws: a report that cannot be written is missed by the probe. */
  tell(report: HealthReport): void;
  /** Takes it away: nobody reports any more. Never throws. */
  remove(): void;
}

/**
 * Takes the file over from whoever ran before.
 * @returns `null` where none is wanted
 * @throws {CliError} exit 78 where it cannot be written
 */
export function openHealthFile(path: string | null, log: Logger): HealthFile | null {
  if (path === null) return null;
  const write = (report: HealthReport) => {
    // Whole or not at all: a probe may read at any time.
    writeFileSync(`${path}.new`, encodeReport(report, monotonicMs()), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  };
  try {
    write({ isStarting: true, isLive: true, isReady: false, status: 'loading the model' });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError(
      `the file ${path} of ${SETTINGS.healthFile.flag} cannot be written (${code ?? String(cause)})`,
      'Name a file in a folder of our own, best in memory, such as /tmp/echolot.health.',
      { code: 'HEALTH_FILE_UNUSABLE', exitCode: EXIT.configuration, cause },
    );
  }
  let isWarned = false;
  return {
    tell: (report) => {
      try {
        write(report);
        isWarned = false;
      } catch (err) {
        if (!isWarned) log.warn({ path, err }, 'the health file cannot be written');
        isWarned = true;
      }
    },
    remove: () => {
      try {
        rmSync(path, { force: true });
      } catch (err) {
        log.warn({ path, err }, 'the health file cannot be removed');
      }
    },
  };
}
