// echolot service restart: a new version, or new settings, without a moment in which nobody serves.
import { spawnSync } from 'node:child_process';
import { type Command, InvalidArgumentError } from 'commander';
import type { Context } from '../context.ts';
import { addPlainCommand } from '../plain-command.ts';
import { readAgentName } from '../service-flags.ts';
import { agentUnit } from '../service-plan.ts';
import {
  chooseAgents,
  type KnownAgent,
  type RestartOutcome,
  readAgents,
  restartInTurn,
} from '../service-restart.ts';
import { cannotRun } from '../systemd-programs.ts';

interface RestartFlags {
  readonly dryRun?: boolean;
  readonly timeout: number;
}

export function addRestartCommand(service: Command, context: Context): void {
  addPlainCommand(service, {
    name: 'restart',
    summary: 'restart agents one after the other, each when the one before serves again',
    examples: ['sudo echolot service restart', 'sudo echolot service restart edge-1 edge-2'],
  })
    .argument('[agents...]', 'only these (default: all that serve)', readNames)
    .option('--timeout <seconds>', 'how long one may take to serve again', readSeconds, 120)
    .option('--dry-run', 'say what would be done, and do nothing')
    .action((named: readonly string[], { dryRun = false, timeout }: RestartFlags) => {
      const say = (line: string) => void context.stdout.write(`${line}\n`);
      const names = chooseAgents(named, knownAgents(), say);
      if (dryRun) for (const name of names) say(`would run systemctl restart ${agentUnit(name)}`);
      else restartInTurn(names, { say, restart: (unit) => restart(unit, timeout) });
    });
}

function knownAgents(): KnownAgent[] {
  const filter = ['--all', '--plain', '--no-legend', '--no-pager', agentUnit('*')];
  const { error, status, stderr, stdout } = systemctl(['list-units', ...filter]);
  if (!error && status === 0) return readAgents(stdout);
  throw cannotRun('systemctl', error?.message ?? stderr.trim());
}

/** systemctl waits for READY of a unit of Type=notify, and the restarted process only then serves. */
function restart(unit: string, timeoutSeconds: number): RestartOutcome {
  const { error, status } = systemctl(['restart', unit], timeoutSeconds);
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') return 'late';
  if (error) throw cannotRun('systemctl', error.message);
  return status === 0 ? 'ready' : 'failed';
}

function systemctl(args: readonly string[], timeoutSeconds = 0) {
  return spawnSync('systemctl', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: timeoutSeconds * 1000,
  });
}

function readNames(text: string, before: readonly string[] = []): string[] {
  return [...before, readAgentName(text)];
}

function readSeconds(text: string): number {
  const seconds = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError('Expected a number of seconds, 1 at least.');
}
