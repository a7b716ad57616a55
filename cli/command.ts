// A subcommand made from its settings: every flag with its variable and default, and examples in --help.
import { type Command, Option } from 'commander';
import { loadSettings } from './config.ts';
import type { Context } from './context.ts';
import {
  CONFIG_FLAG,
  CONFIG_VARIABLE,
  defaultOf,
  KINDS,
  type Kind,
  SETTINGS,
  type SettingName,
  type Settings,
} from './settings.ts';

export interface CommandSpec<Of extends Kind> {
  readonly name: string;
  readonly summary: string;
  readonly kind: Of;
  /** Lines of --help, ready to be copied. */
  readonly examples: readonly string[];
  /** Where --config means something else; the file of settings then comes from its variable alone. */
  readonly withoutSettingsFile?: true;
}

/** Adds a subcommand with the flags of its settings; the caller adds its own flags and the action. */
export function addCommand<Of extends Kind>(
  parent: Command,
  { examples, kind, name, summary, withoutSettingsFile }: CommandSpec<Of>,
): Command {
  const command = parent.command(name).description(summary).summary(summary);
  for (const setting of KINDS[kind]) command.addOption(optionOf(setting, kind));
  const file = `a JSON file of settings, below flags and environment (env ${CONFIG_VARIABLE})`;
  if (!withoutSettingsFile) command.option(`${CONFIG_FLAG} <file>`, file);
  command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
  return command.showHelpAfterError(`hint: see ${pathOf(command)} --help`);
}

/** The settings of a command, from what was typed, the environment and the file. */
export function settingsOf<Of extends Kind>(
  kind: Of,
  context: Context,
  command: Command,
): Readonly<Settings<Of>> {
  return loadSettings(kind, { flags: command.opts(), env: context.env });
}

function optionOf(name: SettingName, kind: Kind): Option {
  const { argument, doc, env, flag } = SETTINGS[name];
  const preset = describe(defaultOf(name, kind));
  const option = new Option(`${flag} ${argument}`, `${doc} (env ${env}${preset})`);
  if (option.attributeName() !== name) throw new Error(`${flag} is not the flag of ${name}`);
  return option;
}

function describe(preset: ReturnType<typeof defaultOf>): string {
  if (preset === null) return '';
  return `, default ${typeof preset === 'function' ? '~/.local/state/echolot' : preset}`;
}

function pathOf(command: Command): string {
  const names: string[] = [];
  for (let each: Command | null = command; each; each = each.parent) names.unshift(each.name());
  return names.join(' ');
}
