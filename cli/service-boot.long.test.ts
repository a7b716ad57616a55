// The services under a real systemd: installed, watched, started again, drained and removed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../bus/mosquitto.fixture.ts';
import { BootedMachine } from './booted-machine.fixture.ts';
import { cleanUp, makeFolder } from './run-cli.fixture.ts';

const AGENT = 'echolot-agent@edge-1.service';
const BROKER = 'echolot-broker.service';
const PASSWORD = '/etc/credstore/echolot-agent-edge-1.password';
/** More than the watchdog waits, in microseconds. */
const LONG_OUTAGE = 45_000_000;

let machine: BootedMachine;
const show = (property: string) => machine.show(AGENT, property);
const restarts = async () => Number(await show('NRestarts'));
const isServing = async () =>
  (await show('ActiveState')) === 'active' && (await show('StatusText')).startsWith('serving');

beforeAll(async () => {
  machine = new BootedMachine(makeFolder());
  await machine.boot();
});
afterAll(async () => {
  await machine.stop();
  await cleanUp();
});

// In this order: each goes on with the machine that the one before has left.
describe('on a machine with systemd', () => {
  it('broker and agent are installed by two commands, serve in their sandbox, and are well', async () => {
    const port = String(await freePort());
    const url = `mqtt://127.0.0.1:${port}`;
    const broker = await machine.echolot(
      'service',
      'install',
      'broker',
      '--port',
      port,
      '--ws-port',
      'off',
    );
    expect(broker).toMatchObject({ code: 0, stderr: '' });
    const agent = ['service', 'install', 'agent', '--agent-id', 'edge-1', '--broker-url', url];
    expect(await machine.echolot(...agent)).toMatchObject({ code: 0, stderr: '' });
    await machine.until(isServing);
    expect(await machine.show(BROKER, 'StatusText')).toBe(`listening on ${url}`);
    const doctor = await machine.echolot('doctor', '--service', 'edge-1');
    expect(doctor.code, doctor.stdout).toBe(0);
    const { stdout: status } = await machine.run('cat', `/proc/${await show('MainPID')}/status`);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(await restarts()).toBe(0);
    // What the sandbox took away would show here, as it did when /proc/cpuinfo was hidden.
    for (const line of await machine.log(AGENT)) expect(line).toMatch(/^\{"level":30,/);
  });

  it('an agent that is killed, or that hangs, is started again', async () => {
    for (const signal of ['KILL', 'STOP']) {
      const before = await restarts();
      await machine.run('kill', `-${signal}`, await show('MainPID'));
      await machine.until(async () => (await restarts()) > before);
      await machine.until(isServing);
    }
  });

  it('an outage of the broker restarts nobody', async () => {
    const before = await restarts();
    const fed = async () => Number(await show('WatchdogTimestampMonotonic'));
    const start = await fed();
    await machine.run('systemctl', 'stop', BROKER);
    await machine.until(async () => (await fed()) > start + LONG_OUTAGE);
    expect(await show('StatusText')).toMatch(/^broker away/);
    await machine.run('systemctl', 'start', BROKER);
    await machine.until(isServing);
    expect(await restarts()).toBe(before);
  });

  it('an agent that the broker refuses is not started again', async () => {
    const right = (await machine.run('cat', PASSWORD)).stdout;
    const write = (text: string) =>
      machine.run('sh', '-c', 'printf %s "$1" > "$2"', 'sh', text, PASSWORD);
    await write('wrong');
    await machine.run('systemctl', 'restart', AGENT);
    await machine.until(async () => (await show('ActiveState')) === 'failed');
    expect([await show('ExecMainStatus'), await restarts()]).toEqual(['77', 0]);
    await write(right);
    await machine.run('systemctl', 'start', AGENT);
    await machine.until(isServing);
  });

  it('a stop drains the agent before the broker goes, and a removal leaves nothing', async () => {
    await machine.run('systemctl', 'stop', 'echolot.target');
    await machine.until(async () => (await machine.show(BROKER, 'ActiveState')) === 'inactive');
    for (const unit of [AGENT, BROKER]) {
      expect([await machine.show(unit, 'ActiveState'), await machine.show(unit, 'Result')]).toEqual(
        ['inactive', 'success'],
      );
    }
    const agentEnd = Number(await show('InactiveEnterTimestampMonotonic'));
    const brokerStop = Number(await machine.show(BROKER, 'ActiveExitTimestampMonotonic'));
    expect(agentEnd).toBeLessThanOrEqual(brokerStop);
    const log = await machine.log(AGENT);
    expect(log.at(-1)).toContain('"unanswered":0,"msg":"stopped"');
    expect((await machine.echolot('service', 'uninstall', '--purge')).code).toBe(0);
    const left = await machine.run('find', '/etc', '/var/lib', '-name', '*echolot*');
    expect(left.stdout).toBe('');
  });
});
