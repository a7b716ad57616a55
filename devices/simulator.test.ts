import { describe, expect, it } from 'vitest';
import type { ClientOptions } from './client-types.ts';
import { FakeBus, NO_OUTBOX, prediction, type Sent } from './fake-bus.fixture.ts';
import { FakeClock } from './fake-clock.fixture.ts';
import {
  type SimulatedPrediction,
  type SimulatedProblem,
  type SimulatorOptions,
  startSimulator,
} from './simulator.ts';
import { startClient } from './start-client.ts';

const ROWS = Array.from({ length: 5 }, (_, at) => ({
  values: [at / 10],
  label: at % 2 ? 'metal' : 'rock',
}));

function setUp(options: Partial<SimulatorOptions> = {}) {
  const clock = new FakeClock();
  const buses: FakeBus[] = [];
  const created: ClientOptions[] = [];
  const predictions: SimulatedPrediction[] = [];
  const problems: SimulatedProblem[] = [];
  const simulator = startSimulator(
    {
      url: 'mqtt://localhost',
      devices: [{ clientId: 'a', password: 'pa' }, { clientId: 'b' }],
      rows: ROWS,
      rate: 2,
      onPrediction: (it) => predictions.push(it),
      onProblem: (it) => problems.push(it),
      ...options,
    },
    {
      clock,
      createClient(clientOptions) {
        created.push(clientOptions);
        const bus = new FakeBus();
        buses.push(bus);
        return startClient(clientOptions, { createBus: bus.create, clock, ...NO_OUTBOX });
      },
    },
  );
  for (const bus of buses) {
    bus.connect();
    bus.status('edge-1');
  }
  return { simulator, clock, buses, created, predictions, problems };
}

describe('startSimulator', () => {
  it('sends at the rate, each device in its own time', async () => {
    const { buses, clock } = setUp();
    const sent: [number, string][] = [];
    for (let ms = 0; ms < 2000; ms += 50) {
      const before = buses.map((bus) => bus.sent.length);
      await clock.advance(50);
      for (const [at, bus] of buses.entries()) {
        if (bus.sent.length > (before[at] as number)) sent.push([ms + 50, at === 0 ? 'a' : 'b']);
      }
      for (const bus of buses) bus.answerAll();
    }
    expect(sent).toEqual([
      [50, 'a'],
      [250, 'b'],
      [500, 'a'],
      [750, 'b'],
      [1000, 'a'],
      [1250, 'b'],
      [1500, 'a'],
      [1750, 'b'],
      [2000, 'a'],
    ]);
  });

  it('replays the same readings for the same seed, and different ones per device', async () => {
    const runs = await Promise.all(
      [1, 1, 2].map(async (seed) => {
        const { buses, clock } = setUp({ seed, noise: 0.05 });
        await clock.advance(5000);
        return buses.map((bus) => bus.firsts().map(({ message }) => message['values']));
      }),
    );
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]).not.toEqual(runs[2]);
    expect(runs[0]?.[0]?.slice(0, 5)).not.toEqual(runs[0]?.[1]?.slice(0, 5));
    expect(runs[0]?.[0]?.length).toBeGreaterThan(5);
  });

  it('tells each prediction with what is known of the row', async () => {
    const { buses, clock, predictions } = setUp({ devices: [{ clientId: 'a' }] });
    await clock.advance(10);
    const [sent] = (buses[0] as FakeBus).sent as [Sent];
    const expected = ROWS.find(
      ({ values }) => values[0] === (sent.message['values'] as number[])[0],
    )?.label;
    await clock.advance(15.0004);
    buses[0]?.answer(sent, prediction('metal'));
    await clock.advance(0);
    const { model, ...answer } = prediction('metal');
    expect(predictions).toEqual([
      {
        client: 'a',
        id: sent.id,
        agent: 'edge-1',
        expected,
        correct: expected === 'metal',
        digest: model.digest,
        latencyMs: 25,
        ...answer,
      },
    ]);
  });

  it('does not catch up after a stall', async () => {
    const { buses, clock } = setUp({ devices: [{ clientId: 'a' }], rate: 10, timeoutMs: 60_000 });
    await clock.advance(1000);
    buses[0]?.answerAll();
    const before = buses[0]?.firsts().length ?? 0;
    clock.stall(10_000);
    await clock.advance(1000);
    expect((buses[0]?.firsts().length ?? 0) - before).toBeLessThanOrEqual(11);
  });

  it('stays bounded where nobody answers, and tells why', async () => {
    const { clock, problems } = setUp({ devices: [{ clientId: 'a' }], rate: 100 });
    await clock.advance(20_000);
    expect(new Set(problems.map(({ problem }) => problem.code))).toEqual(
      new Set(['TIMEOUT', 'OUTBOX_FULL']),
    );
    // 64 unanswered with a time-out and a repeat each, 64 waiting, and the device's next reading.
    expect(clock.pending).toBeLessThanOrEqual(64 * 3 + 1);
  });

  it('is done after its limit, once the last outcome is there', async () => {
    const { simulator, buses, clock, predictions } = setUp({ limit: 3 });
    let isDone = false;
    void simulator.done.then(() => {
      isDone = true;
    });
    await clock.advance(2000);
    expect(buses.map((bus) => bus.firsts().length)).toEqual([3, 3]);
    expect(isDone).toBe(false);
    for (const bus of buses) bus.answerAll();
    await clock.advance(0);
    expect(isDone).toBe(true);
    expect(predictions).toHaveLength(6);
  });

  it('stops at once, with its timers and connections', async () => {
    const { simulator, buses, clock, problems, created } = setUp();
    await clock.advance(1000);
    await simulator.stop();
    await simulator.done;
    expect(buses.every((bus) => bus.stopped)).toBe(true);
    expect(clock.pending).toBe(0);
    expect(problems).toEqual([]);
    expect(created[0]).toMatchObject({ clientId: 'a', password: 'pa' });
  });
});
