// An agent and the broker under a scripted service manager: what their processes tell it, and when.
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort, startMosquitto } from '../bus/mosquitto.fixture.ts';
import { NotifySocket } from './notify-socket.fixture.ts';
import { cleanUp, makeFolder, type RunningCli, startCli } from './run-cli.fixture.ts';

const disposals: (() => unknown)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).reverse()) await dispose();
  await cleanUp();
});

/** A proof is due every second. */
const WATCHDOG = { WATCHDOG_USEC: '3000000' };
const BEAT = 'WATCHDOG=1';
const isHung = (line: string) => line.startsWith('STATUS=hung: ');

function openManager(): NotifySocket {
  const manager = new NotifySocket(makeFolder());
  disposals.push(() => manager.close());
  return manager;
}

async function openBroker() {
  const broker = await startMosquitto();
  disposals.push(() => broker.stop());
  return broker;
}

function startAgent(manager: NotifySocket, url: string, ...args: string[]): RunningCli {
  const env = { ...WATCHDOG, NOTIFY_SOCKET: manager.path, ECHOLOT_STATE_DIR: makeFolder() };
  return startCli(['agent', '--agent-id', 'edge-1', '--broker-url', url, ...args], { env });
}

/** Waits for so many more proofs. */
async function moreBeats(manager: NotifySocket, count: number): Promise<void> {
  const due = manager.count(BEAT) + count;
  await manager.until((lines) => lines.filter((line) => line === BEAT).length >= due);
}

describe('an agent under a service manager', () => {
  it('is READY when it has proved itself at its broker, beats on while that is away, and stops', async () => {
    const manager = openManager();
    const broker = await openBroker();
    await broker.pause();
    const agent = startAgent(manager, broker.url);
    await agent.says(/broker unreachable/);
    await manager.until((lines) => lines.length > 0);
    expect(manager.lines).toEqual(['STATUS=waiting for the broker, with sonar 1.0.0 (onnx)']);
    await broker.start();
    await manager.until((lines) => lines.includes('READY=1'));
    expect(agent.stderr).toContain('"serving"');
    await moreBeats(manager, 2);
    expect(manager.lines).toContain('STATUS=serving sonar 1.0.0 (onnx), 0.0 readings/s, 0 in hand');
    await broker.pause();
    await manager.until((lines) => lines.at(-1)?.startsWith('STATUS=broker away') ?? false);
    await moreBeats(manager, 5);
    expect(manager.lines.at(-1)).toMatch(/WATCHDOG=1|STATUS=broker away/);
    await broker.start();
    await manager.until((lines) => lines.at(-1)?.startsWith('STATUS=serving') ?? false);
    agent.kill('SIGTERM');
    expect((await agent.ended).code).toBe(0);
    expect(manager.read()).toContain('STOPPING=1');
    expect(manager.count('READY=1')).toBe(1);
  });

  it('beats no more while its model hangs', async () => {
    const manager = openManager();
    const broker = await openBroker();
    const patience = ['--inference', 'process', '--inference-timeout', '300'];
    const agent = startAgent(manager, broker.url, ...patience);
    await moreBeats(manager, 1);
    const worker = childOf(agent);
    process.kill(worker, 'SIGSTOP');
    disposals.push(() => agent.kill('SIGKILL'));
    // Two reports in a row that found it hung, and nothing was sent for either of them.
    await manager.until((lines) => lines.filter(isHung).length >= 2);
    expect(manager.lines.slice(manager.lines.findIndex(isHung))).not.toContain(BEAT);
    process.kill(worker, 'SIGCONT');
    await moreBeats(manager, 1);
  });
});

describe('an agent whose model hangs in a process of its own', () => {
  it('replaces that process, and beats again', async () => {
    const manager = openManager();
    const broker = await openBroker();
    const quick = ['--inference', 'process', '--inference-timeout', '1'];
    const agent = startAgent(manager, broker.url, ...quick);
    await moreBeats(manager, 1);
    const worker = childOf(agent);
    process.kill(worker, 'SIGSTOP');
    await agent.says(/"level":50,.*the model's process died, starting another/);
    await moreBeats(manager, 2);
    expect(childOf(agent)).not.toBe(worker);
    expect(agent.child.exitCode).toBeNull();
    expect(manager.count('READY=1')).toBe(1);
  });
});

describe('the broker under a service manager', () => {
  it('is READY when it listens, and says when it stops', async () => {
    const manager = openManager();
    const port = await freePort();
    const env = { NOTIFY_SOCKET: manager.path, ECHOLOT_STORE: makeFolder() };
    const broker = startCli(['broker', '--port', String(port), '--ws-port', 'off'], { env });
    await manager.until((lines) => lines.length >= 2);
    expect(broker.stderr).toContain('broker listens');
    broker.kill('SIGTERM');
    expect((await broker.ended).code).toBe(0);
    expect(manager.read()).toEqual([
      'READY=1',
      `STATUS=listening on mqtt://127.0.0.1:${port}`,
      'STOPPING=1',
    ]);
  });
});

/** The only child of the agent is the process of its model. */
function childOf({ child }: RunningCli): number {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  const [first, ...others] = children.trim().split(' ').map(Number);
  if (!first || others.length > 0) throw new Error(`expected one child, found "${children}"`);
  return first;
}
