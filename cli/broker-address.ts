// Where a running broker is reached from its own machine.
import type { EmbeddedBroker } from '../broker/embedded-broker.ts';

/** The URL for clients on this machine. */
export function urlOf({ host, port }: Pick<EmbeddedBroker, 'host' | 'port'>): string {
  const reachable = reachableHost(host);
  return `mqtt://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** The address by which this machine reaches a listener. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
