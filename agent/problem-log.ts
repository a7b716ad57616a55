// Says in the log that readings were refused, once a minute per client and code: a flood fills no disk.
import type { Logger } from 'pino';
import type { AgentProblemCode, Problem } from '../schemas/problems.ts';

const PERIOD_MS = 60_000;
/** So many pairs of client and code are told apart within a period; the rest share one line. */
const MAX_PAIRS = 1000;

/** What is our own failure or our own want of room, rather than the sender's mistake. */
const OURS: readonly AgentProblemCode[] = ['MODEL_FAILED', 'OVERLOADED'];

export class ProblemLog {
  private readonly log: Logger;
  private readonly clock: () => number;
  private periodStartMs = Number.NEGATIVE_INFINITY;
  private counts = new Map<string, number>();

  /** @param clock milliseconds of a clock that never steps */
  constructor(log: Logger, clock: () => number) {
    this.log = log;
    this.clock = clock;
  }

  record(problem: Problem<AgentProblemCode>, client: string, err?: unknown): void {
    const { code, detail } = problem;
    const level = OURS.includes(code) ? 'error' : 'warn';
    this.log.debug({ client, code, detail, err }, 'reading refused');
    const nowMs = this.clock();
    if (nowMs - this.periodStartMs >= PERIOD_MS) {
      this.flush();
      this.periodStartMs = nowMs;
    }
    const own = `${client} ${code}`;
    const key = this.counts.has(own) || this.counts.size < MAX_PAIRS ? own : `others ${code}`;
    const count = this.counts.get(key) ?? 0;
    this.counts.set(key, count + 1);
    if (count === 0) this.log[level]({ client, code, detail, err }, 'readings refused');
  }

  /** Tells how many were refused beyond the first of each kind, and begins anew. */
  flush(): void {
    for (const [key, count] of this.counts) {
      const [client, code] = key.split(' ');
      if (count > 1) this.log.warn({ client, code, count }, 'readings refused in the last period');
    }
    this.counts = new Map();
  }
}
