// What a service manager hears of a service: when it is ready, how it is, that it lives, and when it stops.
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Health } from '../agent/health.ts';
import type { HealthFile } from './health-file.ts';
import { type Notify, openNotify } from './notify.ts';
import type { Environment } from './settings.ts';
import { Vitality } from './vitality.ts';

/** How often the state is told where no watchdog waits. */
const STATUS_MS = 10_000;
const STOPPING = 'answering what is in hand';

/** The service manager that started this process; `null` where there is none, or none to be reached. */
export function connectManager(env: Environment, log: Logger): Promise<Notify | null> {
  return openNotify(env, (detail) => log.warn({ detail }, 'the service manager is not told'));
}

/** An agent, as far as its supervision goes. */
export interface Supervised {
  readonly ready: Promise<void>;
  /** Never rejects, and takes twice the time at most. */
  health(timeoutMs: number): Promise<Health>;
}

export interface Supervision {
  /** Tells that the service stops; the watchdog is fed on, as long as it is earned. */
  stopping(): void;
  /** Ends it; the file stays as it is. */
  end(): void;
}

/** Who is told about an agent: systemd by its socket, the probes of a container by a file. */
export interface Listeners {
  readonly notify: Notify | null;
  readonly file: HealthFile | null;
}

/**
 * Tells about an agent until the end. `WATCHDOG=1` is only ever sent, and a live agent only ever reported,
 * for what the agent has just proved.
 * @param name the model, for a person
 */
export function superviseAgent(
  agent: Supervised,
  name: string,
  { file, notify }: Listeners,
): Supervision {
  if (notify === null && file === null) return { stopping: () => {}, end: () => {} };
  const ended = new AbortController();
  const watchdogMs = notify?.watchdogMs ?? null;
  const periodMs = watchdogMs === null ? STATUS_MS : Math.min(STATUS_MS, watchdogMs / 3);
  let isStopping = false;
  const waiting = `waiting for the broker, with ${name}`;
  notify?.send(`STATUS=${waiting}`);
  file?.starting(waiting);
  void (async () => {
    // The manager waits for the watchdog from READY on.
    await agent.ready;
    if (ended.signal.aborted) return;
    notify?.send('READY=1', `STATUS=serving ${name}`);
    const vitality = new Vitality();
    let last: Sample | null = null;
    while (!ended.signal.aborted) {
      const startMs = performance.now();
      const health = await agent.health(periodMs);
      const nowMs = performance.now();
      if (ended.signal.aborted) return;
      const isLive = vitality.judge(health, nowMs);
      if (watchdogMs !== null && isLive) notify?.send('WATCHDOG=1');
      const status = isStopping ? STOPPING : statusOf(name, health, last, nowMs);
      if (!isStopping) notify?.send(`STATUS=${status}`);
      const isReady = isLive && health.isConnected && health.isAnswered && !isStopping;
      file?.tell({ isLive, isReady, status });
      last = { received: health.received, atMs: nowMs };
      await pause(Math.max(0, periodMs - (nowMs - startMs)), null, {
        ref: false,
        signal: ended.signal,
      }).catch(() => {});
    }
  })();
  return {
    stopping: () => {
      isStopping = true;
      notify?.send('STOPPING=1', `STATUS=${STOPPING}`);
      file?.tell({ isLive: true, isReady: false, status: STOPPING });
    },
    end: () => ended.abort(),
  };
}

interface Sample {
  readonly received: number;
  readonly atMs: number;
}

function statusOf(
  name: string,
  { inHand, isAnswered, isComputing, isConnected, received }: Health,
  last: Sample | null,
  nowMs: number,
): string {
  if (!isComputing) return `hung: ${name} does not compute`;
  if (!isConnected) return `broker away, waiting for it with ${name}`;
  const perSecond = last === null ? 0 : ((received - last.received) * 1000) / (nowMs - last.atMs);
  const load = `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} readings/s, ${inHand} in hand`;
  return `${isAnswered ? 'serving' : 'its own question is unanswered; serving'} ${name}, ${load}`;
}
