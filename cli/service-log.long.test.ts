// What a real systemd makes of the log, of signals, of a rolling restart, and of a model's process that hangs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../bus/mosquitto.fixture.ts';
import { BootedMachine } from './booted-machine.fixture.ts';
import { cleanUp, makeFolder } from './run-cli.fixture.ts';

const BROKER = 'echolot-broker.service';
const unitOf = (name: string) => `echolot-agent@${name}.service`;

let machine: BootedMachine;
const isServing = async (name: string) =>
  (await machine.show(unitOf(name), 'ActiveState')) === 'active' &&
  (await machine.show(unitOf(name), 'StatusText')).startsWith('serving');
const mainPid = (name: string) => machine.show(unitOf(name), 'MainPID');
const restarts = (name: string) => machine.show(unitOf(name), 'NRestarts');

interface Entry {
  readonly PRIORITY: string;
  readonly MESSAGE: string;
}

/** What a service itself wrote, from this priority on. */
async function journal(unit: string, priority: string): Promise<Entry[]> {
  const query = ['--output=json', `--priority=${priority}`, `--unit=${unit}`, '_TRANSPORT=stdout'];
  const { stdout } = await machine.run('journalctl', ...query);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Entry);
}

const messageOf = (entry: Entry | undefined) =>
  JSON.parse(entry?.MESSAGE ?? 'null') as { readonly level: number; readonly msg: string } | null;

/** Waits for a message, and gives its priority. */
async function priorityOf(unit: string, msg: string): Promise<string | undefined> {
  let found: Entry | undefined;
  await machine.until(async () => {
    found = (await journal(unit, 'debug')).findLast((entry) => messageOf(entry)?.msg === msg);
    return found !== undefined;
  });
  return found?.PRIORITY;
}

beforeAll(async () => {
  machine = new BootedMachine(makeFolder());
  await machine.boot();
  const port = String(await freePort());
  const where = ['--port', port, '--ws-port', 'off'];
  expect(await machine.echolot('service', 'install', 'broker', ...where)).toMatchObject({
    code: 0,
  });
  for (const [name, inference] of [
    ['edge-1', 'process'],
    ['edge-2', 'inline'],
  ] as const) {
    const settings = ['--broker-url', `mqtt://127.0.0.1:${port}`, '--inference', inference];
    const install = ['service', 'install', 'agent', '--agent-id', name, ...settings];
    expect(await machine.echolot(...install)).toMatchObject({ code: 0, stderr: '' });
  }
  await machine.until(() => isServing('edge-1'));
  await machine.until(() => isServing('edge-2'));
});
afterAll(async () => {
  await machine.stop();
  await cleanUp();
});

// In this order: each goes on with the machine that the one before has left.
describe('on a machine with systemd', () => {
  it('the log has priorities, and is JSON', async () => {
    const unit = unitOf('edge-1');
    const calm = await journal(unit, 'info');
    expect(calm.length).toBeGreaterThan(0);
    for (const entry of calm) expect([entry.PRIORITY, messageOf(entry)?.level]).toEqual(['6', 30]);
    expect(await journal(unit, 'warning')).toEqual([]);
    await machine.run('systemctl', 'restart', BROKER);
    expect(await priorityOf(unit, 'connection lost, trying again')).toBe('4');
    for (const entry of await journal(unit, 'warning')) expect(messageOf(entry)?.level).toBe(40);
    const { stdout } = await machine.echolot('service', 'logs', 'edge-1', '--pretty');
    expect(stdout).toMatch(/^\S+ \S+ edge-1 info {4}Start(ing|ed) .*Echolot agent edge-1/m);
    expect(stdout).toMatch(/^\S+ \S+ edge-1 warning connection lost, trying again detail=/m);
    await machine.until(() => isServing('edge-1'));
  });

  it('a signal to all processes of a service changes the level of its log, and ends nobody', async () => {
    const unit = unitOf('edge-1');
    const before = await mainPid('edge-1');
    await machine.run('systemctl', 'kill', '--signal=SIGUSR2', unit);
    expect(await priorityOf(unit, 'log level changed by a signal')).toBe('6');
    expect(await priorityOf(unit, 'health')).toBe('7');
    await machine.run('systemctl', 'kill', '--signal=SIGUSR1', unit);
    await machine.run('systemctl', 'kill', '--signal=SIGUSR2', '--kill-whom=main', unit);
    await machine.until(() => isServing('edge-1'));
    expect([await mainPid('edge-1'), await restarts('edge-1')]).toEqual([before, '0']);
    const written = await journal(unit, 'debug');
    expect(written.map(({ MESSAGE }) => MESSAGE).join('\n')).not.toContain('Debugger');
  });

  it('a model whose process hangs serves again in time, and the agent stays', async () => {
    const before = await mainPid('edge-1');
    const worker = async () => {
      const children = `/proc/${before}/task/${before}/children`;
      return (await machine.run('cat', children)).stdout.trim();
    };
    const hanging = await worker();
    expect(hanging).toMatch(/^\d+$/);
    await machine.run('kill', '-STOP', hanging);
    await machine.until(async () => /^\d+$/.test(await worker()) && (await worker()) !== hanging);
    // Later than the watchdog would have waited for an agent that had not recovered.
    const fed = async () =>
      Number(await machine.show(unitOf('edge-1'), 'WatchdogTimestampMonotonic'));
    const from = await fed();
    await machine.until(async () => (await fed()) > from + 30_000_000);
    expect(await isServing('edge-1')).toBe(true);
    expect(await priorityOf(unitOf('edge-1'), "the model's process died, starting another")).toBe(
      '3',
    );
    expect([await mainPid('edge-1'), await restarts('edge-1')]).toEqual([before, '0']);
  });

  it('SIGTERM to all processes of a service lets it finish, with the process of its model', async () => {
    const unit = unitOf('edge-1');
    const count = Number(await restarts('edge-1'));
    const before = await journal(unit, 'err');
    await machine.run('systemctl', 'kill', '--signal=SIGTERM', unit);
    await machine.until(async () => Number(await restarts('edge-1')) === count + 1);
    await machine.until(() => isServing('edge-1'));
    expect(await journal(unit, 'err')).toEqual(before);
    const written = (await journal(unit, 'info')).map(messageOf);
    expect(written).toContainEqual(expect.objectContaining({ msg: 'stopped', unanswered: 0 }));
  });

  it('a rolling restart restarts one after the other, and goes no further than one that fails', async () => {
    const pids = async () => [await mainPid('edge-1'), await mainPid('edge-2')];
    const before = await pids();
    const { code, stdout } = await machine.echolot('service', 'restart');
    expect([code, stdout]).toEqual([
      0,
      'edge-1 is restarted and ready (1 of 2)\nedge-2 is restarted and ready (2 of 2)\n',
    ]);
    const after = await pids();
    for (const [index, pid] of after.entries()) expect(pid).not.toBe(before[index]);
    const readyAt = (name: string) => machine.show(unitOf(name), 'ActiveEnterTimestampMonotonic');
    const stoppedAt = await machine.show(unitOf('edge-2'), 'InactiveExitTimestampMonotonic');
    expect(Number(await readyAt('edge-1'))).toBeLessThan(Number(stoppedAt));

    const settings = '/etc/echolot/agent-edge-1.env';
    await machine.run('sh', '-c', `echo ECHOLOT_PROTOCOL=9 >> ${settings}`);
    const failed = await machine.echolot('service', 'restart');
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('edge-1 did not start; not restarted: edge-2') as string,
    });
    expect(await mainPid('edge-2')).toBe(after[1]);
    const told = (await journal(unitOf('edge-1'), 'err')).map(({ MESSAGE }) => MESSAGE);
    expect(told.slice(-2)).toEqual([
      expect.stringMatching(/^error: ECHOLOT_PROTOCOL/),
      expect.stringMatching(/^hint: /),
    ]);
  });

  it('what ends an agent is in the journal once, with a hint', async () => {
    const unit = unitOf('edge-2');
    const password = '/etc/credstore/echolot-agent-edge-2.password';
    await machine.run('sh', '-c', `printf wrong > ${password}`);
    await machine.run('systemctl', 'restart', unit);
    await machine.until(async () => (await machine.show(unit, 'ActiveState')) === 'failed');
    const told = await journal(unit, 'crit');
    expect(told.map(messageOf)).toEqual([
      expect.objectContaining({ level: 60, exitCode: 77, hint: expect.any(String) as string }),
    ]);
    expect(await journal(unit, 'err')).toEqual(told);
  });
});
