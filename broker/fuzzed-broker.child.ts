// For tests: an embedded broker in a process of its own, that tells what it holds. Argument: the store.
import { pino } from 'pino';
import { startEmbeddedBroker } from './embedded-broker.ts';
import { DEFAULT_ADMISSION } from './admission.ts';

/** What the broker's process holds after a full collection. */
export interface Sample {
  /** Heap and buffers. */
  readonly bytes: number;
  /** Connected sockets, those of the listeners not counted. */
  readonly sockets: number;
}

const FREE = { burst: 1e9, perSecond: 1e9 };
const [store = ''] = process.argv.slice(2);

const broker = await startEmbeddedBroker({
  store,
  port: 0,
  wsPort: 0,
  log: pino({ level: 'warn' }, { write: () => undefined }),
  // One address does it all here; small stores, so that what grows is seen.
  limits: {
    admission: {
      ...DEFAULT_ADMISSION,
      connections: FREE,
      failedLogins: FREE,
      failedLoginsOfAddress: FREE,
    },
    connectTimeoutMs: 1000,
    retained: { messages: 100, bytes: 100_000 },
    session: { queueMessages: 100, queueBytes: 100_000 },
    group: { window: 16, windowBytes: 100_000, queueMessages: 100, queueBytes: 100_000 },
  },
});
process.on('message', () => {
  globalThis.gc?.();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  const sockets = process
    .getActiveResourcesInfo()
    .filter((name) => name === 'TCPSocketWrap').length;
  process.send?.({ bytes: heapUsed + arrayBuffers, sockets } satisfies Sample);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port: broker.port, wsPort: broker.wsPort });
