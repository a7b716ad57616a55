// Credentials that systemd hands to a service (systemd.exec(5), LoadCredential=): files with agreed names.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment, SettingName } from './settings.ts';

/** The settings that may come as a credential, and the credential's name. */
export const CREDENTIALS = {
  passwordFile: 'password',
  ca: 'ca',
  cert: 'cert',
  key: 'key',
  modelKey: 'model-key',
} as const satisfies Partial<Record<SettingName, string>>;
export type CredentialSetting = keyof typeof CREDENTIALS;

/** The path of the credential for a setting, where this process was handed one. */
export function findCredential(name: SettingName, env: Environment): string | undefined {
  const folder = env['CREDENTIALS_DIRECTORY'];
  const credential = (CREDENTIALS as Partial<Record<SettingName, string>>)[name];
  if (!folder || credential === undefined) return undefined;
  const path = join(folder, credential);
  return existsSync(path) ? path : undefined;
}
