// Where a reading's topic leads: worked out once for each topic, since a client asks again and again.
import { buildTopic, parseTopic } from '../schemas/topics.ts';
import { createSignature, type Signature } from './answers.ts';
import type { Lane } from './lane.ts';

/** The only client, model and reply topic that a reading on one topic can have. */
export interface Route {
  readonly client: string;
  readonly lane: Lane;
  readonly replyTopic: string;
  readonly signature: Signature;
}

/** Names of clients come from outside; so many are remembered, and then all are forgotten. */
const MAX_REMEMBERED = 10_000;

export class Routes {
  private readonly namespace: string;
  private readonly served: ReadonlyMap<string, Pick<Route, 'lane' | 'signature'>>;
  private readonly known = new Map<string, Route>();

  constructor(agent: string, namespace: string, lanes: ReadonlyMap<string, Lane>) {
    this.namespace = namespace;
    this.served = new Map(
      [...lanes].map(([name, lane]) => {
        const { labels, model } = lane.classifier;
        return [name, { lane, signature: createSignature(agent, model, labels) }];
      }),
    );
  }

  /** `null` for what is no topic of a reading for a model that is served here. */
  find(topic: string): Route | null {
    const known = this.known.get(topic);
    if (known) return known;
    const parsed = parseTopic(this.namespace, topic);
    if (parsed?.kind !== 'reading') return null;
    const { client, model } = parsed;
    const served = this.served.get(model);
    if (!served) return null;
    const replyTopic = buildTopic(this.namespace, { kind: 'reply', client, model });
    const route = { client, replyTopic, ...served };
    if (this.known.size === MAX_REMEMBERED) this.known.clear();
    this.known.set(topic, route);
    return route;
  }
}
