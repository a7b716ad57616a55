// Every setting once: its flag, its variable, its format, its default, and which processes take it.
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import type { InferenceSetting } from '../agent/choose-inference.ts';
import type { WorkersSetting } from '../agent/choose-workers.ts';
import { DEFAULT_GROUP, DEFAULT_NAMESPACE, isName } from '../schemas/names.ts';
import type { FormatName } from './formats.ts';
import { SHIPPED_MODEL } from './package-root.ts';

export interface AllSettings {
  readonly brokerUrl: string;
  readonly agentId: string | null;
  readonly clientId: string | null;
  readonly username: string | null;
  readonly passwordFile: string | null;
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly protocol: 'auto' | '3.1.1' | '5';
  readonly namespace: string;
  readonly group: string;
  readonly model: string;
  readonly modelKey: string | null;
  readonly runtime: 'auto' | 'onnx' | 'tfjs';
  readonly inference: InferenceSetting;
  readonly inferenceTimeout: number;
  readonly workers: WorkersSetting;
  readonly stateDir: string;
  readonly healthFile: string | null;
  readonly adoptAfter: number;
  readonly queueRows: number;
  readonly queueBytes: number;
  readonly queueSeconds: number;
  readonly modelName: string;
  readonly store: string;
  readonly policy: string | null;
  readonly host: string;
  readonly port: number;
  readonly wsPort: number | 'off';
  readonly tlsHost: string | null;
  readonly tlsPort: number | 'off';
  readonly tlsWsPort: number | 'off';
  readonly tlsNames: string | null;
  readonly dataDir: string | null;
  readonly outbox: string | null;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
}
export type SettingName = keyof AllSettings;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Setting<Value> {
  readonly flag: string;
  readonly argument: string;
  readonly env: `ECHOLOT_${string}`;
  readonly format: FormatName;
  /** `null`: none; the format is not asked then. */
  readonly default: Value | null | ((env: Environment) => Value);
  readonly doc: string;
}

/** The path of the file of settings; it is found before any other setting. */
export const CONFIG_FLAG = '--config';
export const CONFIG_VARIABLE = 'ECHOLOT_CONFIG';

export const SETTINGS: { readonly [Name in SettingName]: Setting<AllSettings[Name]> } = {
  brokerUrl: {
    flag: '--broker-url',
    argument: '<url>',
    env: 'ECHOLOT_BROKER_URL',
    format: 'brokerUrl',
    default: 'mqtt://127.0.0.1:1883',
    doc: 'the broker: mqtt://, mqtts://, ws:// or wss://',
  },
  agentId: {
    flag: '--agent-id',
    argument: '<name>',
    env: 'ECHOLOT_AGENT_ID',
    format: 'name',
    default: isName(hostname()) ? hostname() : null,
    doc: "the agent's name, its client id on the broker",
  },
  clientId: {
    flag: '--client-id',
    argument: '<name>',
    env: 'ECHOLOT_CLIENT_ID',
    format: 'name',
    default: null,
    doc: 'who asks: the client id and the segment of the topics',
  },
  username: {
    flag: '--username',
    argument: '<name>',
    env: 'ECHOLOT_USERNAME',
    format: 'text',
    default: null,
    doc: "the username, where it is not the agent's or client's id",
  },
  passwordFile: {
    flag: '--password-file',
    argument: '<file>',
    env: 'ECHOLOT_PASSWORD_FILE',
    format: 'path',
    default: null,
    doc: 'the file that holds the password and nothing else',
  },
  ca: {
    flag: '--ca',
    argument: '<file>',
    env: 'ECHOLOT_CA',
    format: 'path',
    default: null,
    doc: 'certificates to trust (PEM), for mqtts:// and wss://',
  },
  cert: {
    flag: '--cert',
    argument: '<file>',
    env: 'ECHOLOT_CERT',
    format: 'path',
    default: null,
    doc: 'our own certificate (PEM)',
  },
  key: {
    flag: '--key',
    argument: '<file>',
    env: 'ECHOLOT_KEY',
    format: 'path',
    default: null,
    doc: 'the private key of our certificate (PEM)',
  },
  protocol: {
    flag: '--protocol',
    argument: '<version>',
    env: 'ECHOLOT_PROTOCOL',
    format: 'protocol',
    default: 'auto',
    doc: 'the MQTT version: auto, 3.1.1 or 5',
  },
  namespace: {
    flag: '--namespace',
    argument: '<name>',
    env: 'ECHOLOT_NAMESPACE',
    format: 'name',
    default: DEFAULT_NAMESPACE,
    doc: 'the first segment of every topic',
  },
  group: {
    flag: '--group',
    argument: '<name>',
    env: 'ECHOLOT_GROUP',
    format: 'name',
    default: DEFAULT_GROUP,
    doc: 'the share group of the predictors',
  },
  model: {
    flag: '--model',
    argument: '<folder>',
    env: 'ECHOLOT_MODEL',
    format: 'path',
    default: SHIPPED_MODEL,
    doc: 'the folder of the model bundle',
  },
  modelKey: {
    flag: '--model-key',
    argument: '<file>',
    env: 'ECHOLOT_MODEL_KEY',
    format: 'path',
    default: null,
    doc: 'serve only a bundle signed for this public key (PEM)',
  },
  runtime: {
    flag: '--runtime',
    argument: '<name>',
    env: 'ECHOLOT_RUNTIME',
    format: 'runtime',
    default: 'auto',
    doc: 'what computes: onnx, tfjs, or auto for the first that the bundle has',
  },
  inference: {
    flag: '--inference',
    argument: '<where>',
    env: 'ECHOLOT_INFERENCE',
    format: 'inference',
    default: 'auto',
    doc: 'where the model computes: inline, process (its own), or auto for what suits the model',
  },
  inferenceTimeout: {
    flag: '--inference-timeout',
    argument: '<seconds>',
    env: 'ECHOLOT_INFERENCE_TIMEOUT',
    format: 'timeout',
    default: 10,
    doc: "how long one run may take in the model's own process before that is replaced",
  },
  workers: {
    flag: '--workers',
    argument: '<number>',
    env: 'ECHOLOT_WORKERS',
    format: 'workers',
    default: 'auto',
    doc: 'how many processes compute the model; auto for one per core where it is slow, else one',
  },
  stateDir: {
    flag: '--state-dir',
    argument: '<folder>',
    env: 'ECHOLOT_STATE_DIR',
    format: 'path',
    default: defaultStateDir,
    doc: 'the folder where an agent notes what it computes, to know what ended it',
  },
  healthFile: {
    flag: '--health-file',
    argument: '<file>',
    env: 'ECHOLOT_HEALTH_FILE',
    format: 'path',
    default: null,
    doc: 'where to note how the agent is, for the probes of a container (echolot-health)',
  },
  adoptAfter: {
    flag: '--adopt-after',
    argument: '<seconds>',
    env: 'ECHOLOT_ADOPT_AFTER',
    format: 'timeoutOrNever',
    default: 10,
    doc: 'how long an agent must be away before a peer answers what waits for it; 0 for never',
  },
  queueRows: {
    flag: '--queue-rows',
    argument: '<count>',
    env: 'ECHOLOT_QUEUE_ROWS',
    format: 'count',
    default: 16_384,
    doc: 'how many readings may wait for the model; one client may hold as many as are still free',
  },
  queueBytes: {
    flag: '--queue-bytes',
    argument: '<bytes>',
    env: 'ECHOLOT_QUEUE_BYTES',
    format: 'count',
    default: 67_108_864,
    doc: 'how many bytes the readings that wait may take',
  },
  queueSeconds: {
    flag: '--queue-seconds',
    argument: '<seconds>',
    env: 'ECHOLOT_QUEUE_SECONDS',
    format: 'timeout',
    default: 2,
    doc: 'how long the wait may be before a client with readings in it is told OVERLOADED',
  },
  modelName: {
    flag: '--model-name',
    argument: '<name>',
    env: 'ECHOLOT_MODEL_NAME',
    format: 'name',
    default: 'sonar',
    doc: 'which model to ask: the name in its manifest',
  },
  store: {
    flag: '--store',
    argument: '<folder>',
    env: 'ECHOLOT_STORE',
    format: 'path',
    default: defaultStore,
    doc: 'the folder of the identities',
  },
  policy: {
    flag: '--policy',
    argument: '<file>',
    env: 'ECHOLOT_POLICY',
    format: 'path',
    default: null,
    doc: 'custom roles and extra rules (schemas/json-schema/policy-file.schema.json)',
  },
  host: {
    flag: '--host',
    argument: '<address>',
    env: 'ECHOLOT_HOST',
    format: 'host',
    default: '127.0.0.1',
    doc: 'the address that the broker listens on',
  },
  port: {
    flag: '--port',
    argument: '<port>',
    env: 'ECHOLOT_PORT',
    format: 'port',
    default: 1883,
    doc: 'the port for MQTT over TCP; 0 takes a free one',
  },
  wsPort: {
    flag: '--ws-port',
    argument: '<port>',
    env: 'ECHOLOT_WS_PORT',
    format: 'portOrOff',
    default: 9001,
    doc: 'the port for MQTT over WebSocket; 0 takes a free one, off opens none',
  },
  tlsHost: {
    flag: '--tls-host',
    argument: '<address>',
    env: 'ECHOLOT_TLS_HOST',
    format: 'host',
    default: null,
    doc: 'the address that the TLS listeners listen on, where it is not that of --host',
  },
  tlsPort: {
    flag: '--tls-port',
    argument: '<port>',
    env: 'ECHOLOT_TLS_PORT',
    format: 'portOrOff',
    default: 'off',
    doc: 'the port for MQTT over TLS, 8883 as a rule; passwords and client certificates are taken',
  },
  tlsWsPort: {
    flag: '--tls-ws-port',
    argument: '<port>',
    env: 'ECHOLOT_TLS_WS_PORT',
    format: 'portOrOff',
    default: 'off',
    doc: 'the port for MQTT over WebSocket with TLS',
  },
  tlsNames: {
    flag: '--tls-names',
    argument: '<hosts>',
    env: 'ECHOLOT_TLS_NAMES',
    format: 'hosts',
    default: null,
    doc: "hosts for the broker's certificate, beside localhost and this machine's name: a,b",
  },
  dataDir: {
    flag: '--data-dir',
    argument: '<folder>',
    env: 'ECHOLOT_DATA_DIR',
    format: 'path',
    default: null,
    doc: 'keep sessions and retained messages in this folder, not in memory',
  },
  outbox: {
    flag: '--outbox',
    argument: '<folder>',
    env: 'ECHOLOT_OUTBOX',
    format: 'path',
    default: null,
    doc: 'keep readings in this folder until they are answered',
  },
  logLevel: {
    flag: '--log-level',
    argument: '<level>',
    env: 'ECHOLOT_LOG_LEVEL',
    format: 'logLevel',
    default: 'info',
    doc: 'trace, debug, info, warn, error, fatal or silent',
  },
};

const CONNECTION = [
  'brokerUrl',
  'username',
  'passwordFile',
  'ca',
  'cert',
  'key',
  'protocol',
] as const;
const LISTENERS = ['host', 'port', 'wsPort'] as const;
const TLS_LISTENERS = ['tlsHost', 'tlsPort', 'tlsWsPort', 'tlsNames'] as const;
const MODEL = ['model', 'modelKey', 'runtime'] as const;
const INFERENCE = ['inference', 'inferenceTimeout', 'workers', 'stateDir'] as const;
const QUEUE = ['queueRows', 'queueBytes', 'queueSeconds'] as const;
const COMMON = ['namespace', 'logLevel'] as const;

/** One schema per kind of process. */
export const KINDS = {
  agent: [
    ...CONNECTION,
    ...COMMON,
    'agentId',
    'group',
    ...MODEL,
    ...INFERENCE,
    'healthFile',
    'adoptAfter',
    ...QUEUE,
  ],
  broker: [...LISTENERS, ...TLS_LISTENERS, ...COMMON, 'store', 'policy', 'dataDir', 'group'],
  client: [...CONNECTION, ...COMMON, 'clientId', 'modelName'],
  demo: [...LISTENERS, ...COMMON, 'group', ...MODEL],
  outbox: [...CONNECTION, ...COMMON, 'clientId', 'modelName', 'outbox'],
  outboxFolder: ['outbox'],
  observer: [...CONNECTION, ...COMMON, 'clientId'],
  replay: [...CONNECTION, ...COMMON, 'clientId', 'model'],
  enrol: ['store', 'policy'],
  policy: ['store', 'policy', 'namespace', 'group'],
  apply: ['brokerUrl', 'protocol', 'ca', 'cert', 'key', 'store', 'policy', 'namespace', 'group'],
  prove: ['brokerUrl', 'protocol', 'ca', 'store', 'policy', 'namespace', 'group'],
  render: ['store', 'policy', 'namespace', 'group', 'tlsNames'],
  rights: ['policy', 'namespace', 'group'],
  store: ['store'],
  up: [
    ...LISTENERS,
    ...COMMON,
    'store',
    'policy',
    'dataDir',
    'agentId',
    'group',
    ...MODEL,
    ...INFERENCE,
    ...QUEUE,
  ],
} as const satisfies Record<string, readonly SettingName[]>;
export type Kind = keyof typeof KINDS;

const AT_TERMINAL: readonly Kind[] = ['client', 'observer', 'replay', 'demo', 'outbox'];

/** The default of a setting in a kind of process: at a terminal only what went wrong is said. */
export function defaultOf(
  name: SettingName,
  kind: Kind,
): Setting<string | number | null>['default'] {
  return name === 'logLevel' && AT_TERMINAL.includes(kind) ? 'warn' : SETTINGS[name].default;
}

export type Settings<Of extends Kind> = Pick<AllSettings, (typeof KINDS)[Of][number]>;

/** Where systemd gives the service a folder for its state (`StateDirectory=`), that one. */
function defaultStateDir(env: Environment): string {
  const [given] = env['STATE_DIRECTORY']?.split(':') ?? [];
  return given?.startsWith('/') ? given : defaultStore(env);
}

/** The XDG state folder: what a program keeps and a person does not edit. */
function defaultStore(env: Environment): string {
  const state = env['XDG_STATE_HOME'];
  return join(state?.startsWith('/') ? state : join(homedir(), '.local', 'state'), 'echolot');
}
