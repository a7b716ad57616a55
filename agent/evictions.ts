// Two agents with one id throw each other out without end: this tells it from a bad network. Pure.

const WINDOW_MS = 10_000;
/** More than so many within the window end the process. */
const MOST = 3;
/** An agent that has served for so long is not the newcomer, and holds out twice as long. */
const SETTLED_MS = 60_000;

/**
 * Counts evictions. The broker may say so (MQTT 5, reason 0x8e), but may just close as well; then a loss
 * counts where a status of our own id but of a life that is not ours was seen around it. A restart of the
 * broker or a bad network brings none; the late will of our own former life brings one.
 */
export class Evictions {
  private readonly countedMs: number[] = [];
  private bornMs: number | null = null;
  /** A loss that a foreign status may still explain. */
  private isLossOpen = false;
  /** A foreign status since the last loss. */
  private isForeignSeen = false;

  /** Our birth was published; before it, a foreign status is what a former life left. */
  born(nowMs: number): void {
    this.bornMs ??= nowMs;
  }

  /**
   * Our connection ended.
   * @param isTakenOver the broker said that another connection took our id
   * @returns true where the process must end
   */
  lost(isTakenOver: boolean, nowMs: number): boolean {
    if (this.bornMs === null) return false;
    const isExplained = isTakenOver || this.isForeignSeen;
    this.isForeignSeen = false;
    this.isLossOpen = !isExplained;
    return isExplained && this.count(nowMs, this.bornMs);
  }

  /**
   * A status of our id came in with an epoch that is not ours.
   * @returns true where the process must end
   */
  foreign(nowMs: number): boolean {
    if (this.bornMs === null) return false;
    if (!this.isLossOpen) {
      this.isForeignSeen = true;
      return false;
    }
    this.isLossOpen = false;
    return this.count(nowMs, this.bornMs);
  }

  private count(nowMs: number, bornMs: number): boolean {
    this.countedMs.push(nowMs);
    while ((this.countedMs[0] ?? nowMs) <= nowMs - WINDOW_MS) this.countedMs.shift();
    const [firstMs = nowMs] = this.countedMs;
    const isSettled = firstMs - bornMs >= SETTLED_MS;
    return this.countedMs.length > (isSettled ? 2 * MOST : MOST);
  }
}

/** Another process uses our id. A person must act; exit 78. */
export class AgentIdTakenError extends Error {
  readonly code = 'AGENT_ID_TAKEN';
  readonly exitCode = 78;
  readonly remedy = 'give each agent an id of its own (--agent-id or ECHOLOT_AGENT_ID)';

  constructor(agentId: string) {
    super(
      `another agent uses the id ${agentId} too: the two threw each other out more than ${MOST} times in ${WINDOW_MS / 1000} s`,
    );
    this.name = 'AgentIdTakenError';
  }
}
