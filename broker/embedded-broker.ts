// The embedded broker: aedes behind the policy, the identities of a store, shared groups and limits.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Admission } from './admission.ts';
import { AedesBroker } from './aedes-broker.ts';
import { DropLog } from './drop-log.ts';
import { Gate } from './gate.ts';
import { type IdentityStore, openIdentityStore } from './identity-store.ts';
import { NO_JOURNAL, openJournal } from './journal.ts';
import { type BrokerLimits, DEFAULT_LIMITS } from './limits.ts';
import { Doorkeeper, type Listener, listenTcp, listenWebSocket } from './listeners.ts';
import { createPolicy, type PolicyExtension } from './policy.ts';
import { RefusalLog } from './refusal-log.ts';
import { restore } from './restore.ts';
import { Retained } from './retained.ts';
import { Sessions } from './sessions.ts';
import { type TlsFiles, TlsMaterial } from './tls-material.ts';

/** Listeners with TLS, beside the plain ones. */
export interface TlsListeners extends TlsFiles {
  /** Default: that of the plain listeners, which can stay on loopback while these do not. */
  readonly host?: string;
  /** Default 8883; 0 takes any free port, `null` opens none. */
  readonly port?: number | null;
  /** MQTT over WebSocket with TLS; default none, 0 takes any free port. */
  readonly wsPort?: number | null;
  /**
   * A client that shows a certificate of `ca` is who it names, without a password; one that shows
   * none needs a password. Default: where there is a `ca`.
   */
  readonly requestClientCertificate?: boolean;
}

export interface EmbeddedBrokerOptions {
  /** The folder of the identities, or the store itself. */
  readonly store: string | IdentityStore;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 1883; 0 takes any free port. */
  readonly port?: number;
  /** MQTT over WebSocket; default 9001, 0 takes any free port, `null` or -1 opens none. */
  readonly wsPort?: number | null;
  readonly tls?: TlsListeners;
  /** A folder for what must survive a restart; without it everything is in memory. */
  readonly dataDir?: string;
  readonly namespace?: string;
  readonly group?: string;
  /** Custom roles and extra rules. */
  readonly extension?: PolicyExtension | undefined;
  readonly log: Logger;
  readonly limits?: Partial<BrokerLimits>;
}

export interface EmbeddedBroker {
  readonly host: string;
  readonly port: number;
  /** `null` where there is no WebSocket listener. */
  readonly wsPort: number | null;
  /** `null` where there is no such listener. */
  readonly tlsPort: number | null;
  readonly tlsWsPort: number | null;
  /** Closes every connection and, where there is a data folder, writes it out. */
  stop(): Promise<void>;
}

/** What is left to do after this much of a stop is not waited for. */
const STOP_MS = 1500;

/**
 * Starts the broker; it listens when the promise resolves.
 * @throws {PortBusyError} with the port and a remedy
 * @throws {ListenError | IdentityStoreError | DataFolderError | CertificateError} each with a remedy, exit 78
 */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const { extension, host = '127.0.0.1', log, port = 1883, wsPort = 9001 } = options;
  const limits: BrokerLimits = { ...DEFAULT_LIMITS, ...options.limits };
  // First of all: where it fails, nothing is open yet.
  const tls = options.tls ? new TlsMaterial(options.tls) : null;
  const store =
    typeof options.store === 'string' ? await openIdentityStore(options.store) : options.store;
  const { group, namespace } = options;
  const policy = createPolicy({
    ...(namespace ? { namespace } : {}),
    ...(group ? { group } : {}),
    extension,
  });
  const refusals = new RefusalLog(log);
  const drops = new DropLog(log);
  const { entries, journal } = await openData(options.dataDir, log);
  const retained = new Retained(limits.retained, journal);
  const sessions = new Sessions(limits.session, journal);
  const admission = new Admission(limits.admission, () => performance.now());
  const gate = new Gate(policy, store, refusals, admission);
  const broker = new AedesBroker({ gate, sessions, retained, journal, limits, drops, log, tls });
  const doorkeeper = new Doorkeeper(limits.connections, admission, log);
  const listeners: Listener[] = [];
  const ports: Ports = { port, wsPort: null, tlsPort: null, tlsWsPort: null };
  const unwatchTls = tls?.watch(
    () => {
      for (const listener of listeners) listener.renew(tls.context);
      broker.certificatesChanged();
      log.info('certificates read anew');
    },
    (err) => log.error({ err }, 'certificates unreadable: the last good ones hold'),
  );
  const unwatch = store.watch((err) => {
    if (err) log.error({ err, code: err.code }, 'identities unreadable: the last good ones hold');
    else broker.storeChanged();
  });

  const stop = async () => {
    unwatch();
    unwatchTls?.();
    // The connections first end as MQTT has it (wills, sessions), then whatever is left of them.
    await withinTime(broker.stop());
    await withinTime(Promise.all(listeners.map((listener) => listener.close())));
    await journal.close();
    refusals.flush();
    drops.flush();
  };

  try {
    const wills = restore(entries, { sessions, retained, groups: broker.groups, journal });
    broker.storeChanged();
    await broker.start(wills);
    const handle = broker.handle.bind(broker);
    const maxBytes = limits.packetBytes + 1024;
    const door = { host, handle, doorkeeper, maxBytes };
    const open = async (listening: Promise<Listener>) => {
      const listener = await listening;
      listeners.push(listener);
      return listener.port;
    };
    ports.port = await open(listenTcp({ ...door, port }));
    if (wsPort !== null && wsPort >= 0) {
      ports.wsPort = await open(listenWebSocket({ ...door, port: wsPort }));
    }
    if (options.tls && tls) {
      const secure = { ...door, host: options.tls.host ?? host, tls: optionsOf(options.tls, tls) };
      const { port: tlsPort = 8883, wsPort: tlsWsPort = null } = options.tls;
      if (tlsPort !== null) ports.tlsPort = await open(listenTcp({ ...secure, port: tlsPort }));
      if (tlsWsPort !== null) {
        ports.tlsWsPort = await open(listenWebSocket({ ...secure, port: tlsWsPort }));
      }
    }
  } catch (error) {
    await stop();
    throw error;
  }
  log.info({ host, ...ports, persistent: options.dataDir !== undefined }, 'broker listens');
  let stopped: Promise<void> | null = null;
  return {
    host,
    ...ports,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

interface Ports {
  port: number;
  wsPort: number | null;
  tlsPort: number | null;
  tlsWsPort: number | null;
}

/** A certificate is judged at the login, where the answer can say that it is refused. */
function optionsOf({ ca, requestClientCertificate }: TlsListeners, { context }: TlsMaterial) {
  const requestCert = requestClientCertificate ?? ca !== undefined;
  return { ...context, requestCert, rejectUnauthorized: false };
}

async function openData(folder: string | undefined, log: Logger) {
  if (folder === undefined) return { journal: NO_JOURNAL, entries: [] };
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => undefined);
  return openJournal(join(folder, 'broker'), log);
}

async function withinTime(work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = promiseOf();
  const timer = setTimeout(resolve, STOP_MS / 2);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}

function promiseOf(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
