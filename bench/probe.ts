// A steady asker: questions at a fixed pace, whether answers come or not, and how late each answer is.
import type { MqttClient } from 'mqtt';

const PERIOD_MS = 2;

/** Asks at a steady pace, whether answers come or not: a stall delays every question that falls into it. */
export class Probe {
  private readonly client: MqttClient;
  private readonly topic: string;
  private readonly dueMs = new Map<number, number>();
  private latenciesMs: number[] = [];
  private serial = 0;
  private wake: () => void = () => {};

  private constructor(client: MqttClient, name: string) {
    this.client = client;
    this.topic = `echolot/v1/readings/${name}/echo`;
    client.on('message', (_topic, payload) => this.take(Number(payload.toString())));
  }

  static async start(client: MqttClient, name: string): Promise<Probe> {
    const probe = new Probe(client, name);
    await client.subscribeAsync(`echolot/v1/replies/${name}/+`, { qos: 1 });
    return probe;
  }

  /**
   * The latency in ms of every question, from when it was due.
   * @param isOver asked once `durationMs` have passed; until then and until it says so questions go out
   */
  async run(durationMs: number, isOver: () => boolean = () => true): Promise<number[]> {
    this.latenciesMs = [];
    const startMs = performance.now();
    for (let dueMs = startMs; dueMs < startMs + durationMs || !isOver(); ) {
      for (; dueMs <= performance.now(); dueMs += PERIOD_MS) this.ask(dueMs);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    while (this.dueMs.size > 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.latenciesMs;
  }

  private ask(dueMs: number): void {
    this.serial += 1;
    this.dueMs.set(this.serial, dueMs);
    this.client.publish(this.topic, String(this.serial), { qos: 1 });
  }

  private take(serial: number): void {
    const dueMs = this.dueMs.get(serial);
    if (dueMs === undefined) return;
    this.dueMs.delete(serial);
    this.latenciesMs.push(performance.now() - dueMs);
    if (this.dueMs.size === 0) this.wake();
  }
}
