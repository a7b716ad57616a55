// One agent with several workers: one identity, every reading answered once, and a killed worker loses nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { decodeAnswer, decodeStats, decodeStatus } from '../schemas/encode.ts';
import type { Stats } from '../schemas/messages.ts';
import { Inbox, type Serving, startServing } from './serving.fixture.ts';
import { writeSlowModel } from './slow-model.fixture.ts';

const CLI = fileURLToPath(new URL('../cli/echolot.ts', import.meta.url));
const tsx = fileURLToPath(import.meta.resolve('tsx'));
const READINGS = 400;

let serving: Serving;
let folder: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  serving = await startServing('mosquitto');
  folder = await mkdtemp(join(tmpdir(), 'echolot-workers-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await serving.stop();
  await rm(folder, { recursive: true, force: true });
});

function startAgent(bundle: string): ChildProcess {
  const flags = ['--broker-url', serving.url, '--agent-id', 'edge-1', '--model', bundle];
  const more = ['--workers', '2', '--state-dir', folder, '--log-level', 'silent'];
  return spawn(process.execPath, ['--import', tsx, CLI, 'agent', ...flags, ...more], {
    stdio: 'inherit',
  });
}

const samples = ({ messages }: Inbox): Stats[] =>
  messages.flatMap(({ payload }) => decodeStats(payload) ?? []);

it('answers all once, under one name, though one of them is killed (SIGKILL) meanwhile', async () => {
  const bundle = join(folder, 'bundle');
  await writeSlowModel({ folder: bundle, millisecondsPerRow: 5 });
  const operator = await serving.connect('operator-1');
  const told = new Inbox(operator);
  await operator.subscribeAsync(['echolot/v1/agents/+/status', 'echolot/v1/agents/+/stats']);
  const client = await serving.connect('buoy-7');
  const inbox = new Inbox(client);
  await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });

  child = startAgent(bundle);
  await told.until(() => samples(told).some(({ workers }) => workers?.length === 2));
  const [victim] = samples(told).at(-1)?.workers ?? [];
  for (let index = 0; index < READINGS; index += 1) {
    const values = [(index % 100) / 100, 0, 0, 0];
    const payload = JSON.stringify({ id: `r-${index}`, values });
    client.publish('echolot/v1/readings/buoy-7/linear', payload, { qos: 1 });
  }
  await inbox.until(({ length }) => length > 20);
  process.kill(victim?.pid as number, 'SIGKILL');

  const ids = () => inbox.messages.map(({ payload }) => decodeAnswer(payload)?.id);
  await inbox.until(() => new Set(ids()).size === READINGS);
  await told.until(() => samples(told).some(({ answered }) => answered === READINGS));
  expect(ids()).toHaveLength(READINGS);
  for (const { payload } of inbox.messages) {
    expect(decodeAnswer(payload)).toMatchObject({ agent: 'edge-1', label: expect.any(String) });
  }
  for (const { answered, expired, inHand, received, rejected, repeated, shed } of samples(told)) {
    expect(received).toBe(answered + rejected + shed + expired + repeated + inHand);
  }
  const { workers = [] } = samples(told).at(-1) as Stats;
  expect(workers.map(({ model }) => model)).toEqual(['linear', 'linear']);
  expect(new Set(workers.map(({ deaths }) => deaths))).toEqual(new Set([0, 1]));
  for (const { rows } of workers) expect(rows).toBeGreaterThan(0);

  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  const names = told.messages.map(({ topic }) => topic.split('/')[3]);
  expect(new Set(names)).toEqual(new Set(['edge-1']));
  const states = told.messages.flatMap(({ payload }) => decodeStatus(payload)?.state ?? []);
  expect([...new Set(states)]).toEqual(['online', 'draining', 'offline']);
});
