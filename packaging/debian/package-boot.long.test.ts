// The package under a real systemd, over this machine's Debian: installed, killed, hung, upgraded, drained, purged.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../bus/mosquitto.fixture.ts';
import { BootedMachine } from '../../cli/booted-machine.fixture.ts';
import { cleanUp, makeFolder } from '../../cli/run-cli.fixture.ts';
import { builtPackage, nextVersion } from './built-packages.fixture.ts';

const AGENT = 'echolot-agent@edge-1.service';
const BROKER = 'echolot-broker.service';
const BOOT_MS = 1_800_000;

let machine: BootedMachine;
const show = (property: string) => machine.show(AGENT, property);
const restarts = async () => Number(await show('NRestarts'));
const isServing = async () =>
  (await show('ActiveState')) === 'active' && (await show('StatusText')).startsWith('serving');
const run = async (...command: string[]) => {
  const { code, stderr, stdout } = await machine.run(...command);
  expect(code, `${command.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
};
/** The process of the model: the agent's one child. */
const modelProcess = async () =>
  (await machine.run('pgrep', '-P', await show('MainPID'))).stdout.trim();

beforeAll(async () => {
  const folder = makeFolder();
  const file = builtPackage('amd64');
  for (const version of ['0.0-1', '9.0-1']) nextVersion(file, folder, version);
  machine = new BootedMachine(makeFolder(), folder);
  await machine.boot();
}, BOOT_MS);
afterAll(async () => {
  await machine.stop();
  await cleanUp();
});

// In this order: each goes on with the machine that the one before has left.
describe('the package on a machine with systemd', () => {
  it('starts nothing by itself, and its units are right', async () => {
    await run('dpkg', '--install', '/opt/echolot_0.0-1_amd64.deb');
    expect(await machine.show('echolot.target', 'UnitFileState')).toBe('enabled');
    expect(await machine.show(BROKER, 'ActiveState')).toBe('inactive');
    const units = ['echolot-agent@.service', BROKER, 'echolot.target'];
    const folder = '/usr/lib/systemd/system';
    await run('systemd-analyze', 'verify', ...units.map((unit) => `${folder}/${unit}`));
  });

  it('two commands make services of its units, which are well', async () => {
    const port = String(await freePort());
    const install = (...args: string[]) => run('echolot', 'service', 'install', ...args);
    const said = await install('broker', '--port', port, '--ws-port', 'off');
    expect(said).toContain('the units, users and settings of the package are used as they are\n');
    const url = `mqtt://127.0.0.1:${port}`;
    await install('agent', '--agent-id', 'edge-1', '--broker-url', url, '--inference', 'process');
    await machine.until(isServing);
    expect(await show('FragmentPath')).toMatch(/^(\/usr)?\/lib\/systemd\/system\/echolot-agent@/);
    expect(await run('find', '/etc/systemd/system', '-type', 'f', '-name', 'echolot*')).toBe('');
    await run('echolot', 'doctor', '--service', 'edge-1');
    for (const line of await machine.log(AGENT)) expect(line).toContain('"level":30,');
  });

  it('an agent that is killed is started again, and one that hangs, by its watchdog', async () => {
    for (const signal of ['KILL', 'STOP']) {
      const before = await restarts();
      await run('kill', `-${signal}`, await show('MainPID'));
      await machine.until(async () => (await restarts()) > before);
      await machine.until(isServing);
    }
    expect(await run('journalctl', '--output=cat', `--unit=${AGENT}`)).toContain(
      'Watchdog timeout (limit 30s)!',
    );
  });

  it('where its model hangs, the model gets another process, or the agent another start', async () => {
    const [before, hung] = [await restarts(), await modelProcess()];
    expect(hung).toMatch(/^\d+$/);
    await run('kill', '-STOP', hung);
    await machine.until(async () => !(await modelProcess()).split('\n').includes(hung));
    await machine.until(isServing);
    expect(await modelProcess()).toMatch(/^\d+$/);
    // Within the time of the watchdog: it was not needed.
    expect(await restarts()).toBe(before);
    await run('echolot', 'doctor', '--service', 'edge-1');
  });

  it('an upgrade drains what runs and starts it anew, waits for no broker, and starts nothing', async () => {
    const [away, idle] = ['echolot-agent@away', 'echolot-agent@idle'];
    // Nothing listens where these two look for their broker.
    for (const unit of [away, idle]) await run('systemctl', 'start', '--no-block', unit);
    await run('systemctl', 'stop', idle);
    const pids = async () => [await show('MainPID'), await machine.show(away, 'MainPID')];
    await machine.until(async () => (await machine.show(away, 'ActiveState')) === 'activating');
    const before = await pids();
    await run('dpkg', '--install', '/opt/echolot_9.0-1_amd64.deb');
    await machine.until(isServing);
    for (const pid of await pids()) expect(before).not.toContain(pid);
    const log = await machine.log(AGENT);
    const stopped = log.filter((line) => line.includes('"msg":"stopped"')).at(-1);
    expect(stopped).toContain('"unanswered":0');
    expect(await machine.show(idle, 'ActiveState')).toBe('inactive');
    expect(await machine.show(away, 'ActiveState')).toBe('activating');
  });

  it('a removal drains the agent before the broker goes, and a purge leaves data alone', async () => {
    await run('dpkg', '--remove', 'echolot');
    for (const unit of [AGENT, BROKER]) {
      expect(await machine.show(unit, 'ActiveState'), unit).toBe('inactive');
    }
    expect((await machine.log(AGENT)).at(-1)).toContain('"unanswered":0,"msg":"stopped"');
    await run('dpkg', '--purge', 'echolot');
    const left = (await run('find', '/etc', '/usr', '/var', '-xdev', '-path', '*echolot*'))
      .trim()
      .split('\n');
    expect(left.length).toBeGreaterThan(0);
    const own = left.filter((path) => !/^\/var\/(log\/journal|tmp)\//.test(path));
    for (const path of own) expect(path).toMatch(/^\/var\/lib\/echolot-(agent|broker)(\/|$)/);
  });
});
