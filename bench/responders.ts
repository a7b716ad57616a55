// Who answers: the agent, and what people would run instead. Each serves a model of its own name, beside the others.
import { spawn, type ChildProcess } from 'node:child_process';
import { type BenchBroker, CLI, startProcess } from './brokers.ts';
import { findPython } from './python.ts';

const PEERS = {
  bare: new URL('./peers/bare-responder.mjs', import.meta.url).pathname,
  cbor: new URL('./peers/bare-responder-cbor.mjs', import.meta.url).pathname,
  naive: new URL('./peers/naive-onnx.mjs', import.meta.url).pathname,
  python: new URL('./peers/python_predictor.py', import.meta.url).pathname,
};
const MODEL_FILE = new URL('../models/sonar/model.onnx', import.meta.url).pathname;
const DATA_FILE = new URL('../models/sonar/sonar.csv', import.meta.url).pathname;

export interface Responder {
  /** For tables. */
  readonly title: string;
  /** Its name at the broker. */
  readonly identity: string;
  readonly model: string;
  /** A run does without it where it cannot be had, and says so. */
  readonly isOptional?: true;
  /** @throws {Error} with what a person can do, where it cannot run here */
  start(broker: BenchBroker): Promise<ChildProcess>;
}

/** The agent as it ships; more than one of them share the work. */
export function agent(serial = 1): Responder {
  const identity = serial === 1 ? 'echolot' : `echolot-${serial}`;
  return {
    title: 'echolot agent',
    identity,
    model: 'sonar',
    async start(broker) {
      const login = `--agent-id ${identity} --password-file ${broker.passwordFile(identity)}`;
      const flags = `agent --leave --broker-url ${broker.innerUrl} ${login} --log-level error`;
      return startProcess([CLI, ...flags.split(' ')]);
    },
  };
}

export const bare = node('bare', 'bare MQTT.js', PEERS.bare);
export const bareCbor = node('bare-cbor', 'bare MQTT.js, CBOR', PEERS.cbor);
export const naive = node('naive', 'naive MQTT.js + onnxruntime', PEERS.naive, MODEL_FILE);

export const python: Responder = {
  title: 'paho + scikit-learn',
  identity: 'python',
  model: 'python',
  isOptional: true,
  async start(broker) {
    const args = [PEERS.python, ...login(broker, 'python'), DATA_FILE];
    return spawn(await findPython(), args, { stdio: ['ignore', 'ignore', 'inherit'] });
  },
};

function node(name: string, title: string, script: string, ...more: string[]): Responder {
  return {
    title,
    identity: name,
    model: name,
    async start(broker) {
      return startProcess([script, ...login(broker, name), ...more]);
    },
  };
}

/** What every peer is told: where the broker is, who it is, and which model it serves. */
function login(broker: BenchBroker, name: string): string[] {
  return [broker.innerUrl, name, broker.passwordFile(name), name];
}
