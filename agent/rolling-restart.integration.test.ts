// Agents restarted one after the other under load, as an upgrade does: nothing is lost, nothing is told twice.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient, type PublishedOutcome } from '../devices/client.ts';
import { PlainClient, tally, untilAnswered } from './load.fixture.ts';
import { startRig } from './rig.fixture.ts';
import { type BrokerKind, MODEL_FOLDER, startServing, VALUES } from './serving.fixture.ts';

const CLI = fileURLToPath(new URL('../dist/cli/echolot.js', import.meta.url));
const AGENTS = ['edge-1', 'edge-2', 'edge-3'];
const PLAIN = 'buoy-1';
const CAREFUL = 'buoy-2';
/** Of each client, every few milliseconds. */
const BURST = 4;
const PAUSE_MS = 10;
/** At once, when an agent is about to be stopped. */
const FLOOD = 500;
/** So long after the last answer what is missing is lost. */
const QUIET_MS = 15_000;

/** A broker with identities for agents and clients. */
interface Site {
  readonly folder: string;
  readonly agentsUrl: string;
  readonly clientsUrl: string;
  passwordFile(name: string): Promise<string>;
  connect(name: string): ReturnType<Awaited<ReturnType<typeof startServing>>['connect']>;
  stop(): Promise<void>;
}

const SITES: Readonly<Record<BrokerKind, () => Promise<Site>>> = {
  async mosquitto() {
    const rig = await startRig({ agents: AGENTS, clients: [PLAIN, CAREFUL] });
    const { broker, folder } = rig;
    return {
      folder,
      agentsUrl: broker.innerUrl,
      clientsUrl: broker.clientsUrl,
      passwordFile: (name) => Promise.resolve(rig.passwordFile(name)),
      connect: (name) => rig.connect(name),
      stop: () => rig.stop(),
    };
  },
  async embedded() {
    const serving = await startServing('embedded');
    const { folder, url } = serving;
    return {
      folder,
      agentsUrl: url,
      clientsUrl: url,
      connect: (name) => serving.connect(name),
      stop: () => serving.stop(),
      async passwordFile(name) {
        const path = join(folder, `${name}.password`);
        const role = AGENTS.includes(name) ? 'predictor' : 'client';
        await writeFile(path, await serving.credentials(name, role), { mode: 0o600 });
        return path;
      },
    };
  },
};

let site: Site;
let agents: Map<string, ChildProcess>;

/** Starts an agent and waits until it serves: systemd hears READY at that moment. */
async function start(id: string, model = MODEL_FOLDER): Promise<void> {
  const login = ['--agent-id', id, '--password-file', await site.passwordFile(id)];
  const where = ['--broker-url', site.agentsUrl, '--state-dir', join(site.folder, 'state')];
  // The model in a process of its own: a run is then still under way when the signal comes.
  const how = ['--model', model, '--inference', 'process'];
  const child = spawn(process.execPath, [CLI, 'agent', ...login, ...where, ...how], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  agents.set(id, child);
  const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream });
  await new Promise<void>((resolve, reject) => {
    const said: string[] = [];
    lines.on('line', (line) => {
      said.push(line);
      if (line.includes('"msg":"serving"')) resolve();
    });
    lines.once('close', () => reject(new Error(`${id} ended:\n${said.join('\n')}`)));
  });
}

/** As `systemctl restart`: SIGTERM, the end of the old process, and the new one until it is READY. */
async function restart(id: string, model?: string): Promise<number | null> {
  const old = agents.get(id) as ChildProcess;
  old.kill('SIGTERM');
  const [code] = (await once(old, 'exit')) as [number | null];
  await start(id, model);
  return code;
}

/** The shipped bundle under another version. */
async function writeNewVersion(folder: string): Promise<string> {
  const copy = join(folder, 'sonar-next');
  await cp(MODEL_FOLDER, copy, { recursive: true });
  const manifest = join(copy, 'manifest.json');
  const text = await readFile(manifest, 'utf8');
  await writeFile(manifest, text.replace('"version": "1.0.0"', '"version": "1.1.0"'));
  return copy;
}

describe.each(['mosquitto', 'embedded'] as const)('a rolling restart on %s', (kind) => {
  beforeEach(async () => {
    if (!existsSync(CLI)) throw new Error(`${CLI} is not there: npm run build`);
    agents = new Map();
    site = await SITES[kind]();
  });

  afterEach(async () => {
    for (const child of agents.values()) child.kill('SIGKILL');
    await site.stop();
  });

  it('loses no reading and tells none twice, with a new version of the model half way', async () => {
    const next = await writeNewVersion(site.folder);
    await Promise.all(AGENTS.map((id) => start(id)));
    // One client keeps its readings and asks again; the other trusts that it need not.
    const plain = await PlainClient.start(await site.connect(PLAIN), { name: PLAIN });
    const outcomes: PublishedOutcome[] = [];
    const client = createClient({
      url: site.clientsUrl,
      clientId: CAREFUL,
      passwordFile: await site.passwordFile(CAREFUL),
      outbox: { folder: join(site.folder, 'outbox') },
      onAnswer: (outcome) => outcomes.push(outcome),
    });
    await client.opened();

    let isLoaded = true;
    const handed: string[] = [];
    const load = (async () => {
      while (isLoaded) {
        const taken = [];
        for (let count = 0; count < BURST; count += 1) {
          plain.send();
          taken.push(client.publish({ values: VALUES }));
        }
        for (const one of await Promise.all(taken)) if (one.ok) handed.push(one.id);
        await sleep(PAUSE_MS);
      }
    })();
    const codes: (number | null)[] = [];
    for (const [index, id] of AGENTS.entries()) {
      const before = outcomes.length;
      while (outcomes.length < before + 50) await sleep(PAUSE_MS);
      // So that it has its hands full, and more is on its way to it.
      for (let count = 0; count < FLOOD; count += 1) plain.send();
      while (plain.answered < plain.sent.length - FLOOD / 2) await setImmediate();
      codes.push(await restart(id, index === 0 ? undefined : next));
    }
    isLoaded = false;
    await load;
    await untilAnswered([plain], QUIET_MS);
    while (client.counts.outbox.kept > 0) await sleep(PAUSE_MS);
    await client.close();

    expect(codes).toEqual([0, 0, 0]);
    expect({
      wrong: plain.wrong,
      outcomes: tally(plain.sent),
      twice: plain.sent.filter(({ answers }) => answers > 1).length,
    }).toEqual({ wrong: 0, outcomes: new Map([['prediction', plain.sent.length]]), twice: 0 });
    expect(outcomes.map(({ id }) => id).toSorted()).toEqual(handed.toSorted());
    const predictions = outcomes.flatMap(({ result }) => (result.ok ? [result.prediction] : []));
    expect(predictions.length).toBe(outcomes.length);
    expect(new Set(predictions.map(({ agent }) => agent))).toEqual(new Set(AGENTS));
    expect(new Set(predictions.map(({ model }) => model.version))).toEqual(
      new Set(['1.0.0', '1.1.0']),
    );
  });
});
