// What the embedded broker bears, with defaults that suit an edge box.
import { type AdmissionLimits, DEFAULT_ADMISSION } from './admission.ts';
import type { RetainedLimits } from './retained.ts';
import type { SessionLimits } from './sessions.ts';
import type { GroupLimits } from './shared-groups.ts';

export interface BrokerLimits {
  readonly connections: number;
  /** New connections and failed logins per address. */
  readonly admission: AdmissionLimits;
  /** A larger packet ends its connection before it is read: room above the 2 MiB that agents read. */
  readonly packetBytes: number;
  readonly packetBytesBeforeLogin: number;
  readonly packetsBeforeLogin: number;
  /** Time for the CONNECT packet. */
  readonly connectTimeoutMs: number;
  /** A subscriber that takes nothing for so long is disconnected. */
  readonly drainTimeoutMs: number;
  /** Longest keepalive; who asks for none gets this one. */
  readonly keepaliveSeconds: number;
  /** QoS 2 publishes of one client that wait for their PUBREL. */
  readonly inflightInbound: number;
  /** Bytes written to one connection and not yet taken; more is dropped and counted. */
  readonly bufferedBytes: number;
  readonly retained: RetainedLimits;
  readonly session: SessionLimits;
  readonly group: GroupLimits;
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: BrokerLimits = {
  connections: 10_000,
  admission: DEFAULT_ADMISSION,
  packetBytes: 4 * MIB,
  packetBytesBeforeLogin: MIB / 16,
  packetsBeforeLogin: 100,
  connectTimeoutMs: 10_000,
  drainTimeoutMs: 8000,
  keepaliveSeconds: 3600,
  inflightInbound: 1000,
  bufferedBytes: 16 * MIB,
  retained: { messages: 10_000, bytes: 64 * MIB },
  session: { queueMessages: 10_000, queueBytes: 32 * MIB },
  group: { window: 128, windowBytes: 8 * MIB, queueMessages: 10_000, queueBytes: 64 * MIB },
};
