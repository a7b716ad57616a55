// Our options in the words of mqtt.js: everything that it would do by itself later is switched off.
import { type IClientOptions, UniqueMessageIdProvider } from 'mqtt';
import { LazyInterval } from './lazy-interval.ts';
import type { BusOptions, Protocol } from './types.ts';

export const DEFAULT_MAXIMUM_PACKET_BYTES = 8 * 1024 * 1024;
export const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

export function clientOptions(options: BusOptions, protocol: Protocol): IClientOptions {
  const { clientId, cleanSession, keepaliveSeconds = 15, password, tls, username, will } = options;
  const is5 = protocol === '5';
  return {
    clientId,
    clean: cleanSession,
    keepalive: keepaliveSeconds,
    protocolVersion: is5 ? 5 : 4,
    connectTimeout: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    // One client per connection: what mqtt.js would do by itself afterwards, bus.ts does.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: new LazyInterval(),
    // A dozen calls for each message that print nothing.
    log: () => {},
    // Shared with plain-publisher.ts.
    messageIdProvider: new UniqueMessageIdProvider(),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...tls,
    // Explicitly, so that no environment variable turns it off.
    rejectUnauthorized: true,
    ...(will && { will }),
    ...(is5 && {
      properties: {
        sessionExpiryInterval: cleanSession ? 0 : (options.sessionExpirySeconds ?? 3600),
        maximumPacketSize: options.maximumPacketBytes ?? DEFAULT_MAXIMUM_PACKET_BYTES,
        ...(options.receiveMaximum !== undefined && { receiveMaximum: options.receiveMaximum }),
      },
    }),
  };
}
