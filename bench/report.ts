// What people see of a run: a table of ratios and histograms that show steps.
import type { Latencies } from './load.ts';

const BAR_WIDTH = 48;

/** Counts per power of the square root of two, in microseconds, as text bars. */
export function renderHistogram(title: string, latencies: readonly Latencies[]): string {
  const counts = new Map<number, number>();
  for (const histogram of latencies) {
    let before = 0;
    for (const [percentile, value] of histogram.percentiles) {
      // The percentile iterator gives cumulative shares: the difference is the bucket's own.
      const upTo = Math.round((percentile / 100) * histogram.count);
      const bucket = Math.ceil(Math.log2(value) * 2);
      counts.set(bucket, (counts.get(bucket) ?? 0) + upTo - before);
      before = upTo;
    }
  }
  const most = Math.max(...counts.values());
  const lines = [...counts]
    .filter(([, count]) => count > 0)
    .sort(([one], [other]) => one - other)
    .map(([bucket, count]) => {
      const upper = `≤ ${formatMs(2 ** (bucket / 2))}`.padStart(12);
      const bar = '█'.repeat(Math.max(1, Math.round((count / most) * BAR_WIDTH)));
      return `${upper} ${String(count).padStart(7)} ${bar}`;
    });
  return [title, ...lines].join('\n');
}

export function formatMs(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(microseconds < 10_000 ? 3 : 1)} ms`;
}
