// Where packages put Mosquitto's dynamic-security plugin.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const PLUGIN_FILE = 'mosquitto_dynamic_security.so';
/** Where Debian has it, for a machine that is not this one. */
export const USUAL_PLUGIN = join('/usr/lib/x86_64-linux-gnu', PLUGIN_FILE);

const FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib/arm-linux-gnueabihf',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/lib',
  '/opt/homebrew/lib',
];

/** The plugin's path on this machine; `null` where it is not installed. */
export function findPlugin(): string | null {
  return (
    FOLDERS.map((folder) => join(folder, PLUGIN_FILE)).find((path) => existsSync(path)) ?? null
  );
}
