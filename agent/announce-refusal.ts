// An agent whose model is refused says so on the bus before its process ends.
import { randomUUID } from 'node:crypto';
import { createBus } from '../bus/bus.ts';
import { encodeMessage } from '../schemas/encode.ts';
import type { Status } from '../schemas/messages.ts';
import { buildTopic } from '../schemas/topics.ts';
import type { AgentOptions } from './options.ts';

/** A reason is a sentence for an operator's table, not a report. */
const MAX_REASON = 500;

/**
 * Publishes the retained status `offline` with the reason; best effort, never rejects.
 * @param timeoutMs how long a broker that is away may take
 */
export async function announceRefusal(
  options: Pick<AgentOptions, 'agentId' | 'bus' | 'namespace' | 'group'>,
  reason: string,
  timeoutMs = 3000,
): Promise<void> {
  const { agentId, group, namespace } = options;
  const topic = buildTopic(namespace, { kind: 'status', agent: agentId });
  await new Promise<void>((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      void bus.stop({ timeoutMs: 500 }).then(resolve);
    };
    const timer = setTimeout(finish, timeoutMs);
    const bus = createBus(
      {
        username: agentId,
        ...options.bus,
        clientId: agentId,
        cleanSession: false,
        subscriptions: [],
      },
      {
        onMessage: () => {},
        onReady: ({ protocol }) => {
          const status: Status = {
            state: 'offline',
            reason: reason.slice(0, MAX_REASON),
            agent: agentId,
            epoch: randomUUID(),
            heartbeatAt: new Date().toISOString(),
            protocol,
            group,
            models: [],
          };
          bus.publish(topic, encodeMessage(status, 'json'), { qos: 1, retain: true }, finish);
        },
        onLost: finish,
        onUnreachable: finish,
        onRefused: finish,
      },
    );
    bus.start();
  });
}
