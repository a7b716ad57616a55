// Who else serves: the statuses of other agents, judged fresh by the time of their receipt here.
import type { Status } from '../schemas/messages.ts';

/** Two and a half heartbeats of 30 s: one may be lost, one may be late. */
const FRESH_MS = 75_000;

export class Peers {
  private readonly self: string;
  private readonly seen = new Map<string, { status: Status; atMs: number }>();

  constructor(self: string) {
    this.self = self;
  }

  /** @param nowMs the reader's own clock at the receipt, one that never steps */
  record(status: Status, nowMs: number): void {
    if (status.agent !== this.self) this.seen.set(status.agent, { status, atMs: nowMs });
  }

  /** True where another live member of the group serves every one of the models. */
  cover(group: string, models: readonly string[], nowMs: number): boolean {
    const live = [...this.seen.values()]
      .filter(({ status, atMs }) => status.state === 'online' && nowMs - atMs < FRESH_MS)
      .filter(({ status }) => status.group === group)
      .map(({ status }) => status.models.map((model) => model.name));
    return models.every((model) => live.some((served) => served.includes(model)));
  }
}
