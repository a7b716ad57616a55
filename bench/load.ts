// The load: readings at a fixed window, and the latency of each answer.
import { readFile } from 'node:fs/promises';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import mqtt, { type MqttClient } from 'mqtt';
import { buildTopic } from '../schemas/topics.ts';

const CLIENT = 'load';
const VALUES = Array.from({ length: 60 }, (_, index) => (index % 10) / 10);

/** Latencies in microseconds, three significant digits. */
export type Latencies = RecordableHistogram;

export class Load {
  private readonly client: MqttClient;
  private readonly waiting = new Map<string, () => void>();
  private serial = 0;

  private constructor(client: MqttClient) {
    this.client = client;
    client.on('message', (_topic, payload) => {
      const { id } = JSON.parse(payload.toString()) as { id: string };
      const answered = this.waiting.get(id);
      this.waiting.delete(id);
      answered?.();
    });
  }

  static async connect(url: string, passwordFile: string): Promise<Load> {
    const password = (await readFile(passwordFile, 'utf8')).trim();
    for (;;) {
      try {
        const client = await mqtt.connectAsync(url, {
          clientId: CLIENT,
          username: CLIENT,
          password,
          reconnectPeriod: 0,
        });
        (client.stream as unknown as { setNoDelay(on: boolean): void }).setNoDelay(true);
        const load = new Load(client);
        await client.subscribeAsync(`echolot/v1/replies/${CLIENT}/+`, { qos: 1 });
        return load;
      } catch (error) {
        // The broker is still starting.
        if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Asks until the model's responder answers for the first time. */
  async untilServed(model: string, timeoutMs = 20_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), 250);
      });
      const result = await Promise.race([this.ask(model, 1), late]);
      clearTimeout(timer);
      if (result !== 'late') return;
      if (performance.now() > deadline) throw new Error(`nobody serves ${model}`);
    }
  }

  /** `count` readings, at most `window` of them unanswered at any time. */
  async run(
    model: string,
    options: { count: number; window: number; qos: 0 | 1 },
  ): Promise<Latencies> {
    const latencies = createHistogram({ figures: 3 });
    let left = options.count;
    const worker = async () => {
      while (left > 0) {
        left -= 1;
        const startedMs = performance.now();
        await this.ask(model, options.qos);
        latencies.record(Math.max(1, Math.round((performance.now() - startedMs) * 1000)));
      }
    };
    await Promise.all(Array.from({ length: options.window }, worker));
    return latencies;
  }

  async stop(): Promise<void> {
    await this.client.endAsync(true);
  }

  private ask(model: string, qos: 0 | 1): Promise<void> {
    this.serial += 1;
    const id = `r-${this.serial}`;
    const topic = buildTopic('echolot', { kind: 'reading', client: CLIENT, model });
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.client.publish(topic, JSON.stringify({ id, values: VALUES }), { qos });
    });
  }
}
