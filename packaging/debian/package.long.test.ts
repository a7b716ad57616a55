// The package on a fresh Debian 13: installed, asked, upgraded, removed and purged, by apt and dpkg.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../bus/mosquitto.fixture.ts';
import { cleanUp, makeFolder } from '../../cli/run-cli.fixture.ts';
import { loadReplayRows } from '../../models/dataset.ts';
import { builtPackage, nextVersion } from './built-packages.fixture.ts';
import { DebianRoot } from './root.fixture.ts';

const MAX_MIB = 260;
const LONG_MS = 1_800_000;
const SETTINGS = '/etc/echolot/echolot.env';
const STORE = '/var/lib/echolot-broker/store';
/** What an account leaves behind, and what dpkg and systemd note of their own work. */
const NOTES =
  /^\/etc\/(passwd|group|g?shadow|subuid|subgid)-?$|^\/etc\/\.pwd\.lock$|^\/var\/(lib\/(apt|dpkg)|cache|log|tmp)\//;

let debian: DebianRoot;
let file: string;
let before: string[];
const running: ChildProcess[] = [];

const everything = () => debian.files('/etc', '/usr', '/var').filter((path) => !NOTES.test(path));
const added = () => everything().filter((path) => !before.includes(path));
const run = async (...command: string[]) => {
  const { code, stderr, stdout } = await debian.run(...command);
  expect(code, `${command.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
};
/** Starts a program, and waits until it says so. */
async function start(pattern: RegExp, ...command: string[]): Promise<void> {
  const child = debian.start(...command);
  running.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (pattern.test(said)) child.emit('ready');
    });
  }
  const ended = once(child, 'close').then(() => {
    throw new Error(`${command.join(' ')} ended before it said ${pattern}: ${said}`);
  });
  ended.catch(() => {});
  await Promise.race([once(child, 'ready'), ended]);
}

beforeAll(async () => {
  const folder = makeFolder();
  file = builtPackage('amd64');
  debian = new DebianRoot(join(folder, 'root'));
  before = everything();
}, LONG_MS);
afterAll(async () => {
  for (const child of running) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  }
  await cleanUp();
});

// In this order: each goes on with the machine that the one before has left.
describe('the package on a fresh Debian', () => {
  it('is installed by apt with nothing else, and takes no more room than it may', async () => {
    const { code, stdout } = await debian.install(file);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Setting up echolot/m)]);
    expect(stdout).toMatch(/1 newly installed, 0 to remove/);
    expect(await run('echolot', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await run('dpkg', '--verify', 'echolot')).toBe('');
    expect(await run('getent', 'passwd', 'echolot-agent')).toContain('/usr/sbin/nologin');
    const kib = Number(
      (await run('du', '-sk', '--total', '/usr/lib/echolot', '/usr/share/doc/echolot')).match(
        /(\d+)\ttotal/,
      )?.[1],
    );
    console.log(`size on disk: ${(kib / 1024).toFixed(1)} MiB, without Node`);
    expect(kib).toBeGreaterThan(10_000);
    expect(kib / 1024).toBeLessThanOrEqual(MAX_MIB);
  });

  it('its doctor is well beside a Mosquitto with the rendered policy, and classify gets an answer', async () => {
    const [clients, inner] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    const password = async (name: string, role: string) =>
      debian.write(
        `/root/${name}.password`,
        await run('echolot', 'identity', 'add', name, '--role', role, '--store', STORE),
        0o600,
      );
    await password('edge-1', 'predictor');
    await password('dev-1', 'client');
    const out = '/etc/mosquitto/echolot';
    const where = ['--out', out, '--clients', clients, '--inner', inner];
    await run(
      'echolot',
      'policy',
      'render',
      'mosquitto',
      '--store',
      STORE,
      '--owner',
      'mosquitto',
      ...where,
    );
    await start(/mosquitto version .* running/, 'mosquitto', '-v', '-c', `${out}/mosquitto.conf`);

    const agent = [
      '--agent-id',
      'edge-1',
      '--password-file',
      '/root/edge-1.password',
      '--broker-url',
      `mqtt://${inner}`,
    ];
    const findings = (await run('echolot', 'doctor', ...agent)).trim().split('\n');
    expect(findings.filter((line) => /^(failed|skipped)/.test(line))).toEqual([]);
    await start(/"msg":"serving"/, 'echolot', 'agent', ...agent);

    const { rows } = await loadReplayRows(join(debian.folder, 'usr/lib/echolot/models/sonar'));
    const device = [
      '--client-id',
      'dev-1',
      '--password-file',
      '/root/dev-1.password',
      '--broker-url',
      `mqtt://${clients}`,
    ];
    const answer = await run(
      'echolot',
      'classify',
      ...device,
      ...(rows[0]?.values ?? []).map(String),
    );
    expect(answer).toMatch(/metal|rock/);
  });

  it('computes with TensorFlow.js on WebAssembly, too', async () => {
    const output = await debian.run(
      'echolot',
      'doctor',
      '--runtime',
      'tfjs',
      '--json',
      '--broker-url',
      'mqtt://127.0.0.1:1',
    );
    const findings = output.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { check: string; detail: string; result: string });
    expect(findings.find(({ check }) => check === 'model')).toMatchObject({
      result: 'ok',
      detail: expect.stringContaining('tfjs-wasm'),
    });
  });

  it('an upgrade keeps the settings as somebody changed them, and takes new ones where nobody did', async () => {
    const folder = makeFolder();
    await debian.install(nextVersion(file, folder, '9.0-1'));
    expect(debian.read(SETTINGS)).toContain('# of 9.0-1');
    debian.write(SETTINGS, 'ECHOLOT_GROUP=north\n');
    const keep = ['-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold'];
    const { code, stdout } = await debian.install(nextVersion(file, folder, '9.0-2'), ...keep);
    expect(code, stdout).toBe(0);
    expect(stdout).toContain(`Configuration file '${SETTINGS}'`);
    expect(debian.read(SETTINGS)).toBe('ECHOLOT_GROUP=north\n');
    expect(debian.read(`${SETTINGS}.dpkg-dist`)).toContain('# of 9.0-2');
    expect(await run('dpkg-query', '--show', 'echolot')).toBe('echolot\t9.0-2\n');
  });

  it('a removal keeps settings, passwords and data; a purge keeps data alone', async () => {
    debian.write('/etc/echolot/agent-edge-1.env', 'ECHOLOT_GROUP=north\n');
    debian.write('/etc/credstore/echolot-agent-edge-1.password', 'a password', 0o600);
    const link = '/etc/systemd/system/echolot.target.wants/echolot-agent@edge-1.service';
    await run('systemctl', 'enable', 'echolot-agent@edge-1');
    expect(added()).toContain(link);
    await run('apt-get', 'remove', '--yes', 'echolot');
    const kept = added().filter((path) => !path.startsWith('/etc/mosquitto/'));
    for (const path of kept) {
      expect(path).toMatch(
        /^\/(etc\/(echolot|credstore|systemd\/system)|var\/lib\/(echolot-|systemd\/deb-systemd-helper))/,
      );
    }
    for (const path of [SETTINGS, link]) expect(kept).toContain(path);

    const output = await run('dpkg', '--purge', 'echolot');
    expect(output).toContain('/var/lib/echolot-broker is kept');
    const data = added().filter((path) => !path.startsWith('/etc/mosquitto/'));
    expect(data.length).toBeGreaterThan(0);
    for (const path of data) expect(path).toMatch(/^\/var\/lib\/echolot-broker\/store\//);
  });
});
