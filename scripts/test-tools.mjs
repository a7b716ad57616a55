// What the tests need besides Node: found, or installed by apt where that is possible.
import { spawnSync } from 'node:child_process';

const TOOLS = [
  { command: 'mosquitto', package: 'mosquitto' },
  { command: 'mosquitto_pub', package: 'mosquitto-clients' },
  { command: 'mosquitto_sub', package: 'mosquitto-clients' },
  { command: 'systemd-analyze', package: 'systemd' },
];

/** For `npm run test:long` alone. */
const LONG_TOOLS = [
  { command: 'debootstrap', package: 'debootstrap' },
  { command: 'lintian', package: 'lintian' },
  { command: 'readelf', package: 'binutils' },
  { command: 'ip', package: 'iproute2' },
  { command: 'podman', package: 'podman' },
  // What podman needs, and only recommends.
  { command: 'crun', package: 'crun' },
  { command: 'iptables', package: 'iptables' },
  { command: '/usr/lib/podman/netavark', package: 'netavark' },
  { command: '/usr/lib/podman/aardvark-dns', package: 'aardvark-dns' },
];

/** Debian keeps daemons where a user's PATH may not look. */
export const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** Installs what is missing; gives one line for each tool that is missing still. */
export function installTools({ isLong }) {
  const needed = isLong ? [...TOOLS, ...LONG_TOOLS] : TOOLS;
  const missing = needed.filter((tool) => !isThere(tool));
  if (missing.length === 0) return [];
  const packages = [...new Set(missing.map((tool) => tool.package))];
  const command = `apt-get install ${packages.join(' ')}`;
  if (process.getuid?.() === 0 && isThere({ command: 'apt-get' })) {
    console.log(`\n== ${command}`);
    apt(['update', '-qq']);
    apt(['install', '-y', '-qq', '--no-install-recommends', ...packages]);
  }
  return missing
    .filter((tool) => !isThere(tool))
    .map((tool) => `${tool.command} is missing; the tests need it: ${command}`);
}

function isThere({ command }) {
  return spawnSync('sh', ['-c', `command -v ${command}`], { env, stdio: 'ignore' }).status === 0;
}

function apt(args) {
  spawnSync('apt-get', args, {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}
