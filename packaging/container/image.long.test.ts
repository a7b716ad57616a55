// The image is built and run by podman, as compose.yaml says, on base images that stand in for the public ones.
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBaseImages } from './base-image.fixture.ts';
import { podmanArguments, readCompose } from './compose.fixture.ts';
import { ContainerEngine } from './container-engine.fixture.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE_IMAGE = 'localhost/node-stand-in:1.0.0';
const { services } = readCompose();
const IMAGE = services['agent']?.image ?? '';
const PROJECT = 'echolot-test';
const POLL_MS = 500;

const folder = () => mkdtempSync(join(tmpdir(), 'echolot-container-'));
const work = folder();
const engine = new ContainerEngine(folder());
afterAll(async () => {
  await engine.close();
  rmSync(work, { recursive: true, force: true });
});

beforeAll(async () => {
  await engine.open();
  const names = [NODE_IMAGE, services['broker']?.image ?? ''];
  await makeBaseImages(engine, work, names);
  const file = join(ROOT, 'packaging', 'container', 'Containerfile');
  const how = ['--format=docker', '--isolation=chroot', '--network=host', `--file=${file}`];
  const base = `--build-arg=NODE_IMAGE=${NODE_IMAGE}`;
  await engine.must('build', ...how, base, `--tag=${IMAGE}`, ROOT);
  await engine.must('network', 'create', PROJECT);
}, 1_800_000);

const run = (...command: string[]) =>
  engine.run(
    'run',
    '--rm',
    '--network=none',
    '--entrypoint=',
    '--no-healthcheck',
    IMAGE,
    ...command,
  );
/** Starts a service and, where it ends by itself, waits for that. */
const start = (name: string) => {
  const [verb = '', ...rest] = podmanArguments(name, PROJECT);
  return engine.must(verb, ...(name === 'setup' ? ['--rm'] : ['--detach']), ...rest);
};
const inside = (name: string, ...command: string[]) =>
  engine.run('exec', `${PROJECT}-${name}`, ...command);
const health = (...flags: string[]) => inside('agent', 'echolot-health', ...flags);
const startedAt = () =>
  engine.must('inspect', '--format={{.State.StartedAt}} {{.RestartCount}}', `${PROJECT}-agent`);

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let left = 240; left > 0; left -= 1) {
    if (await isSo()) return;
    await setTimeout(POLL_MS);
  }
  throw new Error(`after ${(240 * POLL_MS) / 1000} s it is still not so: ${what}`);
}

describe('the image', () => {
  it('has a user, a volume, a signal, commands and a question after health', async () => {
    const text = await engine.must('image', 'inspect', IMAGE);
    const [{ Config, Healthcheck }] = JSON.parse(text) as [
      { Config: Record<string, unknown>; Healthcheck: unknown },
    ];
    expect(Config).toMatchObject({
      User: '10001:10001',
      Volumes: { '/var/lib/echolot/state': {} },
      StopSignal: 'SIGTERM',
      Entrypoint: ['/usr/local/bin/echolot'],
      Cmd: ['agent'],
    });
    expect(Healthcheck).toMatchObject({
      Test: ['CMD', '/usr/local/bin/echolot-health'],
      Retries: 3,
    });
  });

  it('holds what is served with, for this machine alone, in less than 90 MB', async () => {
    const { stdout } = await run('find', '/opt/echolot', '-type', 'f', '-printf', '%s %P\n');
    const files = stdout.split('\n').map((line) => {
      const [size = '', path = ''] = line.split(' ');
      return { size: Number(size), path };
    });
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    expect(bytes).toBeLessThan(90e6);
    const paths = files.map(({ path }) => path);
    const building = /^dist\/.*(\.test\.js|\.d\.ts)$|^node_modules\/(typescript|vitest|tsx)\//;
    expect(paths.filter((path) => building.test(path))).toEqual([]);
    const native = paths.filter((path) => /\.(node|so[.\d]*|dll|dylib)$/.test(path));
    expect(native.length).toBeGreaterThan(3);
    for (const path of native) expect(path).toMatch(new RegExp(`linux[-/_]${process.arch}`));
  });

  it('has no package manager', async () => {
    const { code, stdout } = await run('sh', '-c', 'command -v npm npx corepack yarn');
    expect([code, stdout]).not.toEqual([0, expect.anything()]);
    expect(stdout).toBe('');
  });

  it('says what is wrong where it is started without anything', async () => {
    const flags = ['--rm', '--network=none', '--read-only', '--env=ECHOLOT_AGENT_ID=a/b'];
    const { code, stderr } = await engine.run('run', ...flags, IMAGE);
    expect(code).toBe(78);
    expect(stderr).toContain('error: ECHOLOT_AGENT_ID');
  });

  it.each([
    ['its group', 'ok', 0o440],
    ['everybody', 'warning', 0o444],
  ])('says of a password of root that %s may read: %s', async (_, result, mode) => {
    const path = join(work, `password-${result}`);
    writeFileSync(path, 'secret');
    chmodSync(path, mode);
    chownSync(path, 0, 10_001);
    const flags = ['--rm', '--network=none', '--no-healthcheck', `--volume=${path}:/password:ro`];
    const doctor = ['doctor', '--agent-id=edge-1', '--password-file=/password', '--json'];
    const { stdout } = await engine.run('run', ...flags, IMAGE, ...doctor);
    const findings = stdout.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(findings.find(({ check }) => check === 'credentials')).toMatchObject({ result });
  });
});

describe('the services of compose.yaml', () => {
  it('enrol once: who has a password keeps it', async () => {
    await start('setup');
    const volumes = ['agent-password:/a', 'device-password:/d'];
    const mounts = volumes.map((each) => `--volume=${PROJECT}-${each}:ro`);
    const sums = () =>
      engine.must(
        'run',
        '--rm',
        '--entrypoint=sha256sum',
        ...mounts,
        IMAGE,
        '/a/password',
        '/d/password',
      );
    const before = await sums();
    expect(before.split('\n')).toHaveLength(2);
    await start('setup');
    expect(await sums()).toBe(before);
  });

  it('serve: the agent is well, and the device gets answers', async () => {
    for (const name of ['edge', 'broker', 'agent', 'device']) await start(name);
    await until('the agent is well', async () => (await health()).code === 0);
    expect((await health()).stdout).toMatch(/^serving sonar /);
    await until('the device has three answers', async () => {
      const { stdout } = await engine.run('logs', `${PROJECT}-device`);
      return stdout.split('\n').filter((line) => line.includes('"label"')).length >= 3;
    });
    expect((await engine.run('healthcheck', 'run', `${PROJECT}-agent`)).code).toBe(0);
  });

  it('run as their user, and write where they may', async () => {
    const writing =
      'id -u; for f in / /opt/echolot /etc /var/lib/echolot/agent; do touch $f/x; done; touch /tmp/x';
    const { stderr, stdout } = await inside('agent', 'sh', '-c', writing);
    expect(stdout).toBe('10001');
    expect(stderr.match(/Read-only file system/g)).toHaveLength(4);
    const { stdout: others } = await inside('agent', 'ls', '/var/lib/echolot/identities');
    expect(others).toBe('');
  });

  it('outlive a broker that goes and returns: the agent is not ready, live, and not restarted', async () => {
    const before = await startedAt();
    await engine.must('stop', `${PROJECT}-broker`);
    await until('the agent is not ready', async () => (await health()).code === 1);
    expect((await health()).stdout).toMatch(/^broker away, /);
    expect((await health('--live')).code).toBe(0);
    await engine.must('start', `${PROJECT}-broker`);
    await until('the agent is ready again', async () => (await health()).code === 0);
    expect(await startedAt()).toBe(before);
  });

  it('tell a hung agent from one that lives', async () => {
    await engine.must('kill', '--signal=STOP', `${PROJECT}-agent`);
    await until('it is not called live', async () => (await health('--live')).code === 1);
    expect((await health('--live')).stdout).toMatch(/^hung or gone: /);
    await engine.must('kill', '--signal=CONT', `${PROJECT}-agent`);
    await until('it is well again', async () => (await health()).code === 0);
  });

  it('stop at once and leave nothing unanswered', async () => {
    await engine.must('stop', `${PROJECT}-agent`);
    const state = '--format={{.State.ExitCode}}';
    expect(await engine.must('inspect', state, `${PROJECT}-agent`)).toBe('0');
    const { stderr } = await engine.run('logs', `${PROJECT}-agent`);
    expect(stderr.split('\n').at(-1)).toMatch(/"unanswered":0,.*"msg":"stopped"/);
  });
});
