// What npm installs for another machine: production dependencies alone, checked against the lock file.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHITECTURES, type Architecture } from './architectures.ts';

/**
 * Installs into an empty folder.
 * @param source where package.json and its lock lie
 * @returns its node_modules
 */
export function installModules(source: string, folder: string, architecture: Architecture): string {
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
    cpSync(join(source, file), join(folder, file));
  }
  const machine = ['--os=linux', `--cpu=${ARCHITECTURES[architecture].node}`, '--libc=glibc'];
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--loglevel=error'];
  execFileSync('npm', [...args, ...machine], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return join(folder, 'node_modules');
}
