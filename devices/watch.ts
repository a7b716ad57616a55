// The watcher: an operator's connection that turns what agents say into events.
import { createBus } from '../bus/bus.ts';
import type { BrokerRefusedError, BusOptions } from '../bus/types.ts';
import { agentsFilter, allRepliesFilter } from '../schemas/topics.ts';
import { readWatchEvents, type WatchEvent } from './watch-events.ts';

export interface WatchOptions
  extends Pick<BusOptions, 'url' | 'clientId' | 'username' | 'password' | 'tls' | 'protocol'> {
  readonly namespace: string;
  readonly onEvent: (event: WatchEvent) => void;
}

export interface Watch {
  /** Resolves if the broker refuses the operator for good (exit 77). */
  readonly failed: Promise<BrokerRefusedError>;
  stop(): Promise<void>;
}

/** @throws {RangeError} for a namespace that is no name */
export function startWatch(
  { namespace, onEvent, ...connection }: WatchOptions,
  parts: { readonly createBus: typeof createBus } = { createBus },
): Watch {
  let refuse: (error: BrokerRefusedError) => void = () => {};
  const failed = new Promise<BrokerRefusedError>((resolve) => {
    refuse = resolve;
  });
  const options: BusOptions = {
    ...connection,
    cleanSession: true,
    subscriptions: [
      { filter: allRepliesFilter(namespace), qos: 0 },
      { filter: agentsFilter(namespace, 'status'), qos: 1 },
      { filter: agentsFilter(namespace, 'stats'), qos: 0 },
    ],
  };
  const bus = parts.createBus(options, {
    onMessage(message) {
      message.settle();
      for (const event of readWatchEvents(namespace, message.topic, message.payload))
        onEvent(event);
    },
    onReady: ({ protocol }) => onEvent({ type: 'connected', protocol }),
    onLost: (detail) => onEvent({ type: 'lost', detail }),
    onUnreachable: (detail) => onEvent({ type: 'unreachable', detail }),
    onRefused(error) {
      onEvent({ type: 'refused', error });
      refuse(error);
    },
  });
  bus.start();
  return { failed, stop: () => bus.stop() };
}
