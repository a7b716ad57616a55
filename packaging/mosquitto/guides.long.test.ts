// docs/five-minutes.md and docs/mosquitto.md, followed to the letter on a fresh Debian 13 with a real systemd.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BootedMachine } from '../../cli/booted-machine.fixture.ts';
import { PACKAGE_ROOT } from '../../cli/package-root.ts';
import { cleanUp, makeFolder } from '../../cli/run-cli.fixture.ts';
import { builtPackage } from '../debian/built-packages.fixture.ts';
import { DebianRoot } from '../debian/root.fixture.ts';
import { type ShellBlock, shellBlocks } from './shell-blocks.fixture.ts';

/** The package, and the first time a whole Debian, have to be made. */
const LONG_MS = 1_800_000;
const SECOND_TERMINAL = '/root/second-terminal';
/** Of those that both pages name, and nobody else. */
const LEFT = ['buoy-7', 'edge-1', 'edge-2', 'op-1'];
const ASK_WITH_THE_RENEWED_PASSWORD = `echolot classify --client-id buoy-7 \\
  --password-file /var/lib/echolot/passwords/buoy-7.password --broker-url mqtts://localhost:8883 \\
  --ca /etc/echolot/ca.crt --file /usr/lib/echolot/packaging/mosquitto/reading.json`;

let machine: BootedMachine;

beforeAll(async () => {
  const debian = new DebianRoot(makeFolder());
  // As Debian's installer writes it; debootstrap does not.
  debian.write('/etc/hosts', `127.0.0.1 localhost\n127.0.1.1 ${hostname()}\n`);
  const packages = makeFolder();
  const built = builtPackage('amd64');
  copyFileSync(built, join(packages, basename(built)));
  layOther(packages);
  machine = new BootedMachine(makeFolder(), packages, debian.folder);
  await machine.boot();
}, LONG_MS);
afterAll(async () => {
  await machine.stop();
  await cleanUp();
});

/** Beside it, as a build of both leaves them: a package for other machines, which has nothing in it. */
function layOther(folder: string): void {
  const tree = makeFolder();
  mkdirSync(join(tree, 'DEBIAN'));
  const fields = ['Package: echolot', 'Version: 0.1.0', 'Architecture: arm64'];
  fields.push('Maintainer: Echolot <echolot@example.org>', 'Description: for other machines');
  writeFileSync(join(tree, 'DEBIAN', 'control'), `${fields.join('\n')}\n`);
  const file = join(folder, 'echolot_0.1.0_arm64.deb');
  execFileSync('dpkg-deb', ['--root-owner-group', '--build', tree, file], { stdio: 'ignore' });
}

const page = (name: string) => shellBlocks(readFileSync(join(PACKAGE_ROOT, 'docs', name), 'utf8'));
const LOGIN = ['env', '-i', 'HOME=/root', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin'];
/** As root types it, where the package lies; a shell of its own. */
const shell = (text: string) =>
  machine.run(...LOGIN, 'bash', '-e', '-o', 'pipefail', '-c', `cd /opt\n${text}`);
const secondTerminal = async () => (await machine.run('cat', SECOND_TERMINAL)).stdout;

/** Types a block and waits for its end, or until the second terminal is connected. */
async function follow({ isSecondTerminal, text }: ShellBlock): Promise<string> {
  if (isSecondTerminal) {
    // It ends with the machine.
    void shell(`exec > ${SECOND_TERMINAL} 2>&1\n${text}`).catch(() => null);
    await machine.until(async () => (await secondTerminal()).includes('agents/edge-1/status {'));
    return '';
  }
  const startedMs = Date.now();
  const { code, stderr, stdout } = await shell(text);
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  const notable = stdout
    .split('\n')
    .filter((line) => !line.endsWith(' ok'))
    .join('\n');
  console.log(`${seconds} s: ${text}${notable.slice(-1000)}`);
  expect(code, `${text}${notable}${stderr}`).toBe(0);
  return stdout;
}

async function followAll(blocks: readonly ShellBlock[]): Promise<string> {
  let said = '';
  for (const block of blocks) said += await follow(block);
  return said;
}

/** What proofs found: all that was tried on every listener. */
const proofs = (said: string) =>
  [...said.matchAll(/^PROVED: .*?(\d+) leaks, (\d+) blocked/gm)].map(([, ...found]) => found);
const GREEN = ['0', '0'];

// In this order: each goes on with the machine that the one before has left.
describe('a reader on a fresh Debian 13', () => {
  it('gets an answer to mosquitto_pub over TLS, from a watched agent, by the five-minute guide', async () => {
    const blocks = page('five-minutes.md');
    expect(blocks.filter(({ isSecondTerminal }) => isSecondTerminal)).toHaveLength(1);
    const said = await followAll(blocks);
    expect(proofs(said)).toEqual([GREEN, GREEN]);
    expect(said).toContain('Active: active (running)');
    expect(said).toMatch(/Overall exposure level for \S+: 1\.1 /);
    expect(said).not.toMatch(/^(FAIL|LEAK|DIFFERENT)/m);
    await machine.until(async () => (await secondTerminal()).includes('/replies/buoy-7/sonar'));
    const [, answer = ''] = /\/replies\/buoy-7\/sonar (.*)/.exec(await secondTerminal()) ?? [];
    expect(JSON.parse(answer)).toMatchObject({ id: 'first', label: 'rock', agent: 'edge-1' });
  });

  it('is left with what was there when everything is undone as the page on Mosquitto says', async () => {
    const blocks = page('mosquitto.md');
    const undo = blocks.findIndex(({ text }) => text.includes('service uninstall'));
    const said = await followAll(blocks.slice(0, undo));
    const { stdout: list } = await shell('echolot identity list --store /var/lib/echolot/store');
    const names = list.split('\n').map((line) => line.split(' ')[0] ?? '');
    expect(names.filter((name) => /^[a-z]+-\d+$/.test(name)).toSorted()).toEqual(LEFT);
    await follow({ text: ASK_WITH_THE_RENEWED_PASSWORD, isSecondTerminal: false });
    await followAll(blocks.slice(undo, undo + 1));
    expect(proofs(said)).toEqual([GREEN, GREEN, GREEN, GREEN]);
    const { stdout } = await shell('systemctl is-active mosquitto; ls /etc/mosquitto/conf.d');
    expect(stdout).toBe('active\nREADME\n');
  });

  it('gets the same by hand, and a bridge its rights', async () => {
    const blocks = page('mosquitto.md');
    const hand = blocks.findIndex(({ text }) => text.includes('identity add edge-1'));
    // The last is for another machine.
    const said = await followAll(blocks.slice(hand, -1));
    expect(proofs(said)).toEqual([GREEN]);
    expect(said).toContain('createRole echolot-site-a');
  });
});
