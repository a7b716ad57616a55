// The settings of an agent that is installed as a service, read as systemd would.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CredentialSetting } from './credentials.ts';
import { CREDENTIALS } from './credentials.ts';
import { credentialPath } from './service-plan.ts';
import { type Environment, SETTINGS } from './settings.ts';

/**
 * The environment that systemd gives to an agent, with the credentials at their places.
 * @param root for tests: in place of `/`
 */
export function readServiceEnvironment(name: string, root = '/'): Environment {
  const files = ['echolot', `agent-${name}`].map((file) => join(root, `/etc/echolot/${file}.env`));
  const assigned = files.filter(existsSync).flatMap((file) => parse(readFileSync(file, 'utf8')));
  const credentials = (Object.keys(CREDENTIALS) as CredentialSetting[])
    .map((setting) => [SETTINGS[setting].env, join(root, credentialPath(name, setting))] as const)
    .filter(([, path]) => existsSync(path));
  return {
    ECHOLOT_AGENT_ID: name,
    ECHOLOT_STATE_DIR: `/var/lib/echolot-agent/${name}`,
    ...Object.fromEntries(credentials),
    ...Object.fromEntries(assigned),
  };
}

/** Assignments of an environment file, as `mergeAssignments` writes them and people do. */
function parse(text: string): [name: string, value: string][] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', value = ''] = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    return name === '' ? [] : [[name, unquote(value.trim())]];
  });
}

function unquote(value: string): string {
  const [, quoted] = /^"(.*)"$/.exec(value) ?? [];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, '$1');
  return /^'(.*)'$/.exec(value)?.[1] ?? value;
}
