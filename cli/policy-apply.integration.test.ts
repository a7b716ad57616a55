// echolot policy apply: what it tells a running Mosquitto, and what it says where it cannot.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort, runMosquitto } from '../bus/mosquitto.fixture.ts';
import { cleanUp, makeFolder, runCli } from './run-cli.fixture.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await cleanUp();
  for (const stop of stops.splice(0)) await stop();
});

function setUp() {
  const folder = makeFolder();
  const env = { ECHOLOT_STORE: join(folder, 'store') };
  const echolot = (...args: string[]) => runCli(args, { env });
  return { folder, echolot };
}

describe('echolot policy apply', () => {
  it('prints the difference, tells it, and then there is none', async () => {
    const { echolot, folder } = setUp();
    await echolot('identity', 'add', 'dev-1', '--role', 'client');
    const [clients, inner] = [await freePort(), await freePort()];
    const out = join(folder, 'rendered');
    const listen = ['--clients', `127.0.0.1:${clients}`, '--inner', `127.0.0.1:${inner}`];
    await echolot('policy', 'render', 'mosquitto', '--out', out, ...listen);
    const broker = await runMosquitto(join(out, 'mosquitto.conf'), inner);
    stops.push(() => broker.end('SIGTERM'));
    const url = `mqtt://127.0.0.1:${inner}`;
    const apply = (...more: string[]) => echolot('policy', 'apply', '--url', url, ...more);
    expect(await apply()).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'the broker is as it would be rendered\n',
    });

    const list = join(folder, 'list.csv');
    const passwords = join(folder, 'passwords.csv');
    writeFileSync(list, 'name,role\ndev-2,client\n');
    await echolot('identity', 'remove', 'dev-1');
    await echolot('identity', 'add', '--csv', list, '--out', passwords);
    const flags = ['--passwords', passwords];
    const dry = await apply('--dry-run', ...flags);
    expect(dry.stderr).toBe('4 commands would be told\n');
    const told = await apply(...flags);
    expect(told).toMatchObject({ code: 0, stderr: '4 commands told\n', stdout: dry.stdout });
    expect(told.stdout.match(/^\S.*/gm)).toEqual([
      'deleteClient dev-1',
      'deleteRole echolot-dev-1',
      'createRole echolot-dev-2',
      'createClient dev-2',
    ]);
    expect(told.stdout).toContain('\n  + publishClientSend echolot/v1/readings/dev-2/+\n');
    expect((await apply()).stdout).toBe('');
  });

  it('ends with 78 for a store that was never rendered, and with 69 where no broker is', async () => {
    const { echolot, folder } = setUp();
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    const unrendered = await echolot('policy', 'apply', '--url', url);
    expect(unrendered.code).toBe(78);
    expect(unrendered.stderr).toMatch(/^error: .*administrator's password\nhint: .*render mosq/);
    await echolot('policy', 'render', 'mosquitto', '--out', join(folder, 'rendered'));
    const away = await echolot('policy', 'apply', '--url', url);
    expect([away.code, away.stdout]).toEqual([69, '']);
    expect(away.stderr).toMatch(/^error: the broker cannot be reached: .*ECONNREFUSED/);
  });
});
