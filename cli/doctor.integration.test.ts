// The doctor at brokers that let the agent in, and at some that do not.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { certificatePaths } from '../broker/certificates.ts';
import { freePort, startMosquitto } from '../bus/mosquitto.fixture.ts';
import type { Finding } from './doctor-finding.ts';
import { cleanUp, makeFolder, runCli, startCli } from './run-cli.fixture.ts';

afterEach(cleanUp);

async function setUp() {
  const folder = makeFolder();
  const [port, tlsPort] = [await freePort(), await freePort()];
  const env = {
    ECHOLOT_STORE: join(folder, 'store'),
    ECHOLOT_STATE_DIR: join(folder, 'state'),
    ECHOLOT_BROKER_URL: `mqtt://127.0.0.1:${port}`,
    ECHOLOT_PORT: String(port),
    ECHOLOT_WS_PORT: 'off',
    ECHOLOT_TLS_PORT: String(tlsPort),
  };
  const { ECHOLOT_STATE_DIR: _, ...ofBroker } = env;
  await startCli(['broker'], { env: ofBroker }).says(/broker listens/);
  const passwordOf = async (name: string, role: string) => {
    const { stdout } = await runCli(['identity', 'add', name, '--role', role], { env });
    const path = join(folder, `${name}.password`);
    writeFileSync(path, stdout, { mode: 0o600 });
    return ['--agent-id', name, '--password-file', path];
  };
  /** The findings by check, each as its result. */
  const examine = async (...args: string[]) => {
    const { code, stderr, stdout } = await runCli(
      ['doctor', '--json', '--timeout-ms', '4000', ...args],
      { env },
    );
    const findings = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Finding);
    const results = Object.fromEntries(findings.map(({ check, result }) => [check, result]));
    const find = (name: string) => findings.find(({ check }) => check === name);
    return { code, find, results, stderr };
  };
  return { env, examine, folder, passwordOf, tlsPort };
}

const AT_THE_BROKER_WELL = {
  credentials: 'ok',
  broker: 'ok',
  tls: 'ok',
  login: 'ok',
  rights: 'ok',
};

describe('echolot doctor', () => {
  it('finds an agent well, and does not disturb one that runs', async () => {
    const { env, examine, passwordOf } = await setUp();
    const edge = await passwordOf('edge-1', 'predictor');
    const before = await examine(...edge);
    expect([before.code, before.stderr]).toEqual([0, '']);
    expect(before.results).toMatchObject({ ...AT_THE_BROKER_WELL, libraries: 'ok', model: 'ok' });
    const agent = startCli(['agent', ...edge], { env });
    await agent.says(/"serving"/);
    const meanwhile = await examine(...edge);
    expect([meanwhile.code, meanwhile.results]).toMatchObject([0, AT_THE_BROKER_WELL]);
    agent.kill('SIGTERM');
    const { code, stderr } = await agent.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain('connection lost');
    expect(stderr).not.toContain('self-check failed');
  });

  it('tells a wrong password from missing rights', async () => {
    const { examine, folder, passwordOf } = await setUp();
    await passwordOf('edge-1', 'predictor');
    const wrong = join(folder, 'wrong');
    writeFileSync(wrong, 'not-it', { mode: 0o600 });
    const denied = await examine('--agent-id', 'edge-1', '--password-file', wrong);
    expect(denied.code).toBe(1);
    expect(denied.results).toMatchObject({ broker: 'ok', login: 'failed', rights: 'skipped' });
    expect(denied.find('login')?.remedy).toContain('--password-file');
    const acl = join(folder, 'acl');
    writeFileSync(acl, 'topic readwrite others/#\n');
    const mosquitto = await startMosquitto({ config: [`acl_file ${acl}`] });
    try {
      const url = ['--broker-url', mosquitto.url, '--timeout-ms', '1000'];
      const powerless = await examine('--agent-id', 'edge-1', ...url);
      expect(powerless.code).toBe(1);
      expect(powerless.results).toMatchObject({ login: 'ok', rights: 'failed' });
      expect(powerless.find('rights')?.remedy).toContain('role predictor');
    } finally {
      await mosquitto.stop();
    }
  });

  it('tells a broker that is away from one whose certificate it does not know', async () => {
    const { env, examine, passwordOf, tlsPort } = await setUp();
    const edge = await passwordOf('edge-1', 'predictor');
    const away = await examine(...edge, '--broker-url', `mqtt://127.0.0.1:${await freePort()}`);
    expect([away.code, away.results]).toMatchObject([1, { broker: 'failed', login: 'skipped' }]);
    const url = ['--broker-url', `mqtts://localhost:${tlsPort}`];
    const stranger = await examine(...edge, ...url);
    expect([stranger.code, stranger.results]).toMatchObject([1, { broker: 'ok', tls: 'failed' }]);
    expect(stranger.find('tls')?.remedy).toContain('--ca');
    const known = await examine(...edge, ...url, '--ca', certificatePaths(env.ECHOLOT_STORE).ca);
    expect([known.code, known.results]).toMatchObject([0, AT_THE_BROKER_WELL]);
  });

  it('names a setting, a credential and a model that are wrong, and looks at the rest', async () => {
    const { examine } = await setUp();
    const setting = await examine('--broker-url', 'http://127.0.0.1');
    expect([setting.code, setting.results]).toEqual([1, { settings: 'failed' }]);
    const args = ['--agent-id', 'edge-1', '--password-file', '/nowhere', '--model', '/nowhere'];
    const { code, results } = await examine(...args);
    expect(code).toBe(1);
    expect(results).toMatchObject({ credentials: 'failed', model: 'failed', rights: 'skipped' });
  });

  it('speaks to a person in lines, each fault with what to do', async () => {
    const mosquitto = await startMosquitto();
    try {
      const args = ['doctor', '--agent-id', 'edge-1', '--broker-url', mosquitto.url];
      const { code, stdout } = await runCli(args);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ok {7}rights {7}edge-1 hears itself/m);
      expect(stdout).toMatch(/^warning {2}credentials .*\n {22}-> Give --password-file/m);
    } finally {
      await mosquitto.stop();
    }
  });
});
