// Node-RED as a peer: installed with npm into a temporary folder for the length of a run, never a dependency.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchBroker } from './brokers.ts';
import type { Responder } from './responders.ts';

/** The line that runs on Node 20. */
const PACKAGE = 'node-red@4';
const INSTALL_TIMEOUT_MS = 300_000;
const MODEL_FILE = new URL('../models/sonar/model.onnx', import.meta.url).pathname;
const RUNTIME = new URL('../node_modules/onnxruntime-node', import.meta.url).pathname;

/** As people write it: an MQTT input, a function node that calls onnxruntime, an MQTT output. */
const FUNCTION = `
const ort = global.get('ort');
const { id, values } = msg.payload;
const input = new ort.Tensor('float32', global.get('Float32Array').from(values), [1, values.length]);
const { scores } = await context.get('session').run({ values: input });
const [metal, rock] = scores.data;
msg.topic = msg.topic.replace('readings', 'replies');
msg.payload = { id, label: metal > rock ? 'metal' : 'rock', score: Math.max(metal, rock), scores: { metal, rock } };
return msg;`;
const INITIALIZE = `
const ort = global.get('ort');
context.set('session', await ort.InferenceSession.create(${JSON.stringify(MODEL_FILE)}));`;

export const nodeRed: Responder = {
  title: 'Node-RED 4 + onnxruntime',
  identity: 'node-red',
  model: 'node-red',
  isOptional: true,
  async start(broker) {
    const folder = await mkdtemp(join(tmpdir(), 'echolot-node-red-'));
    const remove = () => void rm(folder, { recursive: true, force: true });
    try {
      install(folder);
      return await launch(folder, broker, remove);
    } catch (error) {
      remove();
      throw error;
    }
  },
};

/** @throws {Error} with what npm said */
function install(folder: string): void {
  process.stderr.write(`npm install ${PACKAGE} into ${folder}\n`);
  const flags = ['--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', '--no-save'];
  const npm = spawnSync('npm', ['install', ...flags, PACKAGE], {
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (npm.status === 0 && existsSync(join(folder, 'node_modules/node-red/red.js'))) return;
  const said = npm.stderr
    .split('\n')
    .find((line) => line.includes('ERR') || line.includes('error'));
  throw new Error(
    `npm does not install ${PACKAGE}: ${said ?? npm.error?.message ?? 'no reason given'}`,
  );
}

async function launch(
  folder: string,
  broker: BenchBroker,
  remove: () => void,
): Promise<ChildProcess> {
  const password = (await readFile(broker.passwordFile('node-red'), 'utf8')).trim();
  const userDir = join(folder, 'user');
  await mkdir(userDir);
  await writeFile(join(userDir, 'flows.json'), JSON.stringify(flows(broker.innerUrl)));
  const credentials = { broker: { user: 'node-red', password } };
  await writeFile(join(userDir, 'flows_cred.json'), JSON.stringify(credentials));
  await writeFile(join(userDir, 'settings.js'), SETTINGS);
  const script = join(folder, 'node_modules/node-red/red.js');
  const child = spawn(process.execPath, [script, '--userDir', userDir], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  child.once('exit', remove);
  return child;
}

/**
 * No editor, no port of HTTP, credentials in clear in a folder that lives as long as the run. A function node has a
 * global object of its own, and onnxruntime takes no Float32Array of a stranger.
 */
const SETTINGS = `module.exports = {
  flowFile: 'flows.json', credentialSecret: false, httpAdminRoot: false, httpNodeRoot: false,
  uiPort: 0, uiHost: '127.0.0.1', functionGlobalContext: { Float32Array, ort: require(${JSON.stringify(RUNTIME)}) },
  logging: { console: { level: 'warn' } },
};`;

function flows(url: string): object[] {
  const { hostname, port } = new URL(url);
  const wire = { z: 'flow', x: 0, y: 0 };
  const topic = '$share/predictors/echolot/v1/readings/+/node-red';
  return [
    { id: 'flow', type: 'tab', label: 'predictor' },
    {
      id: 'broker',
      type: 'mqtt-broker',
      broker: hostname,
      port,
      clientid: 'node-red',
      autoConnect: true,
      usetls: false,
      protocolVersion: '4',
      keepalive: '60',
      cleansession: true,
    },
    {
      ...wire,
      id: 'in',
      type: 'mqtt in',
      topic,
      qos: '1',
      datatype: 'json',
      broker: 'broker',
      inputs: 0,
      wires: [['predict']],
    },
    {
      ...wire,
      id: 'predict',
      type: 'function',
      func: FUNCTION,
      initialize: INITIALIZE,
      outputs: 1,
      wires: [['out']],
    },
    {
      ...wire,
      id: 'out',
      type: 'mqtt out',
      topic: '',
      qos: '',
      retain: 'false',
      broker: 'broker',
      wires: [],
    },
  ];
}
