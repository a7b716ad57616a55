// What an installation changes on a machine, as data: to be shown, or to be done. Reads nothing, does nothing.
import { CREDENTIALS, type CredentialSetting } from './credentials.ts';
import { mergeAssignments, renderEnvironmentFile } from './service-environment.ts';
import { renderUnit, type StartCommand, UNIT_FILES, type UnitFile } from './service-units.ts';

/** One change. Paths are those of the machine, without `--root`. */
export type Step =
  /** `secret`: its text is not shown, and only root may read it. */
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly text: string | Buffer;
      readonly secret?: true;
    }
  | { readonly kind: 'remove'; readonly path: string }
  /** `offline`: also for a folder that is to become a machine, with `--root` behind the first word. */
  | { readonly kind: 'run'; readonly command: readonly string[]; readonly offline?: true }
  /** Started, or started again where one of the steps before has changed something; nobody waits for it. */
  | { readonly kind: 'start'; readonly unit: string }
  /** Makes an identity in the store of the broker service, and keeps its password as a credential. */
  | { readonly kind: 'enrol'; readonly name: string; readonly path: string };

/** The text of a file of the machine; `null` where there is none. */
export type ReadText = (path: string) => string | null;

const BROKER_UNIT = 'echolot-broker.service';
const TARGET = 'echolot.target';
const SETTINGS_FOLDER = '/etc/echolot';
export const BROKER_STORE = '/var/lib/echolot-broker/store';
const STATE_FOLDERS = ['/var/lib/echolot-agent', '/var/lib/echolot-broker'];

export const agentUnit = (name: string) => `echolot-agent@${name}.service`;

/** Where an agent's credential lies, in the store of systemd. */
export function credentialPath(name: string, setting: CredentialSetting): string {
  return `/etc/credstore/echolot-agent-${name}.${CREDENTIALS[setting]}`;
}

/**
 * What both services need: units, users, folders, and the file of settings, which is never written twice.
 * All of it comes with a package.
 */
function common(command: StartCommand | null, read: ReadText): Step[] {
  if (command === null) return [];
  const settings = `${SETTINGS_FOLDER}/echolot.env`;
  return [
    ...(Object.keys(UNIT_FILES) as UnitFile[]).map(
      (file): Step => ({
        kind: 'write',
        path: UNIT_FILES[file],
        text: renderUnit(file, command),
      }),
    ),
    { kind: 'write', path: settings, text: read(settings) ?? renderEnvironmentFile() },
    { kind: 'run', command: ['systemd-sysusers', UNIT_FILES['echolot.sysusers.conf']] },
    { kind: 'run', command: ['systemd-tmpfiles', '--create', UNIT_FILES['echolot.tmpfiles.conf']] },
  ];
}

function assignments(
  path: string,
  values: Readonly<Record<string, string>>,
  read: ReadText,
): Step[] {
  if (Object.keys(values).length === 0) return [];
  return [{ kind: 'write', path, text: mergeAssignments(read(path) ?? '', values) }];
}

function start(unit: string): Step[] {
  return [
    { kind: 'run', command: ['systemctl', 'daemon-reload'] },
    { kind: 'run', command: ['systemctl', 'enable', TARGET, unit], offline: true },
    { kind: 'start', unit },
    { kind: 'run', command: ['systemctl', 'start', '--no-block', TARGET] },
  ];
}

export interface AgentInstallation {
  readonly name: string;
  /** What the units start; `null` leaves the units of the package as they are. */
  readonly command: StartCommand | null;
  /** By variable: what differs from the defaults. */
  readonly values: Readonly<Record<string, string>>;
  readonly credentials: Readonly<Partial<Record<CredentialSetting, Buffer>>>;
  /** Make it an identity in the store of the broker service. */
  readonly enrol: boolean;
}

export function planAgent(agent: AgentInstallation, read: ReadText): Step[] {
  const { command, credentials, enrol, name, values } = agent;
  const given = Object.entries(credentials) as [CredentialSetting, Buffer][];
  return [
    ...common(command, read),
    ...assignments(`${SETTINGS_FOLDER}/agent-${name}.env`, values, read),
    ...given.map(
      ([setting, text]): Step => ({
        kind: 'write',
        path: credentialPath(name, setting),
        text,
        secret: true,
      }),
    ),
    ...(enrol
      ? [{ kind: 'enrol', name, path: credentialPath(name, 'passwordFile') } as const]
      : []),
    ...start(agentUnit(name)),
  ];
}

export interface BrokerInstallation {
  /** As of an agent. */
  readonly command: StartCommand | null;
  readonly values: Readonly<Record<string, string>>;
}

export function planBroker({ command, values }: BrokerInstallation, read: ReadText): Step[] {
  return [
    ...common(command, read),
    ...assignments(`${SETTINGS_FOLDER}/broker.env`, values, read),
    ...start(BROKER_UNIT),
  ];
}

/** One agent leaves; the others, and what all share, stay. */
export function planAgentRemoval(name: string): Step[] {
  return [
    { kind: 'run', command: ['systemctl', 'disable', '--now', agentUnit(name)], offline: true },
    ...credentialRemovals(name),
    { kind: 'remove', path: `${SETTINGS_FOLDER}/agent-${name}.env` },
  ];
}

/**
 * Everything leaves but what the services kept, and the settings; with `purge` these too.
 * @param agents their names
 * @param packaged what came with a package is its own to remove: units, and the file of settings
 */
export function planRemoval(
  agents: readonly string[],
  { packaged, purge }: { readonly packaged: boolean; readonly purge: boolean },
): Step[] {
  const units = [...(packaged ? [] : [TARGET]), BROKER_UNIT, ...agents.map(agentUnit)];
  const own = ['broker', ...agents.map((name) => `agent-${name}`)];
  const settings = packaged
    ? own.map((name) => `${SETTINGS_FOLDER}/${name}.env`)
    : [SETTINGS_FOLDER];
  const data = purge ? [...settings, ...STATE_FOLDERS] : [];
  const written = packaged ? [] : Object.values(UNIT_FILES);
  return [
    { kind: 'run', command: ['systemctl', 'disable', '--now', ...units], offline: true },
    ...agents.flatMap(credentialRemovals),
    ...written.map((path): Step => ({ kind: 'remove', path })),
    ...data.map((path): Step => ({ kind: 'remove', path })),
    { kind: 'run', command: ['systemctl', 'daemon-reload'] },
  ];
}

function credentialRemovals(name: string): Step[] {
  const settings = Object.keys(CREDENTIALS) as CredentialSetting[];
  return settings.map((setting) => ({ kind: 'remove', path: credentialPath(name, setting) }));
}
