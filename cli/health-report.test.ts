import { describe, expect, it } from 'vitest';
import { encodeReport, judgeReport, monotonicMs } from './health-report.ts';

const WELL = { isLive: true, isReady: true, status: 'serving sonar' };
const AT_MS = 1_000_000;

/** What both probes say of a report, so many milliseconds after it. */
function judge(report: Partial<typeof WELL>, ageMs: number) {
  const text = encodeReport({ ...WELL, ...report }, AT_MS);
  const [live, ready] = (['live', 'ready'] as const).map((question) =>
    judgeReport(text, question, AT_MS + ageMs),
  );
  return { live: live?.isWell, ready: ready?.isWell, detail: live?.detail };
}

describe('a probe', () => {
  it.each([
    ['that serves', {}, 0, { live: true, ready: true }],
    ['whose report is 30 s old', {}, 30_000, { live: true, ready: true }],
    ['whose report is older', {}, 30_001, { live: false, ready: false }],
    ['whose report is from before a boot', {}, -1, { live: false, ready: false }],
    ['whose broker is away', { isReady: false }, 0, { live: true, ready: false }],
    ['that hangs', { isLive: false, isReady: false }, 0, { live: false, ready: false }],
    [
      'that waits for its first connection',
      { isReady: false },
      30_000,
      { live: true, ready: false },
    ],
    ['that was frozen while it waited', { isReady: false }, 31_000, { live: false, ready: false }],
  ])('judges an agent %s', (_, report, ageMs, expected) => {
    expect(judge(report, ageMs)).toMatchObject(expected);
  });

  it('says the state in words, and of an old report that it is one', () => {
    expect(judge({}, 0).detail).toBe('serving sonar');
    expect(judge({}, 31_000).detail).toBe(
      'hung or gone: the last report is not of the last 30 s; it was: serving sonar',
    );
  });

  it.each([
    '',
    '{',
    'null',
    '7',
    '{}',
    '{"atMs":1,"status":"x"}',
    '{"atMs":1,"status":"x","isLive":true}',
    '{"status":"x","isLive":true,"isReady":true}',
  ])('takes %j for no report', (text) => {
    const detail = 'the file holds no report of an agent';
    expect(judgeReport(text, 'live', 0)).toEqual({ isWell: false, detail });
  });
});

describe('the clock of reports', () => {
  it('goes forward in milliseconds', () => {
    const first = monotonicMs();
    expect(monotonicMs()).toBeGreaterThanOrEqual(first);
    expect(Number.isInteger(first)).toBe(true);
  });
});
