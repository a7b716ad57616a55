// Which models are served now: the agents' statuses, judged fresh by the time of their receipt here.
import type { ModelReference, Status } from '../schemas/messages.ts';

/** Two and a half heartbeats of 30 s: one may be lost, one may be late. */
const FRESH_MS = 75_000;
/** Agents that are remembered; more would be a flood of names, not a fleet. */
const MAX_AGENTS = 10_000;

/** A model and the live agents that serve it. */
export interface LiveModel {
  readonly name: string;
  /** Live agents and what exactly each of them runs. */
  readonly agents: readonly { readonly agent: string; readonly model: ModelReference }[];
}

export class LiveModels {
  private readonly seen = new Map<string, { status: Status; atMs: number }>();

  /**
   * @param agent the agent's segment of the topic, which the broker has authorised
   * @param nowMs the reader's own clock at the receipt
   */
  record(agent: string, status: Status, nowMs: number): void {
    const known = this.seen.get(agent);
    if (known === undefined && this.seen.size >= MAX_AGENTS) return;
    // A retained status that comes again with a reconnection is no new sign of life.
    const repeated =
      known !== undefined &&
      known.status.epoch === status.epoch &&
      known.status.heartbeatAt === status.heartbeatAt;
    this.seen.set(agent, { status, atMs: repeated ? known.atMs : nowMs });
  }

  serves(model: string, nowMs: number): boolean {
    for (const { status, atMs } of this.seen.values()) {
      if (isLive(status, atMs, nowMs) && status.models.some(({ name }) => name === model)) {
        return true;
      }
    }
    return false;
  }

  /** Sorted by name. */
  list(nowMs: number): LiveModel[] {
    const models = new Map<string, { agent: string; model: ModelReference }[]>();
    for (const [agent, { status, atMs }] of this.seen) {
      if (!isLive(status, atMs, nowMs)) continue;
      for (const model of status.models) {
        const agents = models.get(model.name) ?? [];
        agents.push({ agent, model });
        models.set(model.name, agents);
      }
    }
    return [...models]
      .map(([name, agents]) => ({ name, agents }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** Shared with the watcher: live is a fresh `online`; a draining agent takes nothing new. */
export function isLive(status: Status, receivedMs: number, nowMs: number): boolean {
  return status.state === 'online' && nowMs - receivedMs < FRESH_MS;
}
