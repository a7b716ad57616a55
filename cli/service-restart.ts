// Restarts agents one after the other, so that the others serve meanwhile; stops where one does not come back.
import { CliError, EXIT } from './errors.ts';
import { agentUnit } from './service-plan.ts';

/** What systemd says of an agent that it knows. */
export interface KnownAgent {
  readonly name: string;
  readonly isActive: boolean;
  /** `ActiveState`, such as `active`, `activating` or `failed`. */
  readonly state: string;
}

/** How a restart ended: the new process is ready, it failed, or it was still not ready. */
export type RestartOutcome = 'ready' | 'failed' | 'late';

export interface Restarting {
  readonly say: (line: string) => void;
  /** Restarts a unit and waits until it is ready. */
  readonly restart: (unit: string) => RestartOutcome;
}

/** Reads what `systemctl list-units --plain --no-legend` prints: unit, load, active, sub, description. */
export function readAgents(list: string): KnownAgent[] {
  return list.split('\n').flatMap((line) => {
    const [unit = '', , state = ''] = line.trim().split(/\s+/);
    const [, name] = /^echolot-agent@(.+)\.service$/.exec(unit) ?? [];
    return name === undefined ? [] : [{ name, state, isActive: state === 'active' }];
  });
}

/**
 * The agents to restart: those that were named, or all that serve. One that was stopped, or that waits for its
 * broker, has nothing to hand on and is left alone.
 * @throws {CliError} none serves, or one that was named does not run: nothing is started that nobody had started
 */
export function chooseAgents(
  named: readonly string[],
  known: readonly KnownAgent[],
  say: (line: string) => void,
): string[] {
  if (named.length > 0) return checkNamed([...new Set(named)], known);
  for (const { isActive, name, state } of known) {
    if (!isActive) say(`${name} is ${state}: left as it is`);
  }
  const serving = known.filter(({ isActive }) => isActive).map(({ name }) => name);
  if (serving.length > 0) return serving;
  throw new CliError('no agent serves on this machine', 'See "echolot service status".', {
    code: 'NO_AGENT',
    exitCode: EXIT.unavailable,
  });
}

/** One that has failed may be tried again by its name. */
function checkNamed(names: string[], known: readonly KnownAgent[]): string[] {
  const running = known.filter(({ state }) => state !== 'inactive').map(({ name }) => name);
  const missing = names.find((name) => !running.includes(name));
  if (missing === undefined) return names;
  const here = running.length === 0 ? 'none' : running.join(', ');
  throw new CliError(
    `the agent ${missing} does not run on this machine, so nothing was restarted`,
    `Those that run: ${here}. One that was stopped is started with "systemctl start ${agentUnit(missing)}".`,
    { code: 'NO_AGENT', exitCode: EXIT.unavailable },
  );
}

/**
 * Restarts the agents in turn.
 * @throws {CliError} one did not become ready; those after it still run as before
 */
export function restartInTurn(names: readonly string[], { restart, say }: Restarting): void {
  for (const [index, name] of names.entries()) {
    const outcome = restart(agentUnit(name));
    if (outcome !== 'ready') throw notReady(name, outcome, names.slice(index + 1));
    say(`${name} is restarted and ready (${index + 1} of ${names.length})`);
  }
}

function notReady(name: string, outcome: RestartOutcome, rest: readonly string[]): CliError {
  const what = outcome === 'late' ? 'is not ready yet' : 'did not start';
  const left = rest.length === 0 ? '' : `; not restarted: ${rest.join(', ')}`;
  return new CliError(
    `${name} ${what}${left}`,
    `"echolot service logs ${name}" and "echolot doctor --service ${name}" say why; then run the same command again.`,
    {
      code: 'RESTART_FAILED',
      exitCode: outcome === 'late' ? EXIT.tryAgain : EXIT.failure,
    },
  );
}
