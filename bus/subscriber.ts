// The SUBSCRIBEs of one connection: each has its own SUBACK, its own time-out and its own end.
import type { Subscription } from './types.ts';

/** Why a SUBSCRIBE makes the connection useless. */
export type SubscribeFailure =
  | { readonly kind: 'subscription'; readonly filter: string; readonly detail: string }
  | { readonly kind: 'lost'; readonly detail: string };

interface SubscriberPorts {
  /** Sends the SUBSCRIBE and gives its packet identifier. */
  readonly ask: (subscriptions: readonly Subscription[]) => number;
  readonly timeoutMs: number;
  /** Refused, weakened or not answered in time; what was asked is told `false` when the connection ends. */
  readonly onFailure: (failure: SubscribeFailure) => void;
}

interface Asked {
  readonly subscriptions: readonly Subscription[];
  readonly timer: NodeJS.Timeout;
  readonly settled: (isGranted: boolean) => void;
}

/** Keyed by packet identifier, so that no SUBACK ever settles another's question. */
export class Subscriber {
  private readonly ports: SubscriberPorts;
  private readonly asked = new Map<number, Asked>();

  constructor(ports: SubscriberPorts) {
    this.ports = ports;
  }

  /** @param settled called once: with true when all is granted, with false when the connection ends before */
  subscribe(subscriptions: readonly Subscription[], settled: (isGranted: boolean) => void): void {
    if (subscriptions.length === 0) {
      settled(true);
      return;
    }
    const { ask, onFailure, timeoutMs } = this.ports;
    const timer = setTimeout(() => {
      onFailure({ kind: 'lost', detail: 'the broker did not answer our SUBSCRIBE in time' });
    }, timeoutMs);
    this.asked.set(ask(subscriptions), { subscriptions, timer, settled });
  }

  /** Judges a SUBACK: a subscription refused or weakened makes the connection useless. */
  receive(messageId: number, codes: readonly number[]): void {
    const asked = this.asked.get(messageId);
    if (!asked) return;
    clearTimeout(asked.timer);
    for (const [index, { filter, qos }] of asked.subscriptions.entries()) {
      const code = codes[index] ?? 0x80;
      if (code < qos || code > 2) {
        const detail =
          code > 2 ? `refused (code ${code})` : `granted at QoS ${code} instead of ${qos}`;
        this.ports.onFailure({ kind: 'subscription', filter, detail });
        return;
      }
    }
    this.asked.delete(messageId);
    asked.settled(true);
  }

  /** The connection has ended: nothing that is still asked will be granted. */
  close(): void {
    const open = [...this.asked.values()];
    this.asked.clear();
    for (const { timer, settled } of open) {
      clearTimeout(timer);
      settled(false);
    }
  }
}
