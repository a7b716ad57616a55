// The set-up script, run again: it keeps to what it was told, changes what differs, and heals what was cut short.
import { once } from 'node:events';
import { rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../bus/mosquitto.fixture.ts';
import { SetupMachine } from './setup.fixture.ts';

const RESTART = 'systemctl restart mosquitto';

let machine: SetupMachine;
let first: string[];

beforeEach(async () => {
  machine = await new SetupMachine().prepare();
  const port = `${await freePort()}`;
  first = ['--agent-id', 'edge-1', '--device-id', 'buoy-7', '--host', 'broker.example'];
  first.push('--listen', '127.0.0.2', '--port', port);
});
afterEach(() => machine.remove());

const added = (said: string) => [...said.matchAll(/identity add (\S+)/g)].map(([, name]) => name);
const rendered = (said: string) => /--tls-names .*/.exec(said)?.[0];
async function listening(port: number, host: string) {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  return server;
}

function tests() {
  it('keeps listeners, names and group, and adds the one device that is asked for', async () => {
    const one = await machine.said(first, { env: { ECHOLOT_GROUP: 'site-a' } });
    expect(added(one)).toEqual(['edge-1', 'buoy-7', 'op-1']);
    expect(rendered(one)).toMatch(
      /^--tls-names broker\.example,127\.0\.0\.2 --clients 127\.0\.0\.2:/,
    );
    const dry = await machine.run(['--device-id', 'buoy-8', '--dry-run']);
    expect(dry.stdout.replaceAll('\\', '')).toContain(rendered(one));
    expect(dry.stdout).toContain('service install agent --agent-id edge-1 ');
    const two = await machine.said(['--device-id', 'buoy-8']);
    expect(added(two)).toEqual(['buoy-8']);
    expect(rendered(two)).toBe(rendered(one));
    expect(two).toContain('ECHOLOT_GROUP=site-a echolot policy render');
    const three = await machine.said(['--agent-id', 'edge-2']);
    expect(added(three)).toEqual(['edge-2']);
    expect(rendered(three)).toBe(rendered(one));
    expect(statSync(machine.at('state', 'flags')).mode & 0o777).toBe(0o600);
  });

  it('goes on without an agent where there is none, until one is named', async () => {
    await machine.said([...first, '--no-agent']);
    expect(await machine.said([])).not.toContain('service install');
    expect(added(await machine.said(['--agent-id', 'edge-1']))).toEqual(['edge-1']);
  });

  it('does not make again who has been removed', async () => {
    await machine.said(first);
    machine.write('identities', 'op-1 operator\n');
    const said = await machine.said([]);
    expect(added(said)).toEqual([]);
    expect(said).not.toMatch(/service install|classify/);
  });

  it.each(['port=8883;reboot', 'listen=$(reboot)', 'serve=reboot', 'PATH=/tmp', 'host=a b'])(
    'refuses %s in what it remembers, and changes nothing',
    async (line) => {
      await machine.said(first);
      writeFileSync(machine.at('state', 'flags'), `${line}\n`, { flag: 'a' });
      rmSync(machine.at('said'));
      const { code, stderr } = await machine.run([]);
      expect([64, 78]).toContain(code);
      expect(stderr).toMatch(/^error: .*\nhint: .*\n$/);
      expect(machine.read('said')).not.toContain('policy');
    },
  );

  it('tells the broker a password that was renewed, and that one alone', async () => {
    await machine.said(first);
    expect(machine.read('told')).toBe('name,password\n');
    machine.write('state/passwords/buoy-7.password', 'renewed');
    await machine.said([]);
    expect(machine.read('told')).toBe('name,password\nbuoy-7,renewed\n');
    await machine.said([]);
    expect(machine.read('told')).toBe('name,password\n');
  });

  it('tells it again after a broker that refused, and leaves no passwords lying about', async () => {
    await machine.said(first);
    machine.write('state/passwords/buoy-7.password', 'renewed');
    machine.write('refuses', '');
    expect((await machine.run([])).code).not.toBe(0);
    expect(machine.read('told')).toContain('buoy-7,renewed');
    expect(machine.read('state/.new-passwords.csv')).toBe('');
    rmSync(machine.at('refuses'));
    await machine.said([]);
    expect(machine.read('told')).toContain('buoy-7,renewed');
  });

  it('restarts Mosquitto for what a run before has changed and could not have read', async () => {
    machine.write('refuses', '');
    expect((await machine.run(first)).code).not.toBe(0);
    rmSync(machine.at('refuses'));
    expect(await machine.said([])).toContain(RESTART);
    expect(await machine.said([])).not.toContain(RESTART);
  });

  it('refuses a new port that another has, though Mosquitto runs, and keeps the port that it has', async () => {
    await machine.said(first);
    const [own = '', taken] = [first.at(-1), await freePort()];
    const servers = [
      await listening(Number(own), '127.0.0.2'),
      await listening(taken, '127.0.0.2'),
    ];
    try {
      const { code, stderr } = await machine.run(['--port', `${taken}`]);
      expect([code, stderr]).toEqual([
        78,
        expect.stringContaining(`else listens on port ${taken}`),
      ]);
      expect(rendered(await machine.said([]))).toContain(`127.0.0.2:${own} `);
    } finally {
      for (const server of servers) server.close();
    }
  });

  it('gives Mosquitto its rights alone, and refuses a link among its files', async () => {
    await machine.said(first);
    const facts = (name: string) => {
      const { gid, mode, uid } = statSync(machine.at('deployed', name));
      return [uid === 0, gid === 0, (mode & 0o7777).toString(8)];
    };
    expect(facts('.')).toEqual([true, false, '1771']);
    expect(facts('mosquitto.conf')).toEqual([true, true, '644']);
    expect(facts('broker.key')).toEqual([true, false, '640']);
    expect(facts('dynamic-security.json')).toEqual([false, false, '600']);
    for (const name of ['mosquitto.conf', 'dynamic-security.json']) {
      rmSync(machine.at('deployed', name));
      symlinkSync(machine.at('identities'), machine.at('deployed', name));
      const before = machine.read('identities');
      const { code, stderr } = await machine.run([]);
      expect([code, stderr]).toEqual([78, expect.stringContaining(`${name} is a link`)]);
      expect(machine.read('identities')).toBe(before);
      rmSync(machine.at('deployed', name));
      await machine.said([]);
    }
  });

  it('reads the group of the services, and leaves it where the environment has another', async () => {
    machine.write('echolot.env', '#ECHOLOT_GROUP=no\nECHOLOT_GROUP="site-b"\n');
    expect(await machine.said(first)).toContain('ECHOLOT_GROUP=site-b echolot policy render');
    const env = { ECHOLOT_GROUP: 'site-c' };
    expect(await machine.said([], { env })).toContain('ECHOLOT_GROUP=site-c echolot policy apply');
    expect(await machine.said([])).toContain('ECHOLOT_GROUP=site-c echolot policy apply');
  });
}

// It gives files to Mosquitto's user.
if (process.getuid?.() === 0) {
  describe('the script that sets up Mosquitto, run again', tests);
} else {
  describe('the script that sets up Mosquitto', () => {
    it('is run by root alone', async () => {
      expect((await machine.run(first)).stderr).toContain('which takes root');
    });
  });
}
