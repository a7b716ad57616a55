// How an agent is, as it tells a probe of its container: the report, and what a probe makes of it.

/** What an agent has just proved of itself; on its way up, that it gets on. */
export interface HealthReport {
  /** It deserves to go on; a broker that is away is no fault of its own. */
  readonly isLive: boolean;
  /** It serves: its own question came back answered, through the broker. */
  readonly isReady: boolean;
  /** For a person, in one line. */
  readonly status: string;
}

/** A report and when it was made, in milliseconds of `monotonicMs`. */
interface StampedReport extends HealthReport {
  readonly atMs: number;
}

/** `live`: may it go on? `ready`: does it serve? */
export type HealthQuestion = 'live' | 'ready';

/** An agent reports every 10 s, and may need 20 s for one report. */
const FRESH_MS = 30_000;

/** The clock that all processes of a machine share and nobody sets: a step of the time restarts nobody. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

export function encodeReport(report: HealthReport, atMs: number): string {
  return `${JSON.stringify({ ...report, atMs } satisfies StampedReport)}\n`;
}

/**
 * What a probe says of an agent's last report.
 * @param nowMs of `monotonicMs`
 */
export function judgeReport(
  text: string,
  question: HealthQuestion,
  nowMs: number,
): { readonly isWell: boolean; readonly detail: string } {
  const report = parse(text);
  if (report === null) return { isWell: false, detail: 'the file holds no report of an agent' };
  const { atMs, isLive, isReady, status } = report;
  const ageMs = nowMs - atMs;
  // One from before the machine's last start may seem to come from the future.
  if (ageMs > FRESH_MS || ageMs < 0) {
    const detail = `hung or gone: the last report is not of the last ${FRESH_MS / 1000} s`;
    return { isWell: false, detail: `${detail}; it was: ${status}` };
  }
  return { isWell: question === 'live' ? isLive : isReady, detail: status };
}

function parse(text: string): StampedReport | null {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof StampedReport, unknown>> | null;
    if (typeof value?.atMs !== 'number' || typeof value.status !== 'string') return null;
    const flags = [value.isLive, value.isReady];
    return flags.every((flag) => typeof flag === 'boolean') ? (value as StampedReport) : null;
  } catch {
    return null;
  }
}
