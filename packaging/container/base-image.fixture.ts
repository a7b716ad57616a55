// For tests: an image in the place of those that cannot be fetched here, from a Debian with Node and Mosquitto.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PLUGIN_FILE } from '../../broker/mosquitto-plugin.ts';
import { DebianRoot } from '../debian/root.fixture.ts';
import type { ContainerEngine } from './container-engine.fixture.ts';

/** What containers trust for registries, as this machine does. */
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Makes it under each of the names.
 * @param folder an empty one, of no use afterwards
 */
export async function makeBaseImages(
  engine: ContainerEngine,
  folder: string,
  names: readonly string[],
): Promise<void> {
  const root = new DebianRoot(join(folder, 'root'));
  const modules = root.path('/usr/local/lib/node_modules');
  const npm = execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim();
  mkdirSync(modules, { recursive: true });
  cpSync(join(npm, 'npm'), join(modules, 'npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', root.path('/usr/local/bin/npm'));
  cpSync(AUTHORITIES, root.path(AUTHORITIES));
  // Where Eclipse's image has it.
  const plugin = root.files('/usr/lib').find((path) => path.endsWith(`/${PLUGIN_FILE}`));
  if (plugin === undefined) throw new Error('Debian has Mosquitto without its plugin');
  symlinkSync(plugin, root.path(`/usr/lib/${PLUGIN_FILE}`));
  const archive = join(folder, 'root.tar');
  execFileSync('tar', ['-C', root.folder, '-cf', archive, '.']);
  const env = `ENV NODE_EXTRA_CA_CERTS=${AUTHORITIES}`;
  for (const name of names) await engine.must('import', '--quiet', '--change', env, archive, name);
}
