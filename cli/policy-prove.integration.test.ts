// echolot policy prove, as its users run it: on the embedded broker, and on a rendered Mosquitto.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort, runMosquitto } from '../bus/mosquitto.fixture.ts';
import { cleanUp, makeFolder, runCli, startCli } from './run-cli.fixture.ts';

const mosquittos: { end(signal: NodeJS.Signals): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of mosquittos.splice(0)) await each.end('SIGTERM');
  await cleanUp();
});

function setUp() {
  const folder = makeFolder();
  const env = { ECHOLOT_STORE: join(folder, 'store') };
  return { folder, echolot: (...args: string[]) => runCli(args, { env }), env };
}

interface Rights {
  roles: { rolename: string; acls: { acltype: string; topic: string }[] }[];
}

async function rendered() {
  const { echolot, folder } = setUp();
  await echolot('identity', 'add', 'dev-1', '--role', 'client');
  const [out, clients, inner] = [join(folder, 'rendered'), await freePort(), await freePort()];
  const listen = ['--clients', `127.0.0.1:${clients}`, '--inner', `127.0.0.1:${inner}`];
  const { code, stderr } = await echolot('policy', 'render', 'mosquitto', '--out', out, ...listen);
  expect(code, stderr).toBe(0);
  const path = join(out, 'dynamic-security.json');
  return {
    echolot,
    out,
    url: `mqtt://127.0.0.1:${inner}`,
    start: async () => {
      mosquittos.push(await runMosquitto(join(out, 'mosquitto.conf'), inner));
    },
    change: (change: (rights: Rights) => void) => {
      const rights = JSON.parse(readFileSync(path, 'utf8')) as Rights;
      change(rights);
      writeFileSync(path, JSON.stringify(rights));
    },
  };
}

function widen(rights: Rights, role: string, acltype: string, topic: string, to: string): void {
  const { acls = [] } = rights.roles.find(({ rolename }) => rolename === role) ?? {};
  const acl = acls.find((each) => each.acltype === acltype && each.topic === topic);
  if (!acl) throw new Error(`${role} has no ${acltype} ${topic}`);
  acl.topic = to;
}

describe('echolot policy prove', () => {
  it('proves a broker that it did not start, with a store without probes', async () => {
    const { echolot, env } = setUp();
    const broker = startCli(['broker', '--port', '0', '--ws-port', 'off'], { env });
    const [, port] = await broker.says(/"port":(\d+)/);
    const url = `mqtt://127.0.0.1:${port}`;
    const { code, stderr, stdout } = await echolot('policy', 'prove', '--url', url);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ROLE +PROBE +ATTEMPT +TOPIC +POLICY +FOUND +VERDICT\n/);
    expect(stdout).toMatch(
      /\npredictor +policy-probe-predictor +take-over +\S+ +denied +denied +ok\n/,
    );
    expect(stdout).toMatch(/\nPROVED: the running broker .* 0 leaks, 0 blocked/);
    expect(stdout).toContain('what real identities may do was not shown');
    expect(stdout).not.toMatch(/LEAK|BLOCKED|UNPROVED/);
  });

  it('ends with 1 and names the topic where Mosquitto lets a probe do more', async () => {
    const { change, echolot, start, url } = await rendered();
    const topic = 'echolot/v1/replies/policy-probe-client-1/+';
    change((rights) => {
      const role = 'echolot-policy-probe-client-1';
      widen(rights, role, 'subscribePattern', topic, 'echolot/v1/replies/+/+');
      widen(rights, role, 'publishClientReceive', topic, 'echolot/v1/replies/+/+');
    });
    await start();
    const { code, stderr, stdout } = await echolot('policy', 'prove', '--url', url);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(
      /\nLEAK: policy-probe-client-1 \(client\): subscribe echolot\/v1\/replies\/policy-probe-client-2\/\+,/,
    );
    expect(stdout).toContain(`beside its right ${topic}`);
  });

  it('finds the widened rule of a real identity by comparing, and says what proved what', async () => {
    const { change, echolot, out, start, url } = await rendered();
    const prove = (...more: string[]) => echolot('policy', 'prove', '--url', url, ...more);
    const topic = 'echolot/v1/readings/dev-1/+';
    change((rights) => {
      widen(rights, 'echolot-dev-1', 'publishClientSend', topic, 'echolot/v1/readings/#');
    });
    await start();
    const compared = await prove('--config', out);
    expect(compared.code).toBe(1);
    expect(compared.stdout).toMatch(
      /^WIDER: echolot-dev-1: echolot\/v1\/readings\/#: allows this publishClientSend/,
    );
    expect(compared.stdout).toContain(`NARROWER: echolot-dev-1: ${topic}: lacks`);
    expect(compared.stdout).toMatch(/\nCOMPARED: .*: 2 differences\n/);
    expect(compared.stdout).toMatch(/\nPROVED: .* 0 leaks, 0 blocked/);
    // The probes alone do not see it.
    expect((await prove()).code).toBe(0);
  });

  it('proves what is rendered, known limits named, and says it as JSON too', async () => {
    const { echolot, out, start, url } = await rendered();
    await start();
    const prove = (...more: string[]) =>
      echolot('policy', 'prove', '--url', url, '--config', out, ...more);
    const text = await prove('--protocol', '3.1.1');
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toContain('known limit: policy-probe-predictor (predictor): take-over');
    expect(text.stdout).toMatch(/^COMPARED: .*: no difference\n/);
    const json = await prove('--json', '--protocol', '5');
    const lines = json.stdout.trimEnd().split('\n');
    const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows[0]).toMatchObject({ type: 'comparison', differences: 0 });
    expect(rows.at(-1)).toMatchObject({ type: 'proof', attempts: rows.length - 2, findings: 0 });
    expect(rows[5]).toMatchObject({ type: 'attempt', role: 'client', verdict: 'ok' });
  });

  it.each([
    [['--url', 'mqtt://127.0.0.1:1'], 69, 'ECONNREFUSED'],
    [['--url', 'http://127.0.0.1'], 64, 'expected mqtt://HOST:PORT'],
    [['--config', '/nowhere'], 78, '/nowhere/mosquitto.conf cannot be read'],
    [['--login', 'certificate'], 78, 'the probes have no certificates'],
    [['--timeout-ms', '0'], 64, 'Expected milliseconds'],
    [['--url', 'mqtts://127.0.0.1', '--ca', '/nowhere'], 78, 'of --ca cannot be read'],
  ])('%j ends with %i and a reason', async (args, code, reason) => {
    const { echolot } = setUp();
    const ended = await echolot('policy', 'prove', ...args);
    expect([ended.code, ended.stdout]).toEqual([code, '']);
    expect(ended.stderr).toContain(reason);
    expect(ended.stderr).toContain('hint: ');
  });
});
