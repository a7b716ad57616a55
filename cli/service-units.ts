// The units of systemd/: as they are in the package, or with the paths of this installation.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from './package-root.ts';

/** The command in the units of the package. */
const PACKAGED_COMMAND = '/usr/bin/echolot';

/** Where each file of `systemd/` belongs, for an administrator's own installation. */
export const UNIT_FILES = {
  'echolot-agent@.service': '/etc/systemd/system/echolot-agent@.service',
  'echolot-broker.service': '/etc/systemd/system/echolot-broker.service',
  'echolot.target': '/etc/systemd/system/echolot.target',
  'echolot.sysusers.conf': '/etc/sysusers.d/echolot.conf',
  'echolot.tmpfiles.conf': '/etc/tmpfiles.d/echolot.conf',
} as const;
export type UnitFile = keyof typeof UNIT_FILES;

/** Where the package of Debian installs Echolot; its units lie in /usr/lib/systemd/system. */
const PACKAGED_FOLDER = '/usr/lib/echolot';

/** Whether this installation came with a package, which brought units, users and settings. */
export const isPackaged = (folder = PACKAGE_ROOT) => folder === PACKAGED_FOLDER;

/** Of a service: how it is started, word by word. */
export type StartCommand = readonly [program: string, ...args: string[]];

/** The text of a unit or fragment that starts Echolot by this command. */
export function renderUnit(name: UnitFile, command: StartCommand): string {
  const text = readFileSync(join(PACKAGE_ROOT, 'systemd', name), 'utf8');
  const words = command.map(unitWord).join(' ');
  return text.replaceAll(`ExecStart=${PACKAGED_COMMAND}`, () => `ExecStart=${words}`);
}

/** A word of a command line as systemd.service(5) reads it: `%` and `$` stand for themselves. */
function unitWord(word: string): string {
  const literal = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[A-Za-z0-9_.,:/@%+=$-]+$/.test(literal)
    ? literal
    : `"${literal.replace(/["\\]/g, '\\$&')}"`;
}
