// What a watcher knows: counts per client, agents and their freshness, the last answers. Bounded.
import type { Stats, Status } from '../schemas/messages.ts';
import { Rate } from './rate.ts';
import type { WatchEvent } from './watch-events.ts';

/** Names beyond these are a flood, not a fleet: they count in the totals alone. */
const MAX_NAMES = 1000;
const MAX_LABELS = 20;
const OTHER = '(others)';
const RECENT = 50;

export type WatchedAnswer = Extract<WatchEvent, { type: 'prediction' | 'problem' }>;

export interface WatchedClient {
  predictions: number;
  problems: number;
  readonly labels: Map<string, number>;
  readonly codes: Map<string, number>;
  readonly rate: Rate;
}

export interface WatchedAgent {
  status: Status | null;
  /** When a new heartbeat was received, by the watcher's own clock. */
  heardMs: number;
  stats: Stats | null;
}

export interface WatchState {
  readonly startedMs: number;
  link: { readonly state: 'connecting' | 'connected' | 'away'; readonly detail: string };
  predictions: number;
  problems: number;
  unreadable: number;
  readonly rate: Rate;
  readonly clients: Map<string, WatchedClient>;
  readonly agents: Map<string, WatchedAgent>;
  /** The newest last. */
  readonly recent: { readonly atMs: number; readonly answer: WatchedAnswer }[];
}

export function createWatchState(nowMs: number): WatchState {
  return {
    startedMs: nowMs,
    link: { state: 'connecting', detail: '' },
    predictions: 0,
    problems: 0,
    unreadable: 0,
    rate: new Rate(nowMs),
    clients: new Map(),
    agents: new Map(),
    recent: [],
  };
}

/** Takes one event into the state, in place. */
export function applyWatchEvent(state: WatchState, event: WatchEvent, nowMs: number): void {
  switch (event.type) {
    case 'prediction':
    case 'problem':
      applyAnswer(state, event, nowMs);
      return;
    case 'status':
    case 'stats':
      applyAgent(state, event, nowMs);
      return;
    case 'unreadable':
      state.unreadable += 1;
      return;
    case 'connected':
      state.link = { state: 'connected', detail: `MQTT ${event.protocol}` };
      return;
    case 'lost':
    case 'unreachable':
      state.link = { state: 'away', detail: event.detail };
      return;
    case 'refused':
      state.link = { state: 'away', detail: event.error.message };
  }
}

function applyAnswer(state: WatchState, answer: WatchedAnswer, nowMs: number): void {
  const client = obtain(state.clients, answer.client, () => ({
    predictions: 0,
    problems: 0,
    labels: new Map<string, number>(),
    codes: new Map<string, number>(),
    rate: new Rate(nowMs),
  }));
  const isPrediction = answer.type === 'prediction';
  for (const counted of [state, client]) {
    if (counted === undefined) continue;
    if (isPrediction) counted.predictions += 1;
    else counted.problems += 1;
    counted.rate.add(1, nowMs);
  }
  if (client && isPrediction) count(client.labels, answer.label);
  if (client && !isPrediction) count(client.codes, answer.code);
  state.recent.push({ atMs: nowMs, answer });
  if (state.recent.length > RECENT) state.recent.shift();
}

function applyAgent(
  state: WatchState,
  event: Extract<WatchEvent, { type: 'status' | 'stats' }>,
  nowMs: number,
): void {
  const agent = obtain(state.agents, event.agent, () => ({
    status: null,
    heardMs: nowMs,
    stats: null,
  }));
  if (agent === undefined) return;
  if (event.type === 'stats') {
    agent.stats = event.stats;
    return;
  }
  const { epoch, heartbeatAt } = event.status;
  // The same heartbeat again, retained, is no new sign of life.
  if (agent.status?.epoch !== epoch || agent.status.heartbeatAt !== heartbeatAt) {
    agent.heardMs = nowMs;
  }
  agent.status = event.status;
}

function obtain<Item>(items: Map<string, Item>, name: string, make: () => Item): Item | undefined {
  const known = items.get(name);
  if (known !== undefined || items.size >= MAX_NAMES) return known;
  const made = make();
  items.set(name, made);
  return made;
}

function count(counts: Map<string, number>, name: string): void {
  const key = counts.has(name) || counts.size < MAX_LABELS ? name : OTHER;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
