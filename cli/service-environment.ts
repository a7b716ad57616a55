// The environment file of the services: every setting of an agent and of the broker, as a comment with its default.
import { KINDS, SETTINGS, type SettingName } from './settings.ts';

/** By setting: what differs from machine to machine, or what the units give themselves. */
const IN_WORDS: Readonly<Record<string, string>> = {
  agentId: 'what stands behind the @ of the unit',
  passwordFile: 'the credential password',
  ca: 'the credential ca, where there is one',
  cert: 'the credential cert, where there is one',
  key: 'the credential key, where there is one',
  modelKey: 'the credential model-key, where there is one',
  model: 'the shipped models/sonar',
  store: '/var/lib/echolot-broker/store',
  dataDir: '/var/lib/echolot-broker/sessions',
  stateDir: '/var/lib/echolot-agent/NAME',
};

const HEAD = [
  '# Settings of the Echolot services on this machine, read at their start (systemd.exec(5), EnvironmentFile=).',
  '# /etc/echolot/agent-NAME.env and /etc/echolot/broker.env, where they are, come before this file.',
  '# No secrets here: they are credentials, files of root in /etc/credstore. Each line below is a default.',
];

/** The text of `echolot.env`. */
export function renderEnvironmentFile(): string {
  const names = Object.keys(SETTINGS) as SettingName[];
  const takenBy = (kind: 'agent' | 'broker', name: SettingName) =>
    (KINDS[kind] as readonly SettingName[]).includes(name);
  const section = (title: string, isIn: (name: SettingName) => boolean) => [
    '',
    `# -- ${title} --`,
    ...names.filter(isIn).flatMap(describe),
  ];
  return [
    ...HEAD,
    ...section(
      'agents and the broker',
      (name) => takenBy('agent', name) && takenBy('broker', name),
    ),
    ...section('agents', (name) => takenBy('agent', name) && !takenBy('broker', name)),
    ...section('the broker', (name) => takenBy('broker', name) && !takenBy('agent', name)),
    '',
  ].join('\n');
}

function describe(name: SettingName): string[] {
  const { default: preset, doc, env } = SETTINGS[name];
  const inWords = IN_WORDS[name];
  if (typeof preset === 'function' && inWords === undefined) {
    throw new Error(`${name} has a computed default: say in IN_WORDS what it is for a service`);
  }
  if (inWords !== undefined) return ['', `# ${doc}; by default ${inWords}`, `#${env}=`];
  return ['', `# ${doc}`, `#${env}=${preset === null ? '' : String(preset)}`];
}

/**
 * The text of a file of assignments with some of them set anew; what else a person wrote in it stays.
 * @param values by variable; `null` takes an assignment out
 */
export function mergeAssignments(
  text: string,
  values: Readonly<Record<string, string | null>>,
): string {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const nameOf = (line: string) => /^([A-Z_][A-Z0-9_]*)=/.exec(line)?.[1] ?? '';
  const kept = lines.filter((line) => !(nameOf(line) in values));
  const added = Object.entries(values).flatMap(([name, value]) =>
    value === null ? [] : [`${name}=${quote(value)}`],
  );
  return [...kept, ...added].map((line) => `${line}\n`).join('');
}

/** As systemd reads it: double quotes keep blanks, and a backslash keeps quotes. */
function quote(value: string): string {
  return /^[A-Za-z0-9_.,:/@%+-]+$/.test(value) ? value : `"${value.replace(/["\\$`]/g, '\\$&')}"`;
}
