import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, makeFolder, type RunningCli, startCli, startProgram } from './run-cli.fixture.ts';

afterEach(cleanUp);

const PREDICTION = /^\{"client":.*\}$/m;

function startDemo(args: readonly string[] = [], env: Record<string, string> = {}): RunningCli {
  return startCli(['up', '--demo', '--port', '0', '--ws-port', 'off', ...args], { env });
}

/** The line of the demo that begins with this command. */
async function lineOf(demo: RunningCli, command: string): Promise<string> {
  const [line] = await demo.says(new RegExp(`^${command} .*$(?=\n)`, 'm'));
  return line;
}

describe('echolot up --demo', () => {
  it('prints a line of JSON per prediction where standard output is no terminal', async () => {
    const demo = startDemo();
    await demo.says(PREDICTION);
    demo.kill('SIGINT');
    const { code, stdout } = await demo.ended;
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines) {
      const prediction = JSON.parse(line);
      expect(['metal', 'rock']).toContain(prediction.label);
      expect(['metal', 'rock']).toContain(prediction.expected);
      expect(prediction.score).toBeGreaterThanOrEqual(0.5);
    }
  });

  it('is watched and asked by the very lines that it prints', async () => {
    const demo = startDemo();
    const watching = startProgram('sh', ['-c', `exec ${await lineOf(demo, 'mosquitto_sub')}`]);
    // Only what comes after the subscription is seen: what the devices are answered shows that it stands.
    await watching.says(/^echolot\/v1\/replies\/device-1\/sonar \{"id":/m);
    const asking = startProgram('sh', ['-c', `exec ${await lineOf(demo, 'mosquitto_pub')}`]);
    expect((await asking.ended).code).toBe(0);
    const [, answer] = await watching.says(/^echolot\/v1\/replies\/guest\/sonar (\{.*\})$/m);
    expect(JSON.parse(answer ?? '')).toMatchObject({
      id: '1',
      label: expect.stringMatching(/^(metal|rock)$/),
      model: { name: 'sonar', runtime: 'onnx' },
    });
  });

  it('moves from a busy port to a free one, and says so', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    try {
      const demo = startCli(['up', '--demo', '--port', String(port), '--ws-port', 'off']);
      await demo.says(new RegExp(`port ${port} is busy; using \\d+`));
      await demo.says(PREDICTION);
    } finally {
      taken.close();
    }
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends cleanly on %s', async (signal) => {
    const folder = makeFolder();
    const demo = startDemo([], { TMPDIR: folder });
    await demo.says(PREDICTION);
    expect(readdirSync(folder)).not.toEqual([]);
    // npm passes the signal of the terminal on: it comes twice.
    demo.kill(signal);
    demo.kill(signal);
    const { code, stderr } = await demo.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/^(error|warning):/m);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends at once, and removes its folder, when it is interrupted while it starts', async () => {
    const folder = makeFolder();
    const demo = startDemo([], { TMPDIR: folder });
    await expect.poll(() => existsSync(folder) && readdirSync(folder).length > 0).toBe(true);
    demo.kill('SIGINT');
    expect((await demo.ended).code).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends in silence when nobody reads on', async () => {
    const demo = startDemo();
    await demo.says(PREDICTION);
    demo.child.stdout.destroy();
    const { code, stderr } = await demo.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/error|EPIPE/);
  });
});
