import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Mosquitto, freePort, startMosquitto } from '../bus/mosquitto.fixture.ts';
import { loadReplayRows } from '../models/dataset.ts';
import { SHIPPED_MODEL } from './package-root.ts';
import { cleanUp, makeFolder, type RunOptions, runCli, startCli } from './run-cli.fixture.ts';

afterEach(cleanUp);

async function heldOutRow(): Promise<number[]> {
  const { rows } = await loadReplayRows(SHIPPED_MODEL);
  return rows[0]?.values ?? [];
}

/** A broker with an agent and a client, from commands alone. */
async function setUp() {
  const folder = makeFolder();
  const port = await freePort();
  const env = {
    ECHOLOT_STORE: join(folder, 'store'),
    ECHOLOT_BROKER_URL: `mqtt://127.0.0.1:${port}`,
    ECHOLOT_PORT: String(port),
    ECHOLOT_WS_PORT: 'off',
  };
  const passwordOf = async (name: string, role: string) => {
    const { stdout } = await runCli(['identity', 'add', name, '--role', role], { env });
    const path = join(folder, `${name}.password`);
    writeFileSync(path, stdout, { mode: 0o600 });
    return path;
  };
  const broker = startCli(['broker'], { env });
  await broker.says(/broker listens/);
  const edge = await passwordOf('edge-1', 'predictor');
  const agent = startCli(['agent', '--agent-id', 'edge-1', '--password-file', edge], { env });
  await agent.says(/"subscribed"/);
  const device = await passwordOf('dev-1', 'client');
  const asClient = ['--client-id', 'dev-1', '--password-file', device];
  const classify = (args: readonly string[], options: RunOptions = {}) =>
    runCli(['classify', ...asClient, ...args], { ...options, env });
  return { agent, asClient, broker, classify, env, folder, passwordOf, port };
}

describe('echolot broker', () => {
  it('fails on a busy port with a remedy that names the flag', async () => {
    const { env, port } = await setUp();
    const { code, stderr } = await runCli(['broker'], { env });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(new RegExp(`^error: .*${port}`, 'm'));
    expect(stderr).toMatch(/^hint: .*--port/m);
  });
});

describe('echolot up', () => {
  it('keeps its identities: a client that was added asks again after a restart', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const env = {
      ECHOLOT_STORE: join(folder, 'my store'),
      ECHOLOT_PORT: String(port),
      ECHOLOT_WS_PORT: 'off',
      ECHOLOT_AGENT_ID: 'edge-1',
    };
    const password = join(folder, 'dev-1.password');
    const input = JSON.stringify(await heldOutRow());
    for (const start of ['first', 'second']) {
      const up = startCli(['up'], { env });
      const [, add] = await up.says(/^(echolot identity add .*) > dev-1\.password$/m);
      expect(add).toContain(`--store '${env.ECHOLOT_STORE}'`);
      if (start === 'first') {
        const added = await runCli(['identity', 'add', 'dev-1', '--role', 'client'], { env });
        writeFileSync(password, added.stdout, { mode: 0o600 });
      }
      const url = `mqtt://127.0.0.1:${port}`;
      const args = ['--broker-url', url, '--client-id', 'dev-1', '--password-file', password];
      const { code, stdout } = await runCli(['classify', ...args], { env, input });
      expect([code, JSON.parse(stdout).agent]).toEqual([0, 'edge-1']);
      up.kill('SIGINT');
      expect((await up.ended).code, start).toBe(0);
    }
  });

  it('takes no name that belongs to another role', async () => {
    const env = { ECHOLOT_STORE: makeFolder() };
    await runCli(['identity', 'add', 'dev-1', '--role', 'client'], { env });
    const args = ['up', '--agent-id', 'dev-1', '--port', '0', '--ws-port', 'off'];
    const { code, stderr } = await runCli(args, { env });
    expect(code).toBe(78);
    expect(stderr).toContain('error: the identity dev-1 is a client');
    expect(stderr).toMatch(/^hint: .*--agent-id/m);
  });
});

describe('a broker, an agent and a client, started by hand', () => {
  it('answer one reading from arguments, a file or standard input', async () => {
    const { classify, folder } = await setUp();
    const row = await heldOutRow();
    const path = join(folder, 'reading.json');
    writeFileSync(path, JSON.stringify({ values: row }));
    // One after the other: a client id is one connection.
    const answers = [
      await classify(row.map(String)),
      await classify([row.join(', ')]),
      await classify(['--file', path]),
      await classify([], { input: row.join('\n') }),
      await classify([], { input: JSON.stringify(row) }),
    ];
    for (const { code, stderr, stdout } of answers) {
      expect([code, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toMatchObject({
        label: expect.stringMatching(/^(metal|rock)$/),
        agent: 'edge-1',
      });
      expect(stdout.endsWith('}\n')).toBe(true);
    }
  });

  it('tell what is wrong with a reading on standard error, with exit 1', async () => {
    const { classify } = await setUp();
    const { code, stderr, stdout } = await classify(['0.5', '0.5']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('error: VALUES_WRONG_LENGTH: expected 60 values, got 2');
  });

  it('tell that nobody serves a model', async () => {
    const { classify } = await setUp();
    const { code, stderr } = await classify(['--model-name', 'radar', '0.5']);
    expect(code).toBe(69);
    expect(stderr).toContain('error: MODEL_UNKNOWN');
  });

  it('refuse a wrong password with exit 77', async () => {
    const { env, folder } = await setUp();
    const path = join(folder, 'wrong.password');
    writeFileSync(path, 'wrong\n', { mode: 0o600 });
    for (const args of [
      ['agent', '--agent-id', 'edge-1'],
      ['classify', '--client-id', 'dev-1', '0.5'],
      ['watch', '--client-id', 'dev-1'],
    ]) {
      const { code, stderr, stdout } = await runCli([...args, '--password-file', path], { env });
      expect([code, stdout], args[0]).toEqual([77, '']);
      expect(stderr).toMatch(/^error: /m);
      expect(stderr).toMatch(/^hint: /m);
    }
  });

  it('see an identity that is removed leave at once', async () => {
    const { agent, env } = await setUp();
    await runCli(['identity', 'remove', 'edge-1'], { env });
    await agent.says(/connection lost/);
  });

  it('end on SIGTERM with exit 0, the agent drained', async () => {
    const { agent, broker } = await setUp();
    agent.kill('SIGTERM');
    const ended = await agent.ended;
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('"draining"');
    broker.kill('SIGTERM');
    expect((await broker.ended).code).toBe(0);
  });
});

describe('echolot classify --csv', () => {
  it('goes on where a killed run left off: every row once, in order', async () => {
    const { asClient, classify, env, folder } = await setUp();
    const { rows } = await loadReplayRows(SHIPPED_MODEL);
    const count = 40_000;
    const lines = Array.from({ length: count }, (_, index) => {
      const row = rows[index % rows.length];
      return `row-${index},${row?.values.join(',')},${row?.label}`;
    });
    const bands = rows[0]?.values.map((_, index) => `band${index}`).join(',');
    const [input, output] = [join(folder, 'in.csv'), join(folder, 'out.csv')];
    writeFileSync(input, `id,${bands},class\n${lines.join('\n')}\n`);
    const args = ['--csv', input, '--out', output];
    const first = startCli(['classify', ...asClient, ...args], { env });
    const written = () => (existsSync(output) ? statSync(output).size : 0);
    await expect.poll(written, { interval: 5, timeout: 60_000 }).toBeGreaterThan(1000);
    first.kill('SIGKILL');
    expect((await first.ended).signal).toBe('SIGKILL');

    const { code, stderr, stdout } = await classify(args);
    expect(code).toBe(0);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ rows: count, classified: count, problems: {} });
    expect(summary.resumed).toBeGreaterThan(0);
    expect(summary.accuracy).toBeGreaterThan(0.7);
    expect(stderr).toContain('by an earlier run');
    const [header, ...scored] = readFileSync(output, 'utf8').trimEnd().split('\n');
    expect(header).toMatch(/^id,/);
    expect(scored.map((line) => line.split(',')[0])).toEqual(lines.map((_, n) => `row-${n}`));
  });

  it('wants both files, and says so', async () => {
    const { code, stderr } = await runCli(['classify', '--client-id', 'dev-1', '--csv', 'in.csv']);
    expect(code).toBe(64);
    expect(stderr).toContain('--csv and --out go together');
  });
});

describe('echolot watch', () => {
  it('prints lines of JSON where standard output is no terminal, and ends with its reader', async () => {
    const { asClient, env, passwordOf } = await setUp();
    const password = await passwordOf('op-1', 'operator');
    const watch = startCli(['watch', '--client-id', 'op-1', '--password-file', password], { env });
    const replay = startCli(['replay', ...asClient, '--rate', '20'], { env });
    await watch.says(/^\{.*"label":.*\}$/m);
    watch.child.stdout.destroy();
    expect((await watch.ended).code).toBe(0);
    replay.kill('SIGINT');
    expect((await replay.ended).code).toBe(0);
  });
});

describe('on Mosquitto', () => {
  let mosquitto: Mosquitto;
  beforeAll(async () => {
    mosquitto = await startMosquitto();
  });
  afterAll(() => mosquitto.stop());

  it.each(['3.1.1', '5'])('the same agent and client work with MQTT %s', async (protocol) => {
    const env = { ECHOLOT_BROKER_URL: mosquitto.url, ECHOLOT_PROTOCOL: protocol };
    const agent = startCli(['agent', '--agent-id', 'edge-m'], { env });
    await agent.says(/"subscribed"/);
    const input = JSON.stringify(await heldOutRow());
    const { code, stdout } = await runCli(['classify', '--client-id', 'dev-m'], { env, input });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ agent: 'edge-m' });
  });
});
