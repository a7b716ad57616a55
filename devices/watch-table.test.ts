import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BrokerRefusedError } from '../bus/types.ts';
import { encodeMessage } from '../schemas/encode.ts';
import type { Stats, Status } from '../schemas/messages.ts';
import { MODEL, prediction } from './fake-bus.fixture.ts';
import { readWatchEvents, toWatchLine, type WatchEvent } from './watch-events.ts';
import { applyWatchEvent, createWatchState } from './watch-state.ts';
import { renderWatchTable } from './watch-table.ts';

const ROOT = 'echolot/v1';
const json = (message: object) => encodeMessage(message, 'json');
const read = (topic: string, message: object) =>
  readWatchEvents('echolot', `${ROOT}/${topic}`, json(message));
const reply = (client: string, id: string, body: object) =>
  read(`replies/${client}/sonar`, { id, ...body, agent: 'edge-1' });
const trouble = (code: string) => ({ problem: { code, detail: 'expected 60 values, got 59' } });

function status(change: Partial<Status> = {}): Status {
  return {
    state: 'online',
    reason: 'serving',
    agent: 'edge-1',
    epoch: 'e1',
    heartbeatAt: '2026-01-31T12:00:00Z',
    protocol: '5',
    group: 'predictors',
    models: [MODEL],
    ...change,
  };
}

function stats(): Stats {
  const percentiles = { p50: 0.41, p95: 0.8, p99: 1.25, max: 3 };
  return {
    agent: 'edge-1',
    epoch: 'e1',
    at: '2026-01-31T12:00:00Z',
    uptimeSeconds: 60,
    received: 1240,
    answered: 1234,
    rejected: 6,
    shed: 0,
    expired: 0,
    repeated: 0,
    inHand: 0,
    unanswerable: 0,
    repliesRefused: 0,
    repliesLost: 0,
    rate: { receivedPerSecond: 12.4, answeredPerSecond: 12.3 },
    latencyMs: { queue: percentiles, model: percentiles, total: percentiles },
    batchRows: percentiles,
    memory: { rssBytes: 1, heapUsedBytes: 1 },
    models: [MODEL],
  };
}

function feed(events: readonly WatchEvent[], nowMs = 0, state = createWatchState(0)) {
  for (const event of events) applyWatchEvent(state, event, nowMs);
  return state;
}

describe('readWatchEvents', () => {
  it('gives one event per prediction, and one per row of a batch', () => {
    const { model, ...row } = prediction();
    expect(reply('buoy-1', 'r-1', prediction())).toEqual([
      {
        type: 'prediction',
        client: 'buoy-1',
        model: 'sonar',
        id: 'r-1',
        row: null,
        ...row,
        agent: 'edge-1',
        version: '1.0.0',
      },
    ]);
    expect(reply('buoy-1', 'r-1', { predictions: [row, row], model })).toMatchObject([
      { type: 'prediction', row: 0, label: 'metal' },
      { type: 'prediction', row: 1, label: 'metal' },
    ]);
    const typed = {
      id: 'r-1',
      labels: ['a', 'b'],
      scores: new Float32Array([1, 0, 0, 1]),
      model,
      agent: 'e',
    };
    const payload = encodeMessage(typed, 'cbor');
    expect(readWatchEvents('echolot', `${ROOT}/replies/x/sonar`, payload)).toMatchObject([
      { row: 0, label: 'a' },
      { row: 1, label: 'b' },
    ]);
  });

  it('tells problems, statuses and stats apart, and leaves self-checks out', () => {
    expect(reply('buoy-1', 'r-1', trouble('VALUES_WRONG_LENGTH'))).toMatchObject([
      { type: 'problem', client: 'buoy-1', code: 'VALUES_WRONG_LENGTH' },
    ]);
    expect(read('agents/edge-1/status', status())).toMatchObject([
      { type: 'status', agent: 'edge-1' },
    ]);
    expect(read('agents/edge-1/stats', stats())).toMatchObject([
      { type: 'stats', agent: 'edge-1' },
    ]);
    expect(
      read('replies/edge-1/self-check', { id: '1', ...prediction(), agent: 'edge-1' }),
    ).toEqual([]);
  });

  it('is total', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('replies/a/sonar', 'agents/a/status', 'agents/a/stats', 'x', ''),
        fc.uint8Array(),
        (topic, bytes) => {
          const events = readWatchEvents('echolot', `${ROOT}/${topic}`, Buffer.from(bytes));
          expect(events).toEqual([{ type: 'unreadable', topic: `${ROOT}/${topic}` }]);
        },
      ),
    );
  });
});

describe('toWatchLine', () => {
  const at = new Date(0);

  it('writes one line of JSON per prediction and problem, and nothing for the rest', () => {
    const [answered] = reply('buoy-1', 'r-1', prediction()) as [WatchEvent];
    expect(JSON.parse(toWatchLine(answered, at) ?? '')).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      client: 'buoy-1',
      model: 'sonar',
      id: 'r-1',
      label: 'metal',
      score: 0.75,
      scores: { metal: 0.75, rock: 0.25 },
      agent: 'edge-1',
      version: '1.0.0',
    });
    const [refused] = reply('buoy-1', 'r-1', trouble('VALUES_WRONG_LENGTH')) as [WatchEvent];
    expect(toWatchLine(refused, at)).toContain(
      '"problem":{"code":"VALUES_WRONG_LENGTH","detail":"expected 60',
    );
    expect(toWatchLine({ type: 'lost', detail: 'x' }, at)).toBeNull();
  });
});

describe('renderWatchTable', () => {
  const screen = { columns: 120, rows: 24, nowMs: 5000, color: false };

  function busy() {
    const state = feed([
      { type: 'connected', protocol: '5' },
      ...read('agents/edge-1/status', status()),
      ...read('agents/edge-1/stats', stats()),
      ...read('agents/edge-2/status', status({ state: 'offline' })),
    ]);
    for (let at = 0; at < 40; at += 1) {
      const body =
        at % 10 === 9 ? trouble('VALUES_WRONG_LENGTH') : prediction(at % 3 ? 'metal' : 'rock');
      feed(reply(`buoy-${at % 3}`, `r-${at}`, body), at * 100, state);
    }
    return state;
  }

  it('shows link, agents, clients and the last answers, the newest first', () => {
    const lines = renderWatchTable(busy(), screen).split('\n');
    const text = lines.join('\n');
    expect(lines[0]).toMatch(
      /^echolot watch · 5 s · \d+\.\d answers\/s · 36 predictions · 4 problems$/,
    );
    expect(lines[1]).toBe('connected (MQTT 5)');
    expect(text).toMatch(
      /^edge-1 +online +5 s +sonar 1\.0\.0 onnx +1234 +12\.3 +0\.41 +1\.25 +0$/m,
    );
    expect(text).toMatch(/^edge-2 +offline/m);
    expect(text).toMatch(/^buoy-0 +14 +\d\.\d +rock 12 +VALUES_WRONG_LENGTH 2$/m);
    expect(text.indexOf('r-39')).toBeLessThan(text.indexOf('r-38'));
  });

  it('calls an agent silent whose heartbeat is old, though it comes again retained', () => {
    const state = feed(read('agents/edge-1/status', status()));
    feed(read('agents/edge-1/status', status()), 74_000, state);
    expect(renderWatchTable(state, { ...screen, nowMs: 74_999 })).toMatch(/edge-1 +online/);
    expect(renderWatchTable(state, { ...screen, nowMs: 75_000 })).toMatch(/edge-1 +silent/);
    feed(
      read('agents/edge-1/status', status({ heartbeatAt: '2026-01-31T12:01:15Z' })),
      75_000,
      state,
    );
    expect(renderWatchTable(state, { ...screen, nowMs: 75_000 })).toMatch(/edge-1 +online/);
  });

  it('says why there is no connection', () => {
    const state = feed([{ type: 'unreachable', detail: 'connect ECONNREFUSED' }]);
    expect(renderWatchTable(state, screen)).toContain('away (connect ECONNREFUSED)');
    feed(
      [{ type: 'refused', error: new BrokerRefusedError('wrong password', 'mend it') }],
      0,
      state,
    );
    expect(renderWatchTable(state, screen)).toContain('away (wrong password)');
    expect(renderWatchTable(feed(read('x', {})), screen)).toContain(
      'connecting · 1 unreadable messages',
    );
  });

  it('fits every screen and lets no control character through, whatever comes', () => {
    const nasty = fc.string({ unit: 'binary', maxLength: 80 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(nasty, nasty, fc.integer({ min: 0, max: 40 }))),
        fc.integer({ min: 10, max: 150 }),
        fc.integer({ min: 3, max: 50 }),
        (answers, columns, rows) => {
          const state = busy();
          for (const [label, detail, client] of answers) {
            const body = {
              label,
              score: 1,
              scores: { [label]: 1 },
              model: { ...MODEL, version: label || 'v' },
            };
            feed(reply(`c${client}`, 'r', body), 5000, state);
            feed(
              reply(`c${client}`, 'r', { problem: { code: 'MODEL_FAILED', detail } }),
              5000,
              state,
            );
            feed(read(`agents/c${client}/status`, status({ models: [body.model] })), 5000, state);
          }
          const lines = renderWatchTable(state, { ...screen, columns, rows }).split('\n');
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) {
            expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
            // A combining mark stands on the character before it and takes no column of its own.
            const standing = Array.from(line.replace(/\p{M}/gu, ''));
            expect(standing.length).toBeLessThanOrEqual(columns);
          }
        },
      ),
      {
        numRuns: 60,
        examples: [[[['\u17b4', '', 0]], 23, 17]],
      },
    );
  });

  it('colours only where asked, and never what came from outside', () => {
    expect(renderWatchTable(busy(), screen)).not.toContain('\u001b');
    const colored = renderWatchTable(busy(), { ...screen, color: true });
    expect(colored).toContain('\u001b[32monline\u001b[0m');
    expect(colored.split('\u001b').length % 2).toBe(1);
  });

  it('keeps the memory of floods bounded', () => {
    const state = createWatchState(0);
    for (let at = 0; at < 3000; at += 1) {
      feed(reply(`c${at}`, 'r', prediction(`label-${at}`)), 0, state);
      feed(reply('c0', 'r', prediction(`label-${at}`)), 0, state);
    }
    expect(state.clients.size).toBe(1000);
    expect(state.recent.length).toBe(50);
    expect(state.predictions).toBe(6000);
    const labels = state.clients.get('c0')?.labels ?? new Map<string, number>();
    expect(labels.size).toBe(21);
    expect([...labels.values()].reduce((sum, count) => sum + count, 0)).toBe(3001);
  });
});
