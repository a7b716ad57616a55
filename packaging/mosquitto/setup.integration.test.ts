// The set-up script: what it says, what it refuses, and that it changes nothing then. What it does is a long test.
import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../bus/mosquitto.fixture.ts';

const SCRIPT = fileURLToPath(new URL('setup.sh', import.meta.url));
const NOBODY = 65_534;

let root: string;
let port: number;

/** The script with a folder in place of the machine's own, free ports, and a command that does nothing. */
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'echolot-setup-'));
  chmodSync(root, 0o755);
  const places = { STATE: 'state', DEPLOYED: 'deployed', ETC: 'mosquitto', TRUSTED: 'ca.crt' };
  const ports = { INNER: await freePort(), CERTIFICATES: await freePort() };
  let text = readFileSync(SCRIPT, 'utf8');
  const set = (name: string, value: string | number) => {
    const line = new RegExp(`^readonly ${name}=.*$`, 'm');
    expect(text).toMatch(line);
    text = text.replace(line, `readonly ${name}=${value}`);
  };
  for (const [name, path] of Object.entries(places)) set(name, join(root, path));
  for (const [name, value] of Object.entries(ports)) set(name, value);
  writeFileSync(join(root, 'setup.sh'), text, { mode: 0o755 });
  mkdirSync(join(root, 'mosquitto', 'conf.d'), { recursive: true });
  mkdirSync(join(root, 'bin'));
  symlinkSync('/bin/true', join(root, 'bin', 'echolot'));
  port = await freePort();
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function setup(
  args: readonly string[],
  { path = join(root, 'bin'), uid = process.getuid?.() } = {},
) {
  return new Promise<Ended>((resolve) => {
    const options = {
      env: { PATH: `${path}:${process.env['PATH']}` },
      ...(uid === undefined ? {} : { uid }),
    };
    execFile('bash', [join(root, 'setup.sh'), ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

const names = ['--agent-id', 'edge-1', '--device-id', 'buoy-7', '--host', 'broker.example'];

describe('the script that sets up Mosquitto', () => {
  it('says in its help every flag that it takes', async () => {
    const { code, stdout, stderr } = await setup(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    const flags = [...readFileSync(SCRIPT, 'utf8').matchAll(/^ {6}(--.*?)\)/gm)]
      .flatMap(([, list = '']) => list.split(' | '))
      .filter((flag) => flag.startsWith('--'));
    expect(flags.length).toBeGreaterThan(8);
    for (const flag of flags) expect(stdout).toMatch(new RegExp(`^  ${flag}\\b`, 'm'));
  });

  it('says without root what it would do, in order, and does nothing', async () => {
    const before = readdirSync(root, { recursive: true });
    const uid = process.getuid?.() === 0 ? { uid: NOBODY } : {};
    const { code, stdout, stderr } = await setup([...names, '--port', `${port}`, '--dry-run'], uid);
    expect([code, stderr]).toEqual([0, '']);
    const steps = [
      /^== identity edge-1 \(predictor\)$/m,
      /^== identity buoy-7 \(client\)$/m,
      /^== identity op-1 \(operator\)$/m,
      /echolot policy render mosquitto .*--included --tls-names broker\.example --clients 0\.0\.0\.0:\d+/,
      /^would run: ln -s \S+\/deployed\/mosquitto.conf \S+\/conf.d\/echolot.conf$/m,
      /^would run: systemctl restart mosquitto$/m,
      /^would run: echolot policy apply /m,
      /^would run: echolot service install agent --agent-id edge-1 /m,
      /^would run: echolot policy prove .*--config /m,
      /^would run: echolot classify --client-id buoy-7 .*mqtts:/m,
    ];
    const places = steps.map((step) => stdout.search(step));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(readdirSync(root, { recursive: true })).toEqual(before);
  });

  it('installs no agent and asks none where there is to be none', async () => {
    const { code, stdout } = await setup([
      ...names,
      '--port',
      `${port}`,
      '--dry-run',
      '--no-agent',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^would run: echolot policy prove .*--config /m);
    expect(stdout).not.toMatch(/edge-1|classify|service install/);
  });

  it.each([
    [['--nonsense'], 64, 'unknown argument --nonsense'],
    [['buoy-7'], 64, 'unknown argument buoy-7'],
    [['--host'], 64, '--host has no value'],
    [['--device-id', ''], 64, '--device-id has no value'],
    [['--device-id', 'a/b'], 64, 'a/b is no name'],
    [['--agent-id', 'one', '--device-id', 'one'], 64, 'the same name'],
    [['--host', 'a b'], 64, '--host a b is no name of a machine'],
    [['--listen', '*'], 64, '--listen * is no address'],
    [['--listen', '192.0.2.77', '--dry-run'], 78, 'nothing can listen on 192.0.2.77:'],
    [['--port', '99999'], 64, '--port 99999 is no port'],
    [['--port', '8883;reboot'], 64, 'is no port'],
  ])('refuses %j with %i', async (args, expected, why) => {
    const { code, stdout, stderr } = await setup(args);
    expect([code, stdout]).toEqual([expected, '']);
    expect(stderr).toContain(why);
    expect(stderr).toMatch(/^error: .*\nhint: .*\n$/);
  });

  it('refuses what is not of Echolot in the configuration of Mosquitto, and leaves it', async () => {
    const foreign = join(root, 'mosquitto', 'conf.d', 'mine.conf');
    writeFileSync(foreign, 'listener 1883\n');
    const beside = await setup([...names, '--dry-run']);
    expect([beside.code, beside.stderr]).toEqual([
      78,
      expect.stringContaining(`${foreign} configures`),
    ]);
    rmSync(foreign);
    writeFileSync(join(root, 'mosquitto', 'conf.d', 'echolot.conf'), 'listener 1883\n');
    expect((await setup([...names, '--dry-run'])).stderr).toContain('echolot.conf configures');
    rmSync(join(root, 'mosquitto', 'conf.d', 'echolot.conf'));
    writeFileSync(join(root, 'mosquitto', 'mosquitto.conf'), 'listener 1883\n');
    const changed = await setup([...names, '--dry-run']);
    expect([changed.code, changed.stderr]).toEqual([78, expect.stringContaining('not as Debian')]);
  });

  it('refuses a port that is busy, and names it', async () => {
    const other = createServer().listen(0, '0.0.0.0');
    await once(other, 'listening');
    const { port: busy } = other.address() as { port: number };
    const { code, stderr } = await setup([...names, '--port', `${busy}`, '--dry-run']);
    other.close();
    await once(other, 'close');
    expect(code).toBe(78);
    expect(stderr).toContain(`something else listens on port ${busy}`);
  });

  it('refuses to work without root, and where Echolot is not installed', async () => {
    const uid = process.getuid?.() === 0 ? { uid: NOBODY } : {};
    const { code, stderr } = await setup(names, uid);
    expect([code, stderr]).toEqual([1, expect.stringContaining('which takes root')]);
    const missing = await setup([...names, '--dry-run'], { path: '/nowhere' });
    expect([missing.code, missing.stderr]).toEqual([
      78,
      expect.stringContaining('the command echolot is not installed'),
    ]);
  });
});
