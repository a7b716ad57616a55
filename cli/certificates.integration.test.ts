// Certificates from the command line: made, renewed, revoked, and used by every command that connects.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { certificatePaths, ensureServerCertificate } from '../broker/certificates.ts';
import { freePort, startMosquitto } from '../bus/mosquitto.fixture.ts';
import { loadReplayRows } from '../models/dataset.ts';
import { SHIPPED_MODEL } from './package-root.ts';
import { cleanUp, makeFolder, runCli, startCli } from './run-cli.fixture.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await cleanUp();
  for (const stop of stops.splice(0)) await stop();
});

type Env = Readonly<Record<string, string>>;

function setUp() {
  const folder = makeFolder();
  const store = join(folder, 'store');
  const identity = (...args: string[]) =>
    runCli(['identity', ...args], { env: { ECHOLOT_STORE: store } });
  return { folder, store, identity };
}

/** The environment of whoever has the certificate of this name. */
function envOf(store: string, name: string, port: number): Env {
  const { ca, client } = certificatePaths(store);
  const { certificate, key } = client(name);
  return {
    ECHOLOT_BROKER_URL: `mqtts://localhost:${port}`,
    ECHOLOT_CA: ca,
    ECHOLOT_CERT: certificate,
    ECHOLOT_KEY: key,
  };
}

async function startEmbedded(store: string, port: number): Promise<void> {
  const listeners = ['--port', '0', '--ws-port', 'off', '--tls-port', String(port)];
  await startCli(['broker', '--store', store, ...listeners]).says(/broker listens/);
}

/** Asks for a certificate and knows nobody without one; who may do what is not its concern here. */
async function startMutualMosquitto(store: string, port: number): Promise<void> {
  const { certificate, key } = await ensureServerCertificate(store);
  const { ca, crl } = certificatePaths(store);
  const config = [
    `listener ${port} 127.0.0.1`,
    `cafile ${ca}`,
    `certfile ${certificate}`,
    `keyfile ${key}`,
    `crlfile ${crl}`,
    'require_certificate true',
    'use_identity_as_username true',
  ];
  const broker = await startMosquitto({ port, config, anonymous: false });
  stops.push(() => broker.stop());
}

describe('echolot identity --certificate', () => {
  it('adds an identity whose files are named as the flags of a client', async () => {
    const { identity, store } = setUp();
    const { code, stderr, stdout } = await identity(
      'add',
      'dev-1',
      '--role',
      'client',
      '--certificate',
    );
    const { ca, client } = certificatePaths(store);
    const { certificate, key } = client('dev-1');
    expect(code).toBe(0);
    expect(stdout).toBe(`--ca ${ca} --cert ${certificate} --key ${key}\n`);
    expect(stderr).toMatch(/^dev-1 \(client\) is added to .*valid until \d{4}-/);
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect((await identity('list')).stdout).toContain('dev-1');
  });

  it('renews a certificate, also of an identity with a password, for as long as it is told', async () => {
    const { identity, store } = setUp();
    await identity('add', 'edge-1', '--role', 'predictor');
    const first = await identity('rotate', 'edge-1', '--certificate');
    const { certificate } = certificatePaths(store).client('edge-1');
    const before = readFileSync(certificate, 'utf8');
    const second = await identity('rotate', 'edge-1', '--certificate', '--days', '30');
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(readFileSync(certificate, 'utf8')).not.toBe(before);
    const until = Date.parse(/valid until (\S+)\./.exec(second.stderr)?.[1] ?? '');
    expect(Math.round((until - Date.now()) / 86_400_000)).toBe(30);
  });

  it.each([
    [['rotate', 'nobody', '--certificate'], 'nobody'],
    [['add', 'dev-1', '--role', 'client', '--days', '9'], '--certificate'],
    [['add', 'dev-1', '--role', 'client', '--certificate', '--days', '9999'], '7300'],
    [['add', 'dev-1'], '--role'],
    [['add'], '--csv'],
    [['add', '--csv', 'list.csv'], '--out'],
    [['add', 'dev-1', '--csv', 'list.csv', '--out', 'out.csv'], '--csv'],
    [['add', 'dev-1', '--role', 'client', '--out', 'out.csv'], '--csv'],
    [['add', '--csv', '/nowhere/list.csv', '--out', 'out.csv'], '/nowhere/list.csv'],
  ])('is refused for %j, and adds nobody', async (args, why) => {
    const { identity } = setUp();
    const { code, stderr, stdout } = await identity(...args);
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toContain(why);
    expect((await identity('list', '--json')).stdout).toBe('');
  });

  it('adds a list and writes the passwords into a file', async () => {
    const { folder, identity, store } = setUp();
    const [list, out] = [join(folder, 'list.csv'), join(folder, 'out.csv')];
    writeFileSync(list, 'name,role,models\ndev-1,client,\nedge-1,predictor,sonar\n');
    const flags = ['--csv', list, '--out', out, '--store', store];
    const { code, stderr, stdout } = await runCli(['identity', 'add', ...flags]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/^2 identities are added/);
    expect(readFileSync(out, 'utf8')).toMatch(/^name,password\ndev-1,\S{43}\nedge-1,\S{43}\n$/);
    expect((await identity('list')).stdout).toMatch(/edge-1 +predictor +sonar/);
  });
});

describe.each([
  ['the embedded broker', startEmbedded],
  ['Mosquitto with require_certificate', startMutualMosquitto],
])('on %s', (_, startBroker) => {
  it('agent, classify, watch and replay work with certificates alone', async () => {
    const { identity, store } = setUp();
    for (const [name, role] of [
      ['edge-1', 'predictor'],
      ['dev-1', 'client'],
      ['op-1', 'operator'],
    ] as const) {
      expect((await identity('add', name, '--role', role, '--certificate')).code).toBe(0);
    }
    const port = await freePort();
    await startBroker(store, port);
    const agent = startCli(['agent', '--agent-id', 'edge-1'], {
      env: envOf(store, 'edge-1', port),
    });
    await agent.says(/"serving"/);

    const watch = startCli(['watch', '--client-id', 'op-1', '--json'], {
      env: envOf(store, 'op-1', port),
    });
    const row = (await loadReplayRows(SHIPPED_MODEL)).rows[0]?.values ?? [];
    const asDevice = { env: envOf(store, 'dev-1', port) };
    const ask = ['classify', '--client-id', 'dev-1', ...row.map(String)];
    const answered = await runCli(ask, asDevice);
    expect(answered).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(answered.stdout)).toMatchObject({ agent: 'edge-1' });
    // Until the watcher has seen some: nothing tells when its subscription stands.
    const replay = startCli(['replay', '--client-id', 'dev-1', '--rate', '20', '--json'], asDevice);
    await replay.says(/"agent":"edge-1"/);
    await watch.says(/"client":"dev-1".*"agent":"edge-1"/);

    const { ECHOLOT_CERT: _cert, ECHOLOT_KEY: _key, ...without } = asDevice.env;
    const bare = await runCli(ask, { env: without });
    expect(bare.code).toBe(77);
    expect(bare.stderr).toMatch(/^error: .*\nhint: /);
  });

  it('a certificate is of no use once its identity is removed, and a person reads why', async () => {
    const { folder, identity, store } = setUp();
    await identity('add', 'dev-1', '--role', 'client', '--certificate');
    const port = await freePort();
    const { ECHOLOT_CERT = '', ECHOLOT_KEY = '', ...shared } = envOf(store, 'dev-1', port);
    const [cert, key] = [join(folder, 'kept.crt'), join(folder, 'kept.key')];
    writeFileSync(cert, readFileSync(ECHOLOT_CERT));
    writeFileSync(key, readFileSync(ECHOLOT_KEY), { mode: 0o600 });
    expect((await identity('remove', 'dev-1')).code).toBe(0);
    await startBroker(store, port);
    const flags = ['--client-id', 'dev-1', '--cert', cert, '--key', key];
    const { code, stderr } = await runCli(['classify', ...flags, '0.5'], { env: shared });
    expect(code).toBe(77);
    expect(stderr).toMatch(/^error: .*(refuses "dev-1"|our certificate is revoked)/);
    expect(stderr).toMatch(/^hint: .*(revoked|renew)/m);
  });

  it('nobody talks to a broker whose certificate is of another authority', async () => {
    const { identity, store } = setUp();
    const other = setUp();
    await identity('add', 'dev-1', '--role', 'client', '--certificate');
    await other.identity('add', 'dev-1', '--role', 'client', '--certificate');
    const port = await freePort();
    await startBroker(store, port);
    const env = { ...envOf(store, 'dev-1', port), ECHOLOT_CA: certificatePaths(other.store).ca };
    const insecure = { ...env, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    for (const each of [env, insecure]) {
      const { code, stderr } = await runCli(['classify', '--client-id', 'dev-1', '0.5'], {
        env: each,
      });
      expect(code).toBe(77);
      expect(stderr).toMatch(/not of an authority that we trust/);
      expect(stderr).toMatch(/^hint: .*--ca/m);
    }
  });
});
