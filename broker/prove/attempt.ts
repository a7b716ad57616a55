// One attempt of the prover as data: who tries what, and what the policy says to it.
import type { Role } from '../policy.ts';

export type AttemptKind =
  /** Connects without credentials. */
  | 'login'
  | 'publish'
  | 'subscribe'
  /** Publishes as retained; judged by what a later subscriber is given. */
  | 'retain'
  /** Deletes what another keeps retained. */
  | 'clear'
  /** A last will, by a connection that ends without a goodbye. */
  | 'will'
  /** Connects under a client id; the topic is that id. */
  | 'take-over'
  /** Asks under an MQTT 5 response topic of somebody else. */
  | 'response-topic'
  /** Commands the broker's own rights over its control topic. */
  | 'command';

/** What shows whether a subscription brings anything. */
export interface Sample {
  /** The probe that publishes it; `null`: the broker itself does. */
  readonly by: string | null;
  readonly topic: string;
}

export interface Attempt {
  readonly kind: AttemptKind;
  /** The name of a probe; `nobody`, who is no role either, has no credentials. */
  readonly who: string;
  readonly role: Role;
  /** A topic; for `subscribe` a filter, for `take-over` a client id. */
  readonly topic: string;
  readonly expected: 'allowed' | 'denied';
  /** The filters that allow it; where it is denied, those that it is one step beside. */
  readonly rules: readonly string[];
  /** For `subscribe`: `null` where no probe may publish what would show it. */
  readonly sample?: Sample | null;
}

/** Rows with the same key are the same attempt. */
export function keyOf({ kind, topic, who }: Attempt): string {
  return `${kind} ${who} ${topic}`;
}
