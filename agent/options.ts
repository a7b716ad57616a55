// What an agent is told at its start.
import type { Logger } from 'pino';
import type { BusOptions } from '../bus/types.ts';
import type { AdoptionSettings } from './adopter.ts';
import type { Classifier } from './classifier.ts';
import type { IntakeLimits } from './intake.ts';

export interface AgentLimits {
  /** Larger payloads are refused unread. */
  readonly maxPayloadBytes: number;
  /** Per model: what may wait before readings are answered OVERLOADED. */
  readonly intake: IntakeLimits;
  /** The most rows of one run of a model. */
  readonly batchRows: number;
}

export const DEFAULT_LIMITS: AgentLimits = {
  maxPayloadBytes: 2 * 1024 * 1024,
  intake: { rows: 16_384, bytes: 64 * 1024 * 1024, waitMs: 2000 },
  batchRows: 1024,
};

export interface AgentOptions {
  readonly agentId: string;
  readonly bus: Pick<BusOptions, 'url' | 'username' | 'password' | 'tls' | 'protocol'>;
  /** One per model; the first also answers the self-check. */
  readonly classifiers: readonly [Classifier, ...Classifier[]];
  readonly namespace: string;
  readonly group: string;
  readonly log: Logger;
  /** How long each attempt of the self-check may take. Default 5000. */
  readonly selfCheckTimeoutMs?: number;
  readonly limits?: Partial<AgentLimits>;
  /** A folder of this agent alone, to know after a crash what was computed. Default: none is known. */
  readonly stateDir?: string;
  /** When and how the sessions of agents that are away are adopted; a grace of 0 switches it off. */
  readonly adoption?: Partial<AdoptionSettings>;
}
