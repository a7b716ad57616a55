// The Python that has paho and scikit-learn: Debian's, with its packages installed by apt where that is possible.
import { spawnSync } from 'node:child_process';

/** Debian's own before another in the PATH, since apt installs for Debian's. */
const CANDIDATES = ['/usr/bin/python3', 'python3'];
const IMPORTS = 'import paho.mqtt.client, sklearn.naive_bayes';
const PACKAGES = ['python3-paho-mqtt', 'python3-sklearn'];

/** @throws {Error} with the command that installs what is missing */
export async function findPython(): Promise<string> {
  const found = CANDIDATES.find(canImport);
  if (found) return found;
  if (process.getuid?.() === 0) installPackages();
  const installed = CANDIDATES.find(canImport);
  if (installed) return installed;
  throw new Error(`paho or scikit-learn is missing: apt-get install ${PACKAGES.join(' ')}`);
}

/** The versions that take part, for the record; `null` where there is no such Python. */
export function pythonVersions(): string | null {
  const script =
    'import platform, paho.mqtt, sklearn; print(f"{platform.python_version()} with paho-mqtt {paho.mqtt.__version__} and scikit-learn {sklearn.__version__}")';
  const python = CANDIDATES.find(canImport);
  if (!python) return null;
  return spawnSync(python, ['-c', script], { encoding: 'utf8' }).stdout.trim();
}

function canImport(python: string): boolean {
  return spawnSync(python, ['-c', IMPORTS], { stdio: 'ignore' }).status === 0;
}

function installPackages(): void {
  process.stderr.write(`apt-get install ${PACKAGES.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (args: string[]) => spawnSync('apt-get', args, { env, stdio: 'ignore' });
  apt(['update', '-qq']);
  apt(['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES]);
}
