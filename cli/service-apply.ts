// Does the steps of a plan on a machine or below a folder, or says what it would do.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { CliError, EXIT } from './errors.ts';
import { BROKER_STORE, type Step } from './service-plan.ts';
import type { StartCommand } from './service-units.ts';

const BROKER_USER = 'echolot-broker';

export interface ApplyOptions {
  /** A folder in place of `/`: files go below it, and nothing of this machine is touched. */
  readonly root: string | null;
  readonly dryRun: boolean;
  /** The command `echolot`, for what must be done as another user. */
  readonly command: StartCommand;
  /** Is told of each step. */
  readonly say: (line: string) => void;
}

/** Does or shows the steps in their order; what is as it should be is left as it is. */
export function applySteps(steps: readonly Step[], options: ApplyOptions): void {
  let isChanged = false;
  for (const step of steps) {
    const work = prepare(step, isChanged, options);
    if (work === null) continue;
    isChanged ||= step.kind === 'write' || step.kind === 'enrol';
    options.say(options.dryRun ? `would ${work.what}` : work.what);
    if (!options.dryRun) work.act();
  }
}

interface Work {
  readonly what: string;
  readonly act: () => void;
}

function prepare(step: Step, isChanged: boolean, { command, root }: ApplyOptions): Work | null {
  const place = (path: string) => (root === null ? path : join(root, path));
  switch (step.kind) {
    case 'write': {
      const path = place(step.path);
      const bytes = Buffer.from(step.text);
      if (existsSync(path) && readFileSync(path).equals(bytes)) return null;
      const mode = step.secret ? 0o600 : 0o644;
      const what = `write ${path}${step.secret ? ' (secret, for root alone)' : ''}`;
      return { what, act: () => writeWhole(path, bytes, mode) };
    }
    case 'remove': {
      const path = place(step.path);
      if (!existsSync(path)) return null;
      return {
        what: `remove ${path}`,
        act: () => rmSync(path, { recursive: true, force: true }),
      };
    }
    case 'run': {
      const [program = '', ...args] = step.command;
      if (root !== null && !step.offline) return null;
      const words =
        root === null ? args : [`--root=${root}`, ...args.filter((arg) => arg !== '--now')];
      return { what: `run ${[program, ...words].join(' ')}`, act: () => run(program, words) };
    }
    case 'start': {
      if (root !== null) return null;
      const words = [isChanged ? 'restart' : 'start', '--no-block', step.unit];
      return { what: `run systemctl ${words.join(' ')}`, act: () => run('systemctl', words) };
    }
    case 'enrol': {
      const path = place(step.path);
      const store = place(BROKER_STORE);
      return {
        what: `add ${step.name} (predictor) to ${store}, and write its password to ${path}`,
        act: () => writeWhole(path, enrol(step.name, store, command, root), 0o600),
      };
    }
  }
}

/** Whole or not at all. The folder of a secret is for its owner alone, where it has to be made. */
function writeWhole(path: string, bytes: Buffer | string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: mode === 0o600 ? 0o700 : 0o755 });
  const temporary = `${path}.new`;
  writeFileSync(temporary, bytes, { mode });
  // The process may have a stricter mask, and units are read by everybody.
  chmodSync(temporary, mode);
  renameSync(temporary, path);
}

/**
 * The password of a predictor, new. As the broker's user, so that the broker can read what is written.
 * @throws {CliError} the name is that of another role
 */
function enrol(name: string, store: string, command: StartCommand, root: string | null): string {
  if (root === null) {
    const owner = ['-o', BROKER_USER, '-g', BROKER_USER];
    run('install', ['-d', '-m', '0700', ...owner, dirname(store)]);
  }
  const as = root === null ? ['runuser', '-u', BROKER_USER, '--'] : [];
  const identity = (...args: string[]) => {
    const [program, ...words] = [...as, ...command, 'identity', ...args, '--store', store];
    return run(program, words);
  };
  const role = existsSync(store) ? roleOf(name, identity('list', '--json')) : null;
  if (role === null) return identity('add', name, '--role', 'predictor');
  if (role === 'predictor') return identity('rotate', name);
  throw new CliError(
    `the identity ${name} is a ${role}, so the agent cannot use its name`,
    'Choose another name with --agent-id.',
    { code: 'AGENT_ID_TAKEN', exitCode: EXIT.configuration },
  );
}

function roleOf(name: string, list: string): string | null {
  const identities = list
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly name: string; readonly role: string });
  return identities.find((identity) => identity.name === name)?.role ?? null;
}

function run(program: string, args: readonly string[]): string {
  const { error, status, stderr, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  if (error || status !== 0) {
    const why = error?.message ?? (stderr.trim() || `it ended with ${status}`);
    throw new CliError(
      `${program} ${args.join(' ')}: ${why}`,
      'Mend that and run the same command again; what is done already is left as it is.',
      { code: 'SERVICE_STEP_FAILED', exitCode: EXIT.failure },
    );
  }
  return stdout;
}
