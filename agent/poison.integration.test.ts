// Shows that a reading that kills or hangs what computes it is answered in the end, and no other is lost for it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadBundle } from '../models/bundle.ts';
import { writeTestBundle } from '../models/bundle.fixture.ts';
import { decodeAnswer, decodeStats } from '../schemas/encode.ts';
import type { Stats } from '../schemas/messages.ts';
import { type Agent, startAgent } from './agent.ts';
import { Inbox, type Serving, startServing } from './serving.fixture.ts';
import { writeSlowModel } from './slow-model.fixture.ts';
import { createWorkerClassifier } from './worker-classifier.ts';

const POISON = 0.875;
const tsx = fileURLToPath(import.meta.resolve('tsx'));
const here = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

let serving: Serving;
let folder: string;
let processes: ChildProcess[];
let client: MqttClient;
let inbox: Inbox;
let stats: Inbox;

beforeEach(async () => {
  serving = await startServing('mosquitto');
  folder = await mkdtemp(join(tmpdir(), 'echolot-poison-'));
  processes = [];
  client = await serving.connect('buoy-7');
  inbox = new Inbox(client);
  await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });
  const operator = await serving.connect('operator-1');
  stats = new Inbox(operator);
  await operator.subscribeAsync('echolot/v1/agents/+/stats');
});
afterEach(async () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL');
  await serving.stop();
  await rm(folder, { recursive: true });
});

function publish(id: string, first: number): void {
  const payload = JSON.stringify({ id, values: [first, 0, 0, 0] });
  client.publish('echolot/v1/readings/buoy-7/linear', payload, { qos: 1 });
}

/** What each reading was answered: a label or a problem code. */
function outcomes(messages: Inbox['messages']): Map<string, string> {
  return new Map(
    messages.flatMap(({ payload }) => {
      const answer = decodeAnswer(payload);
      if (!answer?.id) return [];
      const text =
        'problem' in answer ? answer.problem.code : 'label' in answer ? answer.label : '';
      return [[answer.id, text] as const];
    }),
  );
}

const untilAnswered = async (ids: readonly string[]) =>
  outcomes(await inbox.until((all) => ids.every((id) => outcomes(all).has(id))));

/** What is published before anybody has subscribed is lost, so again until it is answered. */
async function untilServed(): Promise<void> {
  const again = setInterval(() => publish('first', 0.25), 200);
  await untilAnswered(['first']);
  clearInterval(again);
}

/** The first sample that counts so many readings as settled; every sample must balance. */
async function balanced(epochReceived: number): Promise<Stats> {
  const samples = (messages: Inbox['messages']) =>
    messages.flatMap(({ payload }) => decodeStats(payload) ?? []);
  const isDone = ({ received, inHand }: Stats) => received >= epochReceived && inHand === 0;
  const all = samples(await stats.until((messages) => samples(messages).some(isDone)));
  for (const { answered, expired, inHand, received, rejected, repeated, shed } of all) {
    expect(received).toBe(answered + rejected + shed + expired + repeated + inHand);
  }
  return all.find(isDone) as Stats;
}

describe('a reading that kills the agent itself', () => {
  /** An agent whose model ends the process at one value. */
  const script = (bundle: string) => `
    import { pino } from 'pino';
    import { startAgent } from ${here('./agent.ts')};
    import { createOnnxClassifier } from ${here('./onnx-classifier.ts')};
    import { loadBundle } from ${here('../models/bundle.ts')};
    const sound = await createOnnxClassifier(await loadBundle(${JSON.stringify(bundle)}));
    const classify = (values, rows) => {
      if (values.includes(${POISON})) process.kill(process.pid, 'SIGKILL');
      return sound.classify(values, rows);
    };
    startAgent({
      agentId: 'edge-1',
      bus: { url: ${JSON.stringify(serving.url)} },
      classifiers: [{ ...sound, classify }],
      namespace: 'echolot',
      group: 'predictors',
      stateDir: ${JSON.stringify(join(folder, 'state'))},
      log: pino({ level: 'error' }, pino.destination({ fd: 1, sync: true })),
    });
  `;

  it('is answered MODEL_FAILED after two deaths; what waited with it is served', async () => {
    const bundle = join(folder, 'bundle');
    await writeTestBundle(bundle);
    // Beside this file, since it imports packages.
    const path = join(folder, 'agent.mjs');
    await writeFile(
      path,
      script(bundle).replace("'pino'", JSON.stringify(import.meta.resolve('pino'))),
    );
    let lives = 0;
    const lines: string[] = [];
    const live = () => {
      lives += 1;
      const child = spawn(process.execPath, ['--import', tsx, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      processes.push(child);
      createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
      child.once('exit', (_, signal) => {
        // A fourth life would be one too many; what the test itself ends is no longer listed.
        if (signal === 'SIGKILL' && lives < 4 && processes.includes(child)) live();
      });
    };
    live();
    await untilServed();
    const ids = Array.from({ length: 8 }, (_, index) => `with-${index}`);
    for (const id of ids.slice(0, 4)) publish(id, 0.25);
    publish('poison', POISON);
    for (const id of ids.slice(4)) publish(id, 0.5);
    const answers = await untilAnswered([...ids, 'poison']);
    expect(answers.get('poison')).toBe('MODEL_FAILED');
    for (const id of ids) expect(answers.get(id)).toBe('metal');
    expect(lives).toBe(3);
    expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ level: 50, client: 'buoy-7', id: 'poison' }),
    );
    // It has been acknowledged: nothing of it comes again, and what comes now is served.
    publish('after', 0.25);
    expect((await untilAnswered(['after'])).get('after')).toBe('metal');
    expect(lives).toBe(3);
    await balanced(2);
  });
});

describe("a model's own process", () => {
  let agent: Agent | undefined;

  afterEach(async () => {
    await agent?.stop({ timeoutMs: 1000 });
    agent = undefined;
  });

  async function serve(millisecondsPerRow: number): Promise<void> {
    const bundle = join(folder, 'slow');
    await writeSlowModel({ folder: bundle, millisecondsPerRow, hangOn: POISON });
    const classifier = await createWorkerClassifier(await loadBundle(bundle), { timeoutMs: 1500 });
    agent = startAgent({
      agentId: 'edge-1',
      bus: { url: serving.url },
      classifiers: [classifier],
      namespace: 'echolot',
      group: 'predictors',
      log: pino({ level: 'silent' }),
    });
    await Promise.race([agent.ready, agent.failed]);
  }

  it('that hangs on a reading is replaced: that one is MODEL_FAILED, the others are served', async () => {
    await serve(0);
    const ids = Array.from({ length: 20 }, (_, index) => `r-${index}`);
    for (const [index, id] of ids.entries()) {
      publish(id, 0.25);
      if (index === 10) publish('poison', POISON);
    }
    const answers = await untilAnswered([...ids, 'poison']);
    expect(answers.get('poison')).toBe('MODEL_FAILED');
    for (const id of ids) expect(answers.get(id)).toBe('metal');
    expect(await balanced(21)).toMatchObject({ received: 21, answered: 20, rejected: 1 });
  });

  it('that is frozen is replaced, and every reading is served', async () => {
    await serve(1);
    const ids = Array.from({ length: 50 }, (_, index) => `r-${index}`);
    for (const id of ids) publish(id, 0.25);
    process.kill(await workerOf(process.pid), 'SIGSTOP');
    const answers = await untilAnswered(ids);
    for (const id of ids) expect(answers.get(id)).toBe('metal');
    expect(await balanced(50)).toMatchObject({ answered: 50, rejected: 0 });
  });

  it('outlives Ctrl-C until the agent has drained', async () => {
    const bundle = join(folder, 'slow');
    await writeSlowModel({ folder: bundle, millisecondsPerRow: 60 });
    const cli = fileURLToPath(new URL('../cli/echolot.ts', import.meta.url));
    const flags = ['--broker-url', serving.url, '--agent-id', 'edge-1', '--model', bundle];
    const args = ['--import', tsx, cli, 'agent', ...flags, '--state-dir', folder];
    const child = spawn(process.execPath, args, {
      // A group of its own, as a terminal gives it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    processes.push(child);
    const lines: Record<string, unknown>[] = [];
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        if (line.startsWith('{')) lines.push(JSON.parse(line) as Record<string, unknown>);
      });
    }
    const ids = Array.from({ length: 20 }, (_, index) => `r-${index}`);
    await untilServed();
    for (const id of ids) publish(id, 0.25);
    await untilAnswered(ids.slice(0, 1));
    process.kill(-(child.pid as number), 'SIGINT');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    const line = (msg: string) => lines.find((one) => one['msg'] === msg);
    expect(line('model loaded')).toMatchObject({ inference: { place: 'process' } });
    expect(line('draining')?.['inHand']).toBeGreaterThan(0);
    expect(line('stopped')).toMatchObject({ unanswered: 0 });
    expect([...outcomes(inbox.messages).values()]).not.toContain('MODEL_FAILED');
  });
});

/** The process id of the child that computes for a process. */
async function workerOf(parent: number): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const isChild = stat.split(') ')[1]?.split(' ')[1] === String(parent);
    if (isChild && command.includes('worker.child')) return Number(pid);
  }
  throw new Error('no process computes');
}
