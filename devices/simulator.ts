// Simulated devices: each replays real readings at a steady rate and tells what came back.
import type { BrokerRefusedError } from '../bus/types.ts';
import type { Problem } from '../schemas/problems.ts';
import { createClient } from './client.ts';
import type { Client, ClientEvent, ClientOptions } from './client-types.ts';
import { type Clock, systemClock } from './clock.ts';
import type { RowPrediction } from './read-answer.ts';
import { type LabelledRow, planReplay } from './replay-plan.ts';

/** Calls that may wait behind the unanswered ones; a device that falls further behind says so. */
const MAX_WAITING = 64;

export interface SimulatorOptions {
  readonly url: string;
  readonly devices: readonly { readonly clientId: string; readonly password?: string }[];
  /** What the devices replay, with the known labels. */
  readonly rows: readonly LabelledRow[];
  /** Readings per second and device; above 1000 the timers of Node set the pace. */
  readonly rate: number;
  /** Standard deviation of the gaussian noise on every value. Default 0. */
  readonly noise?: number;
  /** Where the noise is cut off. Default 0 to 1. */
  readonly limits?: { readonly minimum: number; readonly maximum: number };
  /** The same seed replays the same readings, device by device. Default 1. */
  readonly seed?: number;
  readonly model?: string;
  readonly namespace?: string;
  readonly tls?: ClientOptions['tls'];
  /** Per reading. Default 5000. */
  readonly timeoutMs?: number;
  /** Readings per device; then `done` resolves. Default: no end. */
  readonly limit?: number;
  readonly onPrediction?: (prediction: SimulatedPrediction) => void;
  readonly onProblem?: (problem: SimulatedProblem) => void;
  readonly onEvent?: (client: string, event: ClientEvent) => void;
}

export interface SimulatedPrediction extends RowPrediction {
  readonly client: string;
  readonly id: string;
  /** The label that is known for the row. */
  readonly expected: string;
  readonly correct: boolean;
  readonly agent: string;
  /** Of the bundle that answered. */
  readonly digest: string;
  /** From the call to the answer, to the microsecond. */
  readonly latencyMs: number;
}

export interface SimulatedProblem {
  readonly client: string;
  readonly problem: Problem;
}

export interface Simulator {
  /** Resolves when every device has its outcomes: after `limit` readings, or after `stop`. */
  readonly done: Promise<void>;
  /** Resolves if the broker refuses a device for good. */
  readonly failed: Promise<BrokerRefusedError>;
  /** Ends the devices and their connections at once. */
  stop(): Promise<void>;
}

export interface SimulatorParts {
  readonly createClient: (options: ClientOptions) => Client;
  readonly clock: Clock;
}

/** @throws {ClientOptionsError} for a device whose name, or a URL, cannot be used */
export function startSimulator(
  options: SimulatorOptions,
  parts: SimulatorParts = { createClient, clock: systemClock },
): Simulator {
  const devices = options.devices.map((_, index) => new Device(options, index, parts));
  return {
    done: Promise.all(devices.map((device) => device.done)).then(() => {}),
    failed: Promise.race(devices.map((device) => device.client.failed)),
    async stop() {
      await Promise.all(devices.map((device) => device.stop()));
    },
  };
}

class Device {
  readonly client: Client;
  readonly done: Promise<void>;
  private readonly clientId: string;
  private readonly options: SimulatorOptions;
  private readonly clock: Clock;
  private readonly plan: ReturnType<typeof planReplay>;
  private finish: () => void = () => {};
  private stopped = false;
  private sent = 0;
  private open = 0;
  private cancelNext: () => void;

  constructor(options: SimulatorOptions, index: number, { createClient, clock }: SimulatorParts) {
    const { clientId, password } = options.devices[index] as SimulatorOptions['devices'][number];
    const { url, model, namespace, tls, onEvent } = options;
    const { rows, noise = 0, limits = { minimum: 0, maximum: 1 }, seed = 1, rate } = options;
    this.clientId = clientId;
    this.options = options;
    this.clock = clock;
    // One order and one noise per device, far apart whatever the seed.
    this.plan = planReplay({ rows, noise, limits, seed: seed + index * 0x9e3779b9 });
    this.client = createClient({
      url,
      clientId,
      maxWaiting: MAX_WAITING,
      ...(password !== undefined && { password }),
      ...(model !== undefined && { model }),
      ...(namespace !== undefined && { namespace }),
      ...(tls !== undefined && { tls }),
      ...(onEvent && { onEvent: (event: ClientEvent) => onEvent(clientId, event) }),
    });
    this.done = new Promise((resolve) => {
      this.finish = resolve;
    });
    // Devices start one after the other within one period, as real ones are not in step.
    const firstMs = clock.now() + (1000 / rate) * (index / options.devices.length);
    this.cancelNext = clock.after(firstMs - clock.now(), () => this.measure(firstMs));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelNext();
    this.finish();
    await this.client.close();
  }

  private measure(dueMs: number): void {
    const { limit = Number.POSITIVE_INFINITY, rate } = this.options;
    const next = this.sent < limit ? this.plan.next() : null;
    if (next === null || next.done) {
      if (this.open === 0) this.finish();
      return;
    }
    this.sent += 1;
    void this.ask(next.value.values, next.value.label);
    // After a stall the missed readings stay missed: what was not measured cannot be caught up.
    const nowMs = this.clock.now();
    const periodMs = 1000 / rate;
    const nextMs = (nowMs - dueMs < periodMs ? dueMs : nowMs) + periodMs;
    this.cancelNext = this.clock.after(nextMs - nowMs, () => this.measure(nextMs));
  }

  private async ask(values: readonly number[], expected: string): Promise<void> {
    const { timeoutMs, onPrediction, onProblem } = this.options;
    const startMs = this.clock.now();
    this.open += 1;
    const result = await this.client.classify(values, timeoutMs === undefined ? {} : { timeoutMs });
    this.open -= 1;
    if (this.stopped) return;
    if (result.ok) {
      const { id, label, score, scores, agent, model } = result.prediction;
      const latencyMs = Math.round((this.clock.now() - startMs) * 1000) / 1000;
      const correct = label === expected;
      const client = this.clientId;
      const known = { expected, correct, digest: model.digest, latencyMs };
      onPrediction?.({ client, id, label, score, scores, agent, ...known });
    } else {
      onProblem?.({ client: this.clientId, problem: result.problem });
    }
    if (this.open === 0 && this.sent >= (this.options.limit ?? Number.POSITIVE_INFINITY)) {
      this.finish();
    }
  }
}
