// No secret in a log, in what a command prints, in an argument list or in an environment that `ps` shows.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { certificatePaths } from '../broker/certificates.ts';
import { freePort } from '../bus/mosquitto.fixture.ts';
import { cleanUp, makeFolder, type RunningCli, runCli, startCli } from './run-cli.fixture.ts';

afterEach(cleanUp);

const GUESS = 'a-guess-that-is-wrong';

/** What of a PEM file nobody else may see. */
function bodyOf(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.length > 20 && !line.startsWith('-----'));
}

function shownByPs({ child }: RunningCli): string {
  const read = (file: string) => readFileSync(`/proc/${child.pid}/${file}`, 'utf8');
  return `${read('cmdline')}\n${read('environ')}`;
}

describe('a broker, an agent and clients that say all that they can', () => {
  it('show no password, hash or private key to anybody', async () => {
    const folder = makeFolder();
    const [port, tlsPort] = [await freePort(), await freePort()];
    const store = join(folder, 'store');
    const env = {
      ECHOLOT_STORE: store,
      ECHOLOT_BROKER_URL: `mqtt://127.0.0.1:${port}`,
      ECHOLOT_LOG_LEVEL: 'trace',
    };
    const secrets: string[] = [GUESS];
    const add = async (name: string, role: string, ...more: string[]) => {
      const { stdout } = await runCli(['identity', 'add', name, '--role', role, ...more], { env });
      const path = join(folder, `${name}.password`);
      writeFileSync(path, stdout, { mode: 0o600 });
      return path;
    };
    const edge = await add('edge-1', 'predictor');
    const device = await add('dev-1', 'client');
    await add('operator-1', 'operator', '--certificate');
    const wrong = join(folder, 'wrong.password');
    writeFileSync(wrong, GUESS, { mode: 0o600 });

    const listeners = ['--port', String(port), '--ws-port', 'off', '--tls-port', String(tlsPort)];
    const broker = startCli(['broker', ...listeners], { env });
    await broker.says(/broker listens/);
    const agent = startCli(['agent', '--agent-id', 'edge-1', '--password-file', edge], { env });
    await agent.says(/"serving"/);
    const { ca, caKey, client, server } = certificatePaths(store);
    const operator = client('operator-1');
    const watch = startCli(['watch'], {
      env: {
        ...env,
        ECHOLOT_BROKER_URL: `mqtts://localhost:${tlsPort}`,
        ECHOLOT_CLIENT_ID: 'operator-1',
        ECHOLOT_CA: ca,
        ECHOLOT_CERT: operator.certificate,
        ECHOLOT_KEY: operator.key,
      },
    });
    const reading = Array.from({ length: 60 }, () => '0.5');
    const classify = (passwordFile: string) =>
      runCli(['classify', '--client-id', 'dev-1', '--password-file', passwordFile, ...reading], {
        env,
      });
    let right = await classify(device);
    // It shows nothing before it is connected.
    while (!watch.stdout.includes('dev-1')) right = await classify(device);
    const refused = await classify(wrong);
    expect([right.code, refused.code]).toEqual([0, 77]);

    secrets.push(...[edge, device].map((path) => readFileSync(path, 'utf8').trim()));
    secrets.push(...[caKey, server.key, operator.key].flatMap(bodyOf));
    const identities = readFileSync(join(store, 'identities.json'), 'utf8');
    secrets.push(
      ...(identities.match(/\$7\$[^"]+/g) ?? []).flatMap((hash) => hash.split('$').slice(3)),
    );
    expect(secrets.length).toBeGreaterThan(10);

    const seen = [broker, agent, watch].map(shownByPs);
    for (const each of [watch, agent, broker]) {
      each.kill('SIGTERM');
      await each.ended;
    }
    for (const { stderr, stdout } of [broker, agent, watch, right, refused]) {
      seen.push(stdout, stderr);
    }
    const text = seen.join('\n');
    // The search would find what is there.
    expect(text).toContain(operator.key);
    expect(text).toContain('wrong username or password');
    for (const secret of secrets) expect(text.includes(secret), secret.slice(0, 8)).toBe(false);
  });

  it('take no password on the command line', async () => {
    const { code, stderr } = await runCli(['classify', '--password', GUESS, '0.5']);
    expect(code).toBe(64);
    expect(stderr).toContain("unknown option '--password'");
  });
});
