// From settings to an installation: what differs from the defaults, the secrets, and whether services could see it.
import { readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CREDENTIALS, type CredentialSetting } from './credentials.ts';
import { loadSettings } from './config.ts';
import { CliError, EXIT } from './errors.ts';
import { PACKAGE_ROOT } from './package-root.ts';
import type { StartCommand } from './service-units.ts';
import { type AllSettings, KINDS, SETTINGS, type SettingName, type Settings } from './settings.ts';

/** What the units give themselves, whatever was set where the installation is made. */
const OF_THE_UNIT: readonly SettingName[] = ['agentId', 'stateDir', 'store', 'dataDir'];
/** Not for the service: a sandbox shows it an empty folder there. */
const HIDDEN = /^\/(home|root|run\/user|tmp|var\/tmp)(\/|$)/;

/** What Node runs as the command `echolot`. */
export const OWN_SCRIPT = join(PACKAGE_ROOT, 'dist', 'cli', 'echolot.js');

/**
 * How the units start this installation.
 * @throws {CliError} it lies where a service cannot see it
 */
export function ownCommand(): StartCommand {
  const script = realpathSync(OWN_SCRIPT);
  for (const path of [process.execPath, script]) {
    if (!HIDDEN.test(path)) continue;
    throw new CliError(
      `${path} lies in a home or temporary folder, which the services do not see`,
      'Install Node and Echolot for everybody, for example: cp -a . /opt/echolot, and run this command from there.',
      { code: 'INSTALLATION_HIDDEN', exitCode: EXIT.configuration },
    );
  }
  return [process.execPath, script];
}

/**
 * The assignments for the file of settings: what differs from the defaults, without secrets.
 * @throws {CliError} a path lies where the service cannot see it
 */
export function assignmentsOf<Of extends 'agent' | 'broker'>(
  kind: Of,
  settings: Readonly<Settings<Of>>,
): Record<string, string> {
  const presets = loadSettings(kind, { flags: {}, env: {} }) as Partial<AllSettings>;
  const given = settings as Partial<AllSettings>;
  const names = (KINDS[kind] as readonly SettingName[]).filter(
    (name) =>
      !OF_THE_UNIT.includes(name) && !(name in CREDENTIALS) && given[name] !== presets[name],
  );
  return Object.fromEntries(
    names.map((name) => {
      const { env, flag, format } = SETTINGS[name];
      const text = String(given[name]);
      return [env, format === 'path' ? visible(resolve(text), flag) : text];
    }),
  );
}

function visible(path: string, flag: string): string {
  if (!HIDDEN.test(path)) return path;
  throw new CliError(
    `${path} of ${flag} lies in a home or temporary folder, which the services do not see`,
    'Copy it, to /var/lib or /opt for example, and name the copy.',
    { code: 'PATH_HIDDEN', exitCode: EXIT.configuration },
  );
}

/**
 * The credentials that were named, read.
 * @throws {CliError} one cannot be read
 */
export function readCredentials(
  settings: Readonly<Settings<'agent'>>,
): Partial<Record<CredentialSetting, Buffer>> {
  const given = (Object.keys(CREDENTIALS) as CredentialSetting[]).flatMap((name) => {
    const path = settings[name];
    return path === null ? [] : [[name, read(path, SETTINGS[name].flag)] as const];
  });
  return Object.fromEntries(given);
}

function read(path: string, flag: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError(
      `the file ${path} of ${flag} cannot be read (${code ?? String(cause)})`,
      'Check the path and who may read it.',
      { code: 'FILE_UNREADABLE', exitCode: EXIT.configuration, cause },
    );
  }
}
