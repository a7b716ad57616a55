// The programs of systemd that are asked: systemctl and journalctl.
import { spawnSync } from 'node:child_process';
import { CliError, EXIT } from './errors.ts';

/**
 * Runs a program with our streams.
 * @returns its exit code
 * @throws {CliError} it cannot be run
 */
export function show(program: string, args: readonly string[]): number {
  const { error, status } = spawnSync(program, args, { stdio: 'inherit' });
  if (!error) return status ?? EXIT.failure;
  throw cannotRun(program, error.message);
}

export function cannotRun(program: string, why: string): CliError {
  return new CliError(
    `${program} cannot be run: ${why}`,
    'It comes with systemd: ask on the machine whose systemd runs the services.',
    { code: 'SYSTEMD_MISSING', exitCode: EXIT.unavailable },
  );
}
