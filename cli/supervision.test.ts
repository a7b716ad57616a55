import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Health } from '../agent/health.ts';
import type { HealthReport } from './health-report.ts';
import { type Supervision, superviseAgent } from './supervision.ts';

const WELL: Health = {
  isConnected: true,
  isAnswered: true,
  isComputing: true,
  received: 0,
  inHand: 0,
};

const open: Supervision[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.end();
});

/** Supervises an agent of which each report is given by hand. */
function supervise({ isReady = true, watchdogMs = 30 as number | null } = {}) {
  const lines: string[] = [];
  const asked: ((health: Partial<Health>) => void)[] = [];
  let becomeReady = () => {};
  const agent = {
    ready: new Promise<void>((resolve) => {
      becomeReady = resolve;
    }),
    health: () =>
      new Promise<Health>((resolve) => {
        asked.push((health) => resolve({ ...WELL, ...health }));
      }),
  };
  const notify = { watchdogMs, send: (...notices: string[]) => void lines.push(...notices) };
  const supervision = superviseAgent(agent, 'sonar 1.0.0 (onnx)', { notify, file: null });
  open.push(supervision);
  if (isReady) becomeReady();
  const isAsked = async () => {
    while (asked.length === 0) await setTimeout(1);
  };
  /** Gives the report that is waited for next, and lets it be told. */
  const report = async (health: Partial<Health> = {}) => {
    await isAsked();
    asked.shift()?.(health);
    await setImmediate();
  };
  return { asked, becomeReady: () => becomeReady(), isAsked, lines, report, supervision };
}

const beats = (lines: readonly string[]) => lines.filter((line) => line === 'WATCHDOG=1').length;

describe('the supervision of an agent', () => {
  it('says READY once the agent is, and nothing of its health before', async () => {
    const { asked, becomeReady, lines, report } = supervise({ isReady: false });
    expect(lines).toEqual(['STATUS=waiting for the broker, with sonar 1.0.0 (onnx)']);
    expect(asked).toEqual([]);
    becomeReady();
    await report();
    expect(lines.slice(1, 4)).toEqual([
      'READY=1',
      'STATUS=serving sonar 1.0.0 (onnx)',
      'WATCHDOG=1',
    ]);
    await report();
    expect(lines.filter((line) => line === 'READY=1')).toEqual(['READY=1']);
  });

  it('feeds the watchdog once for each proof, and never without one', async () => {
    const { lines, report } = supervise();
    await report();
    await report();
    expect(beats(lines)).toBe(2);
    await report({ isComputing: false, isAnswered: false });
    expect(beats(lines)).toBe(2);
    expect(lines.at(-1)).toBe('STATUS=hung: sonar 1.0.0 (onnx) does not compute');
  });

  it('feeds it while the broker is away', async () => {
    const { lines, report } = supervise();
    await report({ isConnected: false, isAnswered: false });
    expect(beats(lines)).toBe(1);
    expect(lines.at(-1)).toBe('STATUS=broker away, waiting for it with sonar 1.0.0 (onnx)');
  });

  it('feeds nobody where no watchdog waits', async () => {
    const { lines, report } = supervise({ watchdogMs: null });
    await report();
    expect(beats(lines)).toBe(0);
    expect(lines.at(-1)).toMatch(/^STATUS=serving /);
  });

  it('tells the rate and what is in hand', async () => {
    const { lines, report } = supervise();
    await report({ received: 10 });
    await report({ received: 1000, inHand: 7 });
    expect(lines.at(-1)).toMatch(
      /^STATUS=serving sonar 1\.0\.0 \(onnx\), [1-9]\d* readings\/s, 7 in hand$/,
    );
  });

  it('says that it stops, feeds the watchdog meanwhile, and says nothing after the end', async () => {
    const { isAsked, lines, report, supervision } = supervise();
    await report();
    const before = lines.length;
    supervision.stopping();
    await report();
    const stop = ['STOPPING=1', 'STATUS=answering what is in hand', 'WATCHDOG=1'];
    expect(lines.slice(before)).toEqual(stop);
    await isAsked();
    supervision.end();
    await report();
    expect(lines).toHaveLength(before + stop.length);
  });

  it('asks an agent for nothing where there is no service manager', async () => {
    let asked = 0;
    const health = () => {
      asked += 1;
      return Promise.resolve(WELL);
    };
    const supervision = superviseAgent({ ready: Promise.resolve(), health }, 'sonar', {
      notify: null,
      file: null,
    });
    await setImmediate();
    supervision.stopping();
    supervision.end();
    expect(asked).toBe(0);
  });

  it('says nothing of an agent that becomes ready after the end', async () => {
    const { becomeReady, lines, supervision } = supervise({ isReady: false });
    supervision.end();
    becomeReady();
    await setImmediate();
    expect(lines).toHaveLength(1);
  });
});

/** Supervises an agent whose reports go to a file alone. */
function superviseByFile() {
  const told: (HealthReport | string)[] = [];
  const asked: ((health: Partial<Health>) => void)[] = [];
  let becomeReady = () => {};
  const ready = new Promise<void>((resolve) => {
    becomeReady = resolve;
  });
  const health = () =>
    new Promise<Health>((resolve) => {
      asked.push((more) => resolve({ ...WELL, ...more }));
    });
  const file = {
    starting: (status: string) => void told.push(status),
    tell: (report: HealthReport) => void told.push(report),
    remove: () => void told.push('removed'),
  };
  const listeners = { notify: null, file };
  const supervision = superviseAgent({ ready, health }, 'sonar', listeners);
  open.push(supervision);
  const isAsked = async () => {
    while (asked.length === 0) await setTimeout(1);
  };
  const report = async (more: Partial<Health>) => {
    await isAsked();
    asked.shift()?.(more);
    await setImmediate();
  };
  return { asked, becomeReady: () => becomeReady(), isAsked, report, supervision, told };
}

describe('the file for probes', () => {
  it('says that nothing is expected until the agent is ready', async () => {
    const { asked, told } = superviseByFile();
    await setImmediate();
    expect(told).toEqual(['waiting for the broker, with sonar']);
    expect(asked).toEqual([]);
  });

  it.each([
    ['serves', {}, { isLive: true, isReady: true }],
    [
      'waits for its broker',
      { isConnected: false, isAnswered: false },
      { isLive: true, isReady: false },
    ],
    ['hears nothing of itself', { isAnswered: false }, { isLive: true, isReady: false }],
    [
      'was cut off after its answer',
      { isConnected: false, isAnswered: true },
      { isLive: true, isReady: false },
    ],
    [
      'does not compute',
      { isAnswered: false, isComputing: false },
      { isLive: false, isReady: false },
    ],
  ])('tells of an agent that %s', async (_, health, expected) => {
    const { becomeReady, report, told } = superviseByFile();
    becomeReady();
    await report(health);
    expect(told.at(-1)).toMatchObject(expected);
  });

  it('tells that the agent stops, and nothing after the end', async () => {
    const { becomeReady, isAsked, report, supervision, told } = superviseByFile();
    becomeReady();
    await isAsked();
    supervision.stopping();
    expect(told.at(-1)).toEqual({
      isLive: true,
      isReady: false,
      status: 'answering what is in hand',
    });
    const before = told.length;
    supervision.end();
    await report({});
    expect(told).toHaveLength(before);
  });
});
