// What is deployed, in the files of a rendered folder, held against what the store would be rendered to now.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureAdministrator } from '../administrator.ts';
import type { Policy } from '../policy.ts';
import { renderDynamicSecurity } from '../render-dynamic-security.ts';
import { loadRenderedTls, loadRenderInput } from '../render-input.ts';
import { CONFIGURATION_FILE, renderMosquitto, RIGHTS_FILE } from '../render-mosquitto.ts';
import { compareConfigurations, readChoices } from './deployed-configuration.ts';
import { compareRights, type Difference, parseRights } from './deployed-rights.ts';

/** The folder cannot be compared. A person must act; exit 78. */
export class DeployedError extends Error {
  readonly code = 'DEPLOYED_UNREADABLE';
  readonly exitCode = 78;
  readonly remedy =
    `Name the folder that "echolot policy render mosquitto" wrote, with its ${CONFIGURATION_FILE} and ${RIGHTS_FILE}.`;
}

/** Of the files that hold no rights, those that decide who is let in. */
const CERTIFICATE_FILES = ['ca.crt', 'ca.crl', 'broker.crt'];

/**
 * Compares the files as Mosquitto has them now with a rendering of the store.
 * @throws {DeployedError} the folder has no such files
 * @throws {IdentityStoreError} the store cannot be used
 */
export async function compareDeployed(
  folder: string,
  store: string,
  options: { readonly policy: Policy; readonly models: readonly string[] },
): Promise<{ readonly rules: number; readonly differences: Difference[] }> {
  const configuration = await readDeployed(folder, CONFIGURATION_FILE);
  const deployed = parseRights(await readDeployed(folder, RIGHTS_FILE));
  if (!deployed) throw new DeployedError(`${join(folder, RIGHTS_FILE)} is no file of rights`);
  const input = await loadRenderInput(store, { ...options, probes: true });
  const administrator = await ensureAdministrator(store);
  const tls = await loadRenderedTls(store, []);
  const rights = renderDynamicSecurity(input, administrator);
  const choices = readChoices(configuration, tls !== null);
  const files = renderMosquitto({ ...input, ...choices, administrator, tls });
  const certificates = CERTIFICATE_FILES.filter((name) => files.has(name)).map(async (where) => {
    const text = await readDeployed(folder, where);
    const detail = 'is not that of the store';
    return text === files.get(where) ? [] : [{ kind: 'other' as const, where, what: '', detail }];
  });
  return {
    rules: rights.roles.reduce((sum, { acls }) => sum + acls.length, 0),
    differences: [
      ...compareRights(deployed, rights),
      ...compareConfigurations(
        configuration,
        files.get(CONFIGURATION_FILE) ?? '',
        CONFIGURATION_FILE,
      ),
      ...(await Promise.all(certificates)).flat(),
    ],
  };
}

async function readDeployed(folder: string, name: string): Promise<string> {
  try {
    return await readFile(join(folder, name), 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new DeployedError(`${join(folder, name)} cannot be read (${code ?? String(cause)})`, {
      cause,
    });
  }
}
