// What can be wrong with a network: plain data, so that a plan of it can be printed, and what it comes to together.

/** From the party that the proxy stands before (a client, an agent) up to the broker, and down to it. */
export type Direction = 'up' | 'down';

export type NetworkFault =
  /** No byte passes; new connections hang or are reset. What was under way passes after the heal. */
  | { readonly kind: 'partition' }
  /** Both ways, each packet by `ms` and up to `jitterMs` more; the order stays. */
  | { readonly kind: 'latency'; readonly ms: number; readonly jitterMs: number }
  /** What goes that way is taken and gone, the end of the connection too; `both`: the far side vanished. */
  | { readonly kind: 'half-open'; readonly direction: Direction | 'both' }
  /** Once: after so many more bytes (of all connections, both ways) the next packet breaks off with an RST. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** Nothing is read that way any more: buffers fill, back to the sender. */
  | { readonly kind: 'stall'; readonly direction: Direction }
  /** So many of the PUBLISHes (0 to 1) come a second time later, both ways. */
  | { readonly kind: 'duplicate'; readonly share: number }
  /** So many of the PUBLISHes to the party (0 to 1) come after those that follow. */
  | { readonly kind: 'reorder'; readonly share: number }
  /** Each direction of each connection. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number };

/** All faults of one moment, as one direction of a connection meets them. */
export interface Conditions {
  readonly isBlocked: boolean;
  readonly isSwallowed: boolean;
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly duplicateShare: number;
  readonly reorderShare: number;
  /** Infinity: as fast as it goes. */
  readonly bytesPerSecond: number;
}

/** Of two faults of a kind (and direction) the later one counts. */
export function conditionsOf(faults: readonly NetworkFault[], way: Direction): Conditions {
  const found = {
    isBlocked: false,
    isSwallowed: false,
    delayMs: 0,
    jitterMs: 0,
    duplicateShare: 0,
    reorderShare: 0,
    bytesPerSecond: Number.POSITIVE_INFINITY,
  };
  for (const fault of faults) {
    switch (fault.kind) {
      case 'partition':
        found.isBlocked = true;
        break;
      case 'stall':
        found.isBlocked ||= fault.direction === way;
        break;
      case 'half-open':
        found.isSwallowed ||= fault.direction === 'both' || fault.direction === way;
        break;
      case 'latency':
        found.delayMs = fault.ms;
        found.jitterMs = fault.jitterMs;
        break;
      case 'duplicate':
        found.duplicateShare = fault.share;
        break;
      case 'reorder':
        found.reorderShare = way === 'down' ? fault.share : 0;
        break;
      case 'throttle':
        found.bytesPerSecond = Math.max(1, fault.bytesPerSecond);
        break;
      case 'reset':
        break;
    }
  }
  return found;
}
