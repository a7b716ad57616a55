// What a part needs while it measures: a broker, responders that answer already, and the load.
import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import mqtt from 'mqtt';
import { decodeStatus } from '../schemas/encode.ts';
import { buildTopic } from '../schemas/topics.ts';
import { type BenchBroker, type BrokerName, startBroker, stopProcess } from './brokers.ts';
import { Crowd } from './crowd.ts';
import { Question } from './questions.ts';
import type { Responder } from './responders.ts';

const WARM_UP = { window: 64, ms: 2500, quickMs: 300 } as const;

export class Rig {
  readonly broker: BenchBroker;
  /** One client. */
  readonly load: Crowd;
  /** Why responders do not take part, by title. */
  readonly missing = new Map<string, string>();
  private readonly processes = new Map<Responder, ChildProcess>();
  private readonly crowds: Crowd[] = [];

  private constructor(broker: BenchBroker, load: Crowd) {
    this.broker = broker;
    this.load = load;
  }

  /** @param options.clients how many more clients `crowdOf` may have */
  static async start(
    name: BrokerName,
    responders: readonly Responder[],
    options: { readonly clients?: number } = {},
  ): Promise<Rig> {
    const broker = await startBroker(name, {
      predictors: responders.map(({ identity }) => identity),
      models: [...new Set(responders.map(({ model }) => model))],
      ...options,
    });
    try {
      const password = (await readFile(broker.passwordFile('load'), 'utf8')).trim();
      return new Rig(broker, await Crowd.connect(broker.url, [{ name: 'load', password }]));
    } catch (error) {
      await broker.stop();
      throw error;
    }
  }

  async add(responder: Responder): Promise<void> {
    this.processes.set(responder, await responder.start(this.broker));
  }

  /**
   * Starts responders and waits until each answers.
   * @returns those that take part; of the others `missing` says why
   * @throws {Error} where one is missing that no run can do without
   */
  async serve(
    responders: readonly Responder[],
    question = (responder: Responder) => new Question(responder.model, 0),
  ): Promise<Responder[]> {
    const serving: Responder[] = [];
    for (const responder of responders) {
      try {
        await this.add(responder);
        await this.load.untilServed(question(responder));
        serving.push(responder);
      } catch (error) {
        if (!responder.isOptional) throw error;
        const why = error instanceof Error ? error.message : String(error);
        this.missing.set(responder.title, why);
        await this.remove(responder);
      }
    }
    return serving;
  }

  /** So much work for each that V8 has compiled what it will compile; nothing is measured. */
  async warmUp(
    responders: readonly Responder[],
    quick: boolean,
    question = (responder: Responder) => new Question(responder.model, 1),
  ): Promise<void> {
    const options = { window: WARM_UP.window, durationMs: quick ? WARM_UP.quickMs : WARM_UP.ms };
    for (const responder of responders) await this.load.run(question(responder), options);
  }

  pidOf(responder: Responder): number {
    const pid = this.processes.get(responder)?.pid;
    if (pid === undefined) throw new Error(`${responder.title} does not run`);
    return pid;
  }

  async remove(responder: Responder): Promise<void> {
    const child = this.processes.get(responder);
    this.processes.delete(responder);
    if (child) await stopProcess(child);
  }

  /** Waits for the status of an agent that shares its model with others. Takes the first of the clients. */
  async untilOnline({ identity }: Responder): Promise<void> {
    const [login] = this.broker.logins;
    if (!login) throw new Error('no client is there to look');
    const { name, password } = login;
    const options = { clientId: name, username: name, password };
    const watcher = await mqtt.connectAsync(this.broker.url, options);
    await new Promise<void>((resolve, reject) => {
      watcher.on('message', (_topic, payload) => {
        if (decodeStatus(payload)?.state === 'online') resolve();
      });
      const topic = buildTopic('echolot', { kind: 'status', agent: identity });
      watcher.subscribeAsync(topic, { qos: 1 }).catch(reject);
    });
    await watcher.endAsync(true);
  }

  /** So many clients, until the rig stops or they are closed. */
  async crowdOf(clients: number): Promise<Crowd> {
    const crowd = await Crowd.connect(this.broker.url, this.broker.logins.slice(0, clients));
    this.crowds.push(crowd);
    return crowd;
  }

  async stop(): Promise<void> {
    for (const crowd of [this.load, ...this.crowds]) crowd.close();
    for (const child of this.processes.values()) await stopProcess(child);
    await this.broker.stop();
  }
}
