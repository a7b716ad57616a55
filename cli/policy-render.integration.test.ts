// echolot policy render: what it prints starts a broker, and what it cannot do it says.
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort, runMosquitto } from '../bus/mosquitto.fixture.ts';
import { loadReplayRows } from '../models/dataset.ts';
import { SHIPPED_MODEL } from './package-root.ts';
import { cleanUp, makeFolder, runCli, startCli } from './run-cli.fixture.ts';

afterEach(cleanUp);

function setUp() {
  const folder = makeFolder();
  const env = { ECHOLOT_STORE: join(folder, 'store') };
  const out = join(folder, 'rendered');
  const echolot = (...args: string[]) => runCli(args, { env });
  return { folder, out, echolot };
}

/** As the package has it, with a folder in place of the root. */
const debianConfiguration = (root: string) => `pid_file ${root}/mosquitto.pid
user ${userInfo().username}
persistence true
persistence_location ${root}/
log_dest file ${root}/mosquitto.log
include_dir ${root}/conf.d
`;

describe('echolot policy render mosquitto', () => {
  it('writes a folder on which Mosquitto, an agent and a client work', async () => {
    const { echolot, folder, out } = setUp();
    await echolot('identity', 'add', 'dev-1', '--role', 'client', '--certificate');
    await echolot('identity', 'add', 'edge-1', '--role', 'predictor', '--certificate');
    const [clients, certificates, inner] = [await freePort(), await freePort(), await freePort()];
    const render = ['policy', 'render', 'mosquitto', '--out', out, '--owner', userInfo().username];
    const listen = Object.entries({ clients, certificates, inner }).flatMap(([name, port]) => [
      `--${name}`,
      `127.0.0.1:${port}`,
    ]);
    const { code, stderr, stdout } = await echolot(...render, ...listen);
    expect([code, stdout]).toEqual([0, `mosquitto -c ${out}/mosquitto.conf\n`]);
    expect(stderr).toMatch(/^2 identities and 5 probes are rendered; .*dynamic-security.json/);
    expect(statSync(join(out, 'broker.key')).mode & 0o777).toBe(0o600);
    const broker = await runMosquitto(join(out, 'mosquitto.conf'), inner);
    try {
      const env = (name: string) => ({
        ECHOLOT_BROKER_URL: `mqtts://127.0.0.1:${certificates}`,
        ECHOLOT_CA: join(folder, 'store/ca/ca.crt'),
        ECHOLOT_CERT: join(folder, `store/certificates/${name}.crt`),
        ECHOLOT_KEY: join(folder, `store/certificates/${name}.key`),
      });
      await startCli(['agent', '--agent-id', 'edge-1'], { env: env('edge-1') }).says(/"serving"/);
      const row = (await loadReplayRows(SHIPPED_MODEL)).rows[0]?.values ?? [];
      const ask = ['classify', '--client-id', 'dev-1', ...row.map(String)];
      const answered = await runCli(ask, { env: env('dev-1') });
      expect(answered).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(answered.stdout)).toMatchObject({ agent: 'edge-1' });
    } finally {
      await broker.end('SIGTERM');
    }
  });

  it('makes the probes, or leaves them out', async () => {
    const { echolot, folder, out } = setUp();
    await echolot('policy', 'render', 'mosquitto', '--out', out, '--no-probes');
    expect(readFileSync(join(out, 'dynamic-security.json'), 'utf8')).not.toContain('policy-probe');
    expect(existsSync(join(folder, 'store/probes'))).toBe(false);
    await echolot('policy', 'render', 'mosquitto', '--out', out, '--models', 'sonar,lidar');
    const rights = readFileSync(join(out, 'dynamic-security.json'), 'utf8');
    expect(rights).toContain('$share/policy-probes/echolot/v1/readings/+/policy-probe');
    const password = join(folder, 'store/probes/policy-probe-client-1.password');
    expect(statSync(password).mode & 0o777).toBe(0o600);
  });

  it('names the folder from which it will be read, where that is another one', async () => {
    const { echolot, out } = setUp();
    const flags = ['--out', out, '--at', '/srv/echolot', '--included'];
    const { code, stdout } = await echolot('policy', 'render', 'mosquitto', ...flags);
    const link = 'ln -s /srv/echolot/mosquitto.conf /etc/mosquitto/conf.d/echolot.conf\n';
    expect([code, stdout]).toEqual([0, link]);
  });

  it("makes an authority where hosts are named for the certificate, and is read by Debian's configuration", async () => {
    const { echolot, out } = setUp();
    const [clients, certificates, inner] = [await freePort(), await freePort(), await freePort()];
    const listen = Object.entries({ clients, certificates, inner }).flatMap(([name, port]) => [
      `--${name}`,
      `127.0.0.1:${port}`,
    ]);
    const tls = ['--tls-names', 'broker.example,192.0.2.7', '--included'];
    const owner = ['--owner', userInfo().username];
    const flags = ['--out', out, ...owner, ...listen, ...tls];
    const rendered = await echolot('policy', 'render', 'mosquitto', ...flags);
    expect([rendered.code, rendered.stdout]).toEqual([
      0,
      `ln -s ${out}/mosquitto.conf /etc/mosquitto/conf.d/echolot.conf\n`,
    ]);
    const certificate = new X509Certificate(readFileSync(join(out, 'broker.crt')));
    expect(certificate.subjectAltName).toContain('DNS:broker.example, IP Address:192.0.2.7');
    const debian = join(out, '../debian.conf');
    mkdirSync(join(out, '../conf.d'));
    symlinkSync(join(out, 'mosquitto.conf'), join(out, '../conf.d/echolot.conf'));
    writeFileSync(debian, debianConfiguration(join(out, '..')));
    const broker = await runMosquitto(debian, inner);
    const url = `mqtt://127.0.0.1:${inner}`;
    const proved = await echolot('policy', 'prove', '--url', url, '--config', out);
    await broker.end('SIGTERM');
    expect(proved.code, proved.stdout).toBe(0);
    expect(proved.stdout).toMatch(/^COMPARED: .*: no differences?$/m);
  });

  it('renders the same when nothing has changed', async () => {
    const { echolot, out } = setUp();
    const render = async () => {
      await echolot('policy', 'render', 'mosquitto', '--out', out);
      return readFileSync(join(out, 'dynamic-security.json'), 'utf8');
    };
    expect(await render()).toBe(await render());
  });

  it.each([
    [[], 64, "required option '--out <folder>'"],
    [['--out', 'OUT', '--clients', '8883'], 64, 'Expected is HOST:PORT'],
    [['--out', 'OUT', '--inner', '0.0.0.0:1884'], 64, 'no loopback address'],
    [['--out', 'OUT', '--certificates', '0.0.0.0:8884'], 64, 'no certificates'],
    [['--out', 'OUT', '--models', 'a/b'], 64, "Each model's name"],
    [['--out', 'OUT', '--owner', 'nobody-of-that-name'], 78, 'no user "nobody-of-that-name"'],
    [['--out', '/dev/null/rendered'], 78, '/dev/null/rendered cannot be written'],
  ])('with %j ends with %i', async (args, expected, why) => {
    const { echolot, out } = setUp();
    const asked = args.map((arg) => (arg === 'OUT' ? out : arg));
    const { code, stderr, stdout } = await echolot('policy', 'render', 'mosquitto', ...asked);
    expect([code, stdout]).toEqual([expected, '']);
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toContain(why);
    expect(existsSync(out)).toBe(false);
  });

  it('warns where passwords would cross the network readable', async () => {
    const { echolot, out } = setUp();
    const listen = ['--clients', '0.0.0.0:1883'];
    const { code, stderr } = await echolot(
      'policy',
      'render',
      'mosquitto',
      '--out',
      out,
      ...listen,
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*readable.*\nhint: /);
  });
});

describe('echolot policy render emqx and hivemq', () => {
  it('write private files whose heads say that they were not run', async () => {
    const { echolot, out } = setUp();
    await echolot('identity', 'add', 'dev-1', '--role', 'client');
    const emqx = await echolot(
      'policy',
      'render',
      'emqx',
      '--out',
      join(out, 'emqx'),
      '--no-probes',
    );
    const hivemq = await echolot('policy', 'render', 'hivemq', '--out', join(out, 'hivemq'));
    for (const { code, stderr, stdout } of [emqx, hivemq]) {
      expect([code, stdout]).toEqual([0, '']);
      expect(stderr).toContain('rendered, not run here');
    }
    for (const file of ['emqx/emqx.conf', 'emqx/acl.conf', 'hivemq/credentials.xml']) {
      expect(readFileSync(join(out, file), 'utf8')).toContain('rendered, not run here');
      expect(statSync(join(out, file)).mode & 0o777).toBe(0o600);
    }
    expect(readFileSync(join(out, 'emqx/users.csv'), 'utf8')).toMatch(/^dev-1,[0-9a-f]{128},/m);
    expect(readFileSync(join(out, 'emqx/acl.conf'), 'utf8')).not.toContain('policy-probe');
    expect(readFileSync(join(out, 'hivemq/credentials.xml'), 'utf8')).toContain('policy-probe');
  });

  it.each([
    ['emqx', '--inner', '0.0.0.0:1884'],
    ['hivemq', '--clients', '0.0.0.0:1883'],
    ['rabbitmq'],
  ])('is refused: %s %s', async (...args) => {
    const { echolot, out } = setUp();
    const { code, stderr } = await echolot('policy', 'render', ...args, '--out', out);
    expect(code).toBe(64);
    expect(stderr).toMatch(/^error: /);
  });
});
