// Configuration: flags over environment over file over defaults, checked by convict, explained by us.
import { readFileSync } from 'node:fs';
import convict from 'convict';
import { findCredential } from './credentials.ts';
import { CliError, EXIT } from './errors.ts';
import { FORMATS } from './formats.ts';
import { nearest } from './nearest.ts';
import {
  CONFIG_FLAG,
  CONFIG_VARIABLE,
  defaultOf,
  type Environment,
  KINDS,
  type Kind,
  SETTINGS,
  type SettingName,
  type Settings,
} from './settings.ts';

/** The raw settings of one process, by where they come from. */
export interface Sources {
  /** By setting name, as typed on the command line; other options are ignored. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Environment;
}

// convict's formats are global to the module, hence the prefix.
for (const [name, format] of Object.entries(FORMATS)) {
  convict.addFormat({
    name: `echolot ${name}`,
    coerce: (value: unknown) => (typeof value === 'string' ? format.coerce(value) : value),
    validate: (value: unknown) => {
      if (!format.accepts(value)) throw new Error(`expected ${format.expected}`);
    },
  });
}

/**
 * The settings of a process, complete and frozen.
 * @throws {CliError} exit 64 where a flag is wrong, 78 where the environment or the file is
 */
export function loadSettings<Of extends Kind>(kind: Of, sources: Sources): Readonly<Settings<Of>> {
  const names: readonly SettingName[] = KINDS[kind];
  const path =
    (sources.flags['config'] as string | undefined) ?? sources.env[CONFIG_VARIABLE] ?? '';
  const file = path ? readSettingsFile(path) : {};
  const layers = {
    flags: pick(names, (name) => sources.flags[name]),
    // An empty variable, as an environment file of systemd may hold, is none.
    env: pick(
      names,
      (name) => sources.env[SETTINGS[name].env] || findCredential(name, sources.env),
    ),
    file: pick(names, (name) => file[name]),
  };
  const env = Object.fromEntries(
    Object.entries(layers.env).map(([name, value]) => [SETTINGS[name as SettingName].env, value]),
  ) as Record<string, string>;
  const config = convict<Record<string, unknown>>(schemaOf(kind, sources.env), { env, args: [] });
  config.load(layers.file);
  for (const [name, value] of Object.entries(layers.flags)) config.set(name, value);
  try {
    config.validate({ allowed: 'strict' });
  } catch (cause) {
    throw explain(names, config.getProperties(), layers, path, cause);
  }
  return Object.freeze(config.getProperties()) as unknown as Readonly<Settings<Of>>;
}

/** Variables that begin like ours and mean nothing to us: most likely a misspelling. */
export function unknownVariables(
  env: Environment,
): { readonly name: string; readonly meant: string | null }[] {
  const known: string[] = [
    CONFIG_VARIABLE,
    ...Object.values(SETTINGS).map(({ env: name }) => name),
  ];
  return Object.keys(env)
    .filter((name) => name.startsWith('ECHOLOT_') && !known.includes(name))
    .map((name) => ({ name, meant: nearest(name, known) }));
}

interface Layers {
  readonly flags: Record<string, unknown>;
  readonly env: Record<string, unknown>;
  readonly file: Record<string, unknown>;
}

function schemaOf(kind: Kind, environment: Environment): convict.Schema<Record<string, unknown>> {
  return Object.fromEntries(
    KINDS[kind].map((name) => {
      const { doc, env, format } = SETTINGS[name];
      const preset = defaultOf(name, kind);
      const value = typeof preset === 'function' ? preset(environment) : preset;
      const nullable = value === null;
      return [name, { doc, env, format: `echolot ${format}`, default: value, nullable }];
    }),
  );
}

function pick(
  names: readonly SettingName[],
  read: (name: SettingName) => unknown,
): Record<string, unknown> {
  const found = names.map((name) => [name, read(name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

/** One file may serve several processes: names of other kinds are let pass, names of none are not. */
function readSettingsFile(path: string): Partial<Record<SettingName, unknown>> {
  const refuse = (what: string, remedy: string, cause?: unknown) =>
    new CliError(`${path}: ${what}`, remedy, configurationError(cause));
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const why = (cause as Error).message;
    throw refuse(`cannot be read as settings: ${why}`, 'Write one JSON object into it.', cause);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw refuse('expected a JSON object of settings', 'For example {"brokerUrl":"mqtt://…"}.');
  }
  const known = Object.keys(SETTINGS);
  const stranger = Object.keys(parsed).find((name) => !known.includes(name));
  if (stranger !== undefined) {
    const meant = nearest(stranger, known);
    const remedy = meant ? `Did you mean "${meant}"?` : `Known are ${known.join(', ')}.`;
    throw refuse(`unknown setting ${JSON.stringify(stranger)}`, remedy);
  }
  return parsed;
}

function explain(
  names: readonly SettingName[],
  values: Record<string, unknown>,
  layers: Layers,
  path: string,
  cause: unknown,
): CliError {
  const wrong = names.filter((name) => {
    const value = values[name];
    const isNone = value === null && SETTINGS[name].default === null;
    return !isNone && !FORMATS[SETTINGS[name].format].accepts(value);
  });
  const isUsage = wrong.some((name) => name in layers.flags);
  const lines = wrong.map((name) => {
    const { env, flag, format } = SETTINGS[name];
    const origin = name in layers.flags ? flag : name in layers.env ? env : `"${name}" in ${path}`;
    return `${origin}: expected ${FORMATS[format].expected}, got ${JSON.stringify(values[name])}`;
  });
  // Nothing found by us: whatever convict had to say.
  const message = lines.join('; ') || String((cause as Error).message);
  const [first] = wrong;
  const where = first
    ? `${SETTINGS[first].flag}, ${SETTINGS[first].env} or "${first}" in a ${CONFIG_FLAG} file`
    : `flag, environment or ${CONFIG_FLAG} file`;
  return new CliError(
    message,
    `Correct it where it was set; it may come from ${where}.`,
    isUsage ? { code: 'SETTING_INVALID', cause } : configurationError(cause),
  );
}

function configurationError(cause: unknown) {
  return { code: 'SETTING_INVALID', exitCode: EXIT.configuration, cause };
}
