// The stage of a proof: every probe connected, and fences by which the absence of a message is proved.
import { PROBE_MODEL, type Probe, PROBES } from '../probes.ts';
import { Actor, type Credentials, type Dial } from './actor.ts';
import { type Fence, planFences } from './fences.ts';
import type { Universe } from './universe.ts';

export class Stage {
  readonly universe: Universe;
  readonly dial: Dial;
  /** How long what is allowed may take. What is denied is judged by fences and not by time. */
  readonly patienceMs: number;
  private readonly actors: ReadonlyMap<string, Actor>;
  private readonly fences = new Map<string, Fence>();
  private readonly run: string;
  private tokens = 0;
  private isKept = false;
  /** A retained message that everybody is given who may watch models. */
  readonly keptFence: { readonly topic: string; readonly token: string };

  /** @param run unlike that of any other run, so that what an earlier one left is not taken for ours */
  constructor(
    universe: Universe,
    dial: Dial,
    credentials: ReadonlyMap<string, Credentials>,
    { patienceMs, run }: { readonly patienceMs: number; readonly run: string },
  ) {
    this.universe = universe;
    this.dial = dial;
    this.patienceMs = patienceMs;
    this.run = run;
    const topic = `${universe.policy.namespace}/v1/models/${PROBE_MODEL}/fence`;
    this.keptFence = { topic, token: `${run}-kept` };
    this.actors = new Map(
      PROBES.map((probe) => [
        probe.name,
        new Actor(probe, dial, credentials.get(probe.name) ?? {}),
      ]),
    );
  }

  actor(name: string): Actor {
    const actor = this.actors.get(name);
    if (!actor) throw new Error(`there is no probe ${name}`);
    return actor;
  }

  get everybody(): Actor[] {
    return [...this.actors.values()];
  }

  private get keeper(): Actor {
    return this.ofRole('registrar');
  }

  /** Who looks at what is retained. */
  get operator(): Actor {
    return this.ofRole('operator');
  }

  private ofRole(role: Probe['role']): Actor {
    return this.actor(PROBES.find((probe) => probe.role === role)?.name ?? '');
  }

  token(): string {
    this.tokens += 1;
    return `${this.run}-${this.tokens}`;
  }

  /** Finds for each probe a fence that works. @returns the probes that have none */
  async raiseFences(): Promise<string[]> {
    const plans = planFences(this.universe);
    const without = await Promise.all(
      this.everybody.map(async (actor) => {
        const { name } = actor.probe;
        for (const fence of plans.get(name) ?? []) {
          await actor.keep(fence.topic);
          this.fences.set(name, fence);
          if ((await this.fence([name])).has(name)) return [];
          this.fences.delete(name);
          await actor.unkeep(fence.topic);
        }
        return [name];
      }),
    );
    return without.flat();
  }

  /** The topic by which the probe's fence comes. */
  fenceOf(name: string): Fence | undefined {
    return this.fences.get(name);
  }

  /**
   * Sends each probe a message that it may be sent, and waits for it: what was published to it before
   * and acknowledged has come by then, or never will.
   * @returns the probes whose fence came
   */
  async fence(names: readonly string[]): Promise<Set<string>> {
    const came = await Promise.all(
      names.map(async (name) => {
        const fence = this.fences.get(name);
        if (!fence) return [];
        const actor = this.actor(name);
        const token = this.token();
        const { generation } = actor;
        const sender = this.actor(fence.by);
        // Who has just been displaced may lose the first one with its connection.
        const code = await sender.publish(fence.topic, token);
        if (code === null) await sender.publish(fence.topic, token);
        const isThere = await actor.until(
          () => actor.count(token) > 0,
          this.patienceMs,
          generation,
        );
        return isThere ? [name] : [];
      }),
    );
    return new Set(came.flat());
  }

  /** Sets the retained message by which the absence of other ones is proved, and sees whether it works. */
  async keepFence(): Promise<void> {
    const { token, topic } = this.keptFence;
    await this.keeper.publish(topic, token, { retain: true });
    await this.operator.subscribe(topic);
    this.isKept = await this.operator.until(() => this.operator.count(token) > 0, this.patienceMs);
    await this.operator.unsubscribe(topic);
  }

  /** False where the rights of this broker hide the retained fence: nothing is proved by it then. */
  get hasKeptFence(): boolean {
    return this.isKept;
  }

  async close(): Promise<void> {
    await this.keeper.send(this.keptFence.topic, Buffer.alloc(0), { retain: true });
    await Promise.all(this.everybody.map((actor) => actor.close()));
  }
}
