// For tests: a site whose edge broker is bridged to a central one, both Mosquitto with the rendered rights.
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mqtt, { type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { type Agent, startAgent } from '../../agent/agent.ts';
import { createOnnxClassifier } from '../../agent/onnx-classifier.ts';
import { Inbox, MODEL_FOLDER } from '../../agent/serving.fixture.ts';
import { certificatePaths, ensureAuthority } from '../../broker/certificates.ts';
import { openIdentityStore } from '../../broker/identity-store.ts';
import { createPolicy } from '../../broker/policy.ts';
import { readPolicyFile } from '../../broker/policy-file.ts';
import {
  type RenderedMosquitto,
  startRenderedMosquitto,
} from '../../broker/rendered-mosquitto.fixture.ts';
import { loadBundle } from '../../models/bundle.ts';

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
/** The share group of the agents at the edge. */
const EDGE_GROUP = 'site-a';

type Example = 'bridge-to-agents' | 'bridge-upwards';
type Side = 'edge' | 'central';

export class Site {
  readonly folder: string;
  readonly edge: RenderedMosquitto;
  readonly central: RenderedMosquitto;
  private readonly passwords: ReadonlyMap<string, string>;
  private readonly agents: Agent[] = [];
  private readonly clients: MqttClient[] = [];

  constructor(
    folder: string,
    brokers: Record<Side, RenderedMosquitto>,
    passwords: ReadonlyMap<string, string>,
  ) {
    this.folder = folder;
    this.edge = brokers.edge;
    this.central = brokers.central;
    this.passwords = passwords;
  }

  password(name: string): string {
    return this.passwords.get(name) ?? '';
  }

  /** A raw client whose session outlives its connection, and all that it is sent. */
  async connect(side: Side, name: string, filter: string) {
    const url = name.startsWith('buoy') ? this[side].clientsUrl : this[side].innerUrl;
    const login = { clientId: name, username: name, password: this.password(name) };
    const client = await mqtt.connectAsync(
      url,
      { ...login, clean: false, reconnectPeriod: 20 },
      false,
    );
    this.clients.push(client);
    const inbox = new Inbox(client);
    await client.subscribeAsync(filter, { qos: 1 });
    return { client, inbox };
  }

  async serve(side: Side, name: string): Promise<Agent> {
    const agent = startAgent({
      agentId: name,
      bus: { url: this[side].innerUrl, username: name, password: this.password(name) },
      classifiers: [await createOnnxClassifier(await loadBundle(MODEL_FOLDER))],
      namespace: 'echolot',
      group: side === 'edge' ? EDGE_GROUP : 'predictors',
      log: pino({ level: 'silent' }),
    });
    this.agents.push(agent);
    await Promise.race([agent.ready, agent.failed]);
    return agent;
  }

  async stop(): Promise<void> {
    for (const client of this.clients) await client.endAsync(true);
    for (const agent of this.agents) await agent.stop({ timeoutMs: 1000 });
    for (const broker of [this.edge, this.central]) await broker.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * Starts both brokers, with the example that ships between them.
 * @param change what a test would have otherwise in the example
 */
export async function startSite(
  example: Example,
  change: (bridge: string) => string = (bridge) => bridge,
): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-bridge-'));
  const stores = { edge: join(folder, 'edge'), central: join(folder, 'central') };
  const passwords = new Map<string, string>();
  const add = async (side: Side, members: Readonly<Record<string, string>>) => {
    const store = await openIdentityStore(stores[side], [...new Set(Object.values(members))]);
    for (const [name, role] of Object.entries(members)) {
      passwords.set(name, (await store.add(name, role)).password);
    }
  };
  await add('edge', { 'buoy-7': 'client', 'buoy-8': 'client', 'edge-1': 'predictor' });
  await add('central', {
    'site-a': example,
    'central-1': 'predictor',
    'op-1': 'operator',
    'op-2': 'operator',
  });
  await ensureAuthority(stores.central);
  const extension = await readPolicyFile(here('bridge-policy.json'));
  const central = await startRenderedMosquitto(stores.central, {
    policy: createPolicy({ extension }),
    probes: false,
  });
  const edge = await startRenderedMosquitto(stores.edge, {
    policy: createPolicy({ group: EDGE_GROUP }),
    probes: false,
  });
  const { ca } = certificatePaths(stores.central);
  const secret = passwords.get('site-a') ?? '';
  const bridge = (await readFile(here(`${example}.conf`), 'utf8'))
    .replace('central.example:8883', new URL(central.clientsUrl).host)
    .replace('/etc/mosquitto/certs/central-ca.crt', ca)
    .replace('SECRET', secret);
  await edge.end();
  // As Debian's configuration does it.
  const included = join(edge.folder, 'conf.d');
  await mkdir(included);
  await writeFile(join(included, 'echolot-bridge.conf'), change(bridge), { mode: 0o600 });
  await appendFile(join(edge.folder, 'mosquitto.conf'), `include_dir ${included}\n`);
  await edge.start();
  return new Site(folder, { edge, central }, passwords);
}
