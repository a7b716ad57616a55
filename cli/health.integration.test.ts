// What `echolot-health` says of an agent: on its way up, serving, without its broker, and gone.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { startMosquitto } from '../bus/mosquitto.fixture.ts';
import { NotifySocket } from './notify-socket.fixture.ts';
import { PACKAGE_ROOT } from './package-root.ts';
import { cleanUp, makeFolder, startCli } from './run-cli.fixture.ts';

const disposals: (() => unknown)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).reverse()) await dispose();
  await cleanUp();
});

const PROGRAM = join(PACKAGE_ROOT, 'dist', 'cli', 'echolot-health.js');

function probe(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stderr, stdout } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    env,
  });
  return { status, stderr, stdout };
}

/** What both questions are answered about a file. */
function ask(path: string) {
  const ready = probe(['--health-file', path]);
  const live = probe(['--live'], { ECHOLOT_HEALTH_FILE: path });
  return { codes: [live.status, ready.status], says: ready.stdout.trim() };
}

async function until(path: string, codes: readonly [live: number, ready: number]): Promise<string> {
  for (;;) {
    const answer = ask(path);
    if (answer.codes.join() === codes.join()) return answer.says;
    await setTimeout(100);
  }
}

describe('echolot-health', () => {
  it('tells an agent that serves from one that waits for its broker, and from none', async () => {
    const path = join(makeFolder(), 'health');
    const broker = await startMosquitto();
    disposals.push(() => broker.stop());
    await broker.pause();
    // With a watchdog of 3 s the agent reports every second.
    const manager = new NotifySocket(makeFolder());
    disposals.push(() => manager.close());
    const env = {
      NOTIFY_SOCKET: manager.path,
      WATCHDOG_USEC: '3000000',
      ECHOLOT_HEALTH_FILE: path,
      ECHOLOT_STATE_DIR: makeFolder(),
    };
    expect(ask(path)).toEqual({ codes: [1, 1], says: `no agent reports in ${path} (ENOENT)` });
    const agent = startCli(['agent', '--agent-id', 'edge-1', '--broker-url', broker.url], { env });
    await agent.says(/broker unreachable/);
    expect(await until(path, [0, 1])).toBe('waiting for the broker, with sonar 1.0.0 (onnx)');
    await broker.start();
    expect(await until(path, [0, 0])).toMatch(/^serving sonar 1\.0\.0 \(onnx\), /);
    await broker.pause();
    expect(await until(path, [0, 1])).toBe('broker away, waiting for it with sonar 1.0.0 (onnx)');
    await broker.start();
    await until(path, [0, 0]);
    agent.kill('SIGTERM');
    expect((await agent.ended).code).toBe(0);
    expect(ask(path).codes).toEqual([1, 1]);
  });

  it('takes no file of something else for a report', () => {
    expect(ask(join(PACKAGE_ROOT, 'package.json'))).toEqual({
      codes: [1, 1],
      says: 'the file holds no report of an agent',
    });
  });

  it.each([
    [[], 'error: no health file is named\nhint: Give --health-file FILE'],
    [['--lively'], "error: Unknown option '--lively'"],
    [['--live', 'x'], 'error: Unexpected argument'],
  ])('refuses %j as a wrong command line', (args, why) => {
    const { status, stderr } = probe(args);
    expect(status).toBe(64);
    expect(stderr).toContain(why);
    expect(stderr).toContain('\nhint: ');
  });

  it('explains itself', () => {
    expect(probe(['--help'])).toMatchObject({ status: 0, stderr: '' });
    expect(probe(['--help']).stdout).toMatch(
      /^Usage: echolot-health .*\n[\s\S]*Examples:\n {2}echolot-health\n/,
    );
  });
});

describe('an agent', () => {
  it('does not start where its health file cannot be written', async () => {
    const path = join(makeFolder(), 'missing', 'health');
    const agent = startCli(['agent', '--agent-id', 'edge-1', '--health-file', path]);
    const { code, stderr } = await agent.ended;
    expect(code).toBe(78);
    expect(stderr).toContain(`error: the file ${path} of --health-file cannot be written (ENOENT)`);
  });

  it('that ends before it serves leaves no health file', async () => {
    const path = join(makeFolder(), 'health');
    const flags = ['--workers', '2', '--inference', 'inline', '--health-file', path];
    const agent = startCli(['agent', '--agent-id', 'edge-1', ...flags]);
    expect((await agent.ended).code).toBe(78);
    expect(existsSync(path)).toBe(false);
  });
});
