// The set-up script: what it says, what it refuses, and that it changes nothing then. What it does is a long test.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../bus/mosquitto.fixture.ts';
import { FLAGS_SCRIPT, SetupMachine } from './setup.fixture.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

let machine: SetupMachine;
let root: string;
let port: number;

beforeEach(async () => {
  machine = await new SetupMachine().prepare();
  ({ root } = machine);
  port = await freePort();
});
afterEach(() => machine.remove());

const setup: SetupMachine['run'] = (args, options) => machine.run(args, options);
const names = ['--agent-id', 'edge-1', '--device-id', 'buoy-7', '--host', 'broker.example'];

describe('the script that sets up Mosquitto', () => {
  it('says in its help every flag that it takes', async () => {
    const { code, stdout, stderr } = await setup(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    const flags = [...readFileSync(FLAGS_SCRIPT, 'utf8').matchAll(/^ {6}(--.*?)\)/gm)]
      .flatMap(([, list = '']) => list.split(' | '))
      .filter((flag) => flag.startsWith('--'));
    expect(flags.length).toBeGreaterThan(8);
    for (const flag of flags) expect(stdout).toMatch(new RegExp(`^  ${flag}\\b`, 'm'));
  });

  it('says without root what it would do, in order, and does nothing', async () => {
    const before = readdirSync(root, { recursive: true });
    const uid = isRoot ? { uid: NOBODY } : {};
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

  it('says that port 1883 is closed, and without root that it cannot read what there is', async () => {
    const first = await setup([...names, '--port', `${port}`, '--dry-run']);
    expect(first.stdout).toContain(
      '== port 1883, where Mosquitto lets everybody on this machine in',
    );
    mkdirSync(join(root, 'state'), { mode: isRoot ? 0o700 : 0o000 });
    const uid = isRoot ? { uid: NOBODY } : {};
    const { stdout } = await setup([...names, '--port', `${port}`, '--dry-run'], uid);
    expect(stdout).toMatch(
      /^== without root, \S+\/state cannot be read: this is what a first run/m,
    );
  });

  it('proves on the address that it is told to listen on, which the certificate names', async () => {
    const args = [...names, '--port', `${port}`, '--dry-run', '--listen'];
    const one = await setup([...args, '127.0.0.2']);
    expect(one.stdout).toContain(
      `--tls-names broker.example\\,127.0.0.2 --clients 127.0.0.2:${port} `,
    );
    for (const command of ['policy prove --url', 'classify .*--broker-url']) {
      expect(one.stdout).toMatch(new RegExp(`${command} mqtts://127\\.0\\.0\\.2:${port} `));
    }
    const every = await setup([...args, '0.0.0.0']);
    expect(every.stdout).toMatch(/--tls-names broker\.example --clients 0\.0\.0\.0:/);
    expect(every.stdout).toContain(`policy prove --url mqtts://127.0.0.1:${port} `);
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
    [['--host', 'my_host'], 64, '--host my_host is no name of a machine'],
    [['--host', 'a,,b'], 64, '--host a,,b is no name of a machine'],
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
    const uid = isRoot ? { uid: NOBODY } : {};
    const { code, stderr } = await setup(names, uid);
    expect([code, stderr]).toEqual([1, expect.stringContaining('which takes root')]);
    const missing = await setup([...names, '--dry-run'], { path: '/nowhere' });
    expect([missing.code, missing.stderr]).toEqual([
      78,
      expect.stringContaining('the command echolot is not installed'),
    ]);
  });
});
