// What the bus is told of a client: who it is, and the two filters that it listens to.
import type { BusOptions, Subscription } from '../bus/types.ts';
import { agentsFilter, repliesFilter } from '../schemas/topics.ts';
import type { resolveOptions } from './client-options.ts';
import type { ClientOptions, OutboxClientOptions } from './client-types.ts';

export function busOptions(
  { tls, protocol, username: givenUsername }: ClientOptions | OutboxClientOptions,
  { url, clientId, username, password, namespace }: ReturnType<typeof resolveOptions>,
): BusOptions {
  const subscriptions: Subscription[] = [
    { filter: repliesFilter(namespace, clientId), qos: 1 },
    { filter: agentsFilter(namespace, 'status'), qos: 1 },
  ];
  return {
    url,
    clientId,
    // Without credentials the client is anonymous, name and all.
    ...((password !== undefined || givenUsername !== undefined) && { username }),
    ...(password !== undefined && { password }),
    cleanSession: true,
    subscriptions,
    ...(tls !== undefined && { tls }),
    ...(protocol !== undefined && { protocol }),
  };
}
