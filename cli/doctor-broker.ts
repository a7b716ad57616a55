// What the doctor finds at the broker: reachable, TLS, login, rights. It disturbs no agent that runs.
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import {
  openProbeConnection,
  type ProbeConnection,
  type ProbeMessage,
  type ProbeOpening,
} from '../bus/probe-connection.ts';
import type { BusOptions, Protocol } from '../bus/types.ts';
import { decodeStatus } from '../schemas/encode.ts';
import { SELF_CHECK_MODEL } from '../schemas/names.ts';
import { agentsFilter, buildTopic } from '../schemas/topics.ts';
import { failed, type Finding, ok, skipped } from './doctor-finding.ts';

export interface BrokerVisit {
  readonly agentId: string;
  readonly namespace: string;
  readonly bus: Pick<BusOptions, 'url' | 'password' | 'tls' | 'protocol'> & {
    readonly username: string;
  };
  /** For each step. */
  readonly timeoutMs: number;
}

interface Examination {
  readonly findings: readonly Finding[];
  /** The instants of the last words of agents. */
  readonly heartbeatsMs: readonly number[];
}

/** Default ports of MQTT, by protocol. */
const PORTS: Readonly<Record<string, number>> = {
  'mqtt:': 1883,
  'mqtts:': 8883,
  'ws:': 80,
  'wss:': 443,
};

/** Looks at the broker, step by step, as far as it gets. Never rejects. */
export async function examineBroker(visit: BrokerVisit): Promise<Examination> {
  const { hostname, port, protocol } = new URL(visit.bus.url);
  const isSecure = protocol === 'mqtts:' || protocol === 'wss:';
  const address = {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || PORTS[protocol] || 0,
  };
  const reached = await reach(address, visit.timeoutMs);
  if (reached.result !== 'ok') return blocked([reached], ['tls', 'login', 'rights']);
  const messages: ProbeMessage[] = [];
  let tell = () => {};
  const opening = await logIn(visit, (message) => {
    messages.push(message);
    tell();
  });
  if (!opening.ok)
    return blocked([reached, ...refused(opening.refusal, visit, isSecure)], ['rights']);
  const { connection } = opening;
  try {
    const rights = await proveRights(connection, visit, messages, (wake) => {
      tell = wake;
    });
    const login = ok('login', `${visit.bus.username}, MQTT ${connection.protocol}`);
    const heartbeatsMs = messages.flatMap(({ payload }) => {
      const status = decodeStatus(payload);
      return status === null ? [] : [Date.parse(status.heartbeatAt)];
    });
    return { findings: [reached, tlsFinding(isSecure), login, rights], heartbeatsMs };
  } finally {
    await connection.close();
  }
}

function blocked(findings: readonly Finding[], others: readonly string[]): Examination {
  const rest = others.map((check) => skipped(check, 'the broker has to let us in first'));
  return { findings: [...findings, ...rest], heartbeatsMs: [] };
}

function tlsFinding(isSecure: boolean): Finding {
  return ok('tls', isSecure ? 'the broker has proved who it is' : 'not used by this URL');
}

/** By the codes of the operating system. */
const UNREACHED: Readonly<Record<string, string>> = {
  ENOTFOUND: 'Check the host in --broker-url, and the name service of this machine.',
  EAI_AGAIN: 'The name service does not answer: check the network, or give an address.',
  ECONNREFUSED: 'Nothing listens there: start the broker, or check host and port of --broker-url.',
  EHOSTUNREACH: 'Check the network between this machine and the broker.',
  ENETUNREACH: 'Check the network of this machine.',
};

function reach(address: { host: string; port: number }, timeoutMs: number): Promise<Finding> {
  const where = `${address.host}:${address.port}`;
  return new Promise((resolve) => {
    const startMs = performance.now();
    const socket = connect({ ...address, timeout: timeoutMs });
    const finish = (finding: Finding) => {
      socket.destroy();
      resolve(finding);
    };
    socket.once('connect', () => {
      finish(ok('broker', `${where} answers in ${Math.ceil(performance.now() - startMs)} ms`));
    });
    socket.once('timeout', () => {
      const remedy = 'Check the firewalls in between, and host and port of --broker-url.';
      finish(failed('broker', `${where} does not answer within ${timeoutMs} ms`, remedy));
    });
    socket.once('error', ({ code = '', message }: NodeJS.ErrnoException) => {
      const remedy = UNREACHED[code] ?? 'Check host and port of --broker-url.';
      finish(failed('broker', `${where}: ${message || code}`, remedy));
    });
  });
}

/** Under a name of its own: under the agent's it would end its connection. */
async function logIn(
  { bus, timeoutMs }: BrokerVisit,
  onMessage: (message: ProbeMessage) => void,
): Promise<ProbeOpening> {
  const { protocol = 'auto' } = bus;
  const open = (version: Protocol) => {
    const clientId = `doctor-${randomUUID().slice(0, 8)}`;
    return openProbeConnection({ ...bus, clientId, protocol: version, timeoutMs }, onMessage);
  };
  if (protocol !== 'auto') return open(protocol);
  const first = await open('5');
  return first.ok || !['version', 'closed'].includes(first.refusal.kind) ? first : open('3.1.1');
}

function refused(
  { detail, kind }: Extract<ProbeOpening, { ok: false }>['refusal'],
  { agentId, bus }: BrokerVisit,
  isSecure: boolean,
): Finding[] {
  if (kind === 'certificate') {
    const remedy =
      "Give the certificate of the broker's authority with --ca, and our own with --cert and --key where it asks for one.";
    return [failed('tls', detail, remedy), skipped('login', 'TLS comes first')];
  }
  if (kind === 'refused') {
    const remedy = `Give the password of ${bus.username} with --password-file; "echolot identity rotate ${agentId}" makes a new one. It must be a predictor: others log in under their own id alone.`;
    return [
      tlsFinding(isSecure),
      failed('login', `the broker refuses ${bus.username}: ${detail}`, remedy),
    ];
  }
  if (kind === 'version') {
    return [tlsFinding(isSecure), failed('login', detail, 'Set --protocol auto.')];
  }
  const remedy = isSecure
    ? 'Check that the port of --broker-url is one for TLS.'
    : 'Check that the port of --broker-url is one for MQTT without TLS; else write mqtts:// there.';
  return [
    failed('tls', `no MQTT broker answers: ${detail}`, remedy),
    skipped('login', 'TLS comes first'),
  ];
}

/**
 * What a predictor needs on its own topics, by what arrives: an acknowledgement proves nothing. A reading of
 * its own must come to it, and an answer too. Its share of others' readings is not touched.
 */
async function proveRights(
  connection: ProbeConnection,
  { bus, namespace, timeoutMs }: BrokerVisit,
  messages: readonly ProbeMessage[],
  onMessage: (wake: () => void) => void,
): Promise<Finding> {
  const own = { client: bus.username, model: SELF_CHECK_MODEL };
  const topics = (['reading', 'reply'] as const).map((kind) =>
    buildTopic(namespace, { kind, ...own }),
  );
  for (const filter of [...topics, agentsFilter(namespace, 'status')]) {
    await connection.subscribe(filter);
  }
  const id = `doctor-${randomUUID()}`;
  const payload = Buffer.from(JSON.stringify({ id }));
  const arrived = (topic: string) =>
    messages.some((message) => message.topic === topic && message.payload.includes(id));
  for (const topic of topics) await connection.publish(topic, payload);
  const isEarly = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const look = () => {
      if (!topics.every(arrived)) return;
      clearTimeout(timer);
      resolve(true);
    };
    onMessage(look);
    look();
  });
  if (isEarly) return ok('rights', `${bus.username} hears itself on its own topics`);
  const missing = topics.filter((topic) => !arrived(topic)).join(' and ');
  return failed(
    'rights',
    `nothing comes back on ${missing} within ${timeoutMs} ms`,
    `Give ${bus.username} the role predictor; "echolot policy explain ${bus.username} publish ${topics[0]}" says what the policy allows, "echolot policy prove" what the broker does.`,
  );
}
