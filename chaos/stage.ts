// The stage: broker, agents and clients as processes of their own, each behind a faulty network of its own.
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openIdentityStore } from '../broker/identity-store.ts';
import { type BrokerKind, type BrokerRecipe, prepareBroker } from './broker-recipe.ts';
import { ChaosError } from './chaos-error.ts';
import { type SmallDisk, startSmallDisk } from './disk.ts';
import { LedgerFile } from './ledger-file.ts';
import { type Observer, startObserver } from './observer.ts';
import { BROKER, type Cast, type Plan } from './plan.ts';
import { type FaultProxy, startFaultProxy } from './proxy.ts';
import { agentRecipe, callerConfig, callerRecipe, type Party } from './recipes.ts';
import { Supervised } from './supervised.ts';

const OBSERVER = 'observer';
export const INTRUDER = 'intruder';
const BROKER_DISK_BYTES = 48 * 2 ** 20;
const OUTBOX_DISK_BYTES = 24 * 2 ** 20;
const START_MS = 60_000;
const LAST_SAMPLES_MS = 300;
export interface StageOptions {
  /** Everything of the run; made before. */
  readonly folder: string;
  readonly broker: BrokerKind;
  readonly cast: Cast;
  readonly plan: Plan;
  /** The built command, dist/cli/echolot.js. */
  readonly cli: string;
  readonly model: { readonly folder: string; readonly name: string };
  readonly rows: readonly (readonly number[])[];
  /** Each client's, per second. */
  readonly ratePerSecond: number;
  readonly random: () => number;
  /** Where programs are looked for: PATH. */
  readonly path: string;
  readonly signal: AbortSignal;
}

export class Stage {
  readonly options: StageOptions;
  readonly processes = new Map<string, Supervised>();
  readonly links = new Map<string, FaultProxy>();
  readonly ledgers = new Map<string, LedgerFile>();
  readonly disks = new Map<string, SmallDisk>();
  /** Why a disk that should fill up cannot. */
  readonly missing: string[] = [];
  readonly passwords = new Map<string, string>();
  /** What all intruders together tried and got. */
  readonly intruded: Record<string, number> = {};
  /** Topics of others on which an intruder received something. */
  readonly leaked: string[] = [];
  broker: BrokerRecipe | null = null;
  observer: Observer | null = null;

  constructor(options: StageOptions) {
    this.options = options;
  }

  get innerUrl(): string {
    return `mqtt://127.0.0.1:${this.broker?.innerPort}`;
  }

  get finishFile(): string {
    return join(this.options.folder, 'finish');
  }

  /** Clients that have not come to their end. */
  get unfinished(): string[] {
    return this.options.cast.clients.filter((name) => !this.process(name).isFinished);
  }

  noteIntruder(counts: Readonly<Record<string, number>>, leaked: Iterable<string>): void {
    for (const [what, count] of Object.entries(counts)) {
      this.intruded[what] = (this.intruded[what] ?? 0) + count;
    }
    this.leaked.push(...leaked);
  }

  ledger(client: string): LedgerFile {
    const found = this.ledgers.get(client);
    if (!found) throw new Error(`no client on the stage is called ${client}`);
    return found;
  }

  process(name: string): Supervised {
    const found = this.processes.get(name);
    if (!found) throw new Error(`nobody on the stage is called ${name}`);
    return found;
  }

  /** @throws {ChaosError} the broker or an agent does not start */
  async start(): Promise<void> {
    await this.makeIdentities();
    await this.startBroker();
    await this.startAgents();
    await this.startClients();
  }

  /** Their last samples are sent, and seen, before this resolves. */
  async stopAgents(): Promise<void> {
    await Promise.all(this.options.cast.agents.map((name) => this.process(name).stop()));
    await sleep(LAST_SAMPLES_MS);
  }

  /** Everybody ends; folders of disks are gone. Never rejects. */
  async stop(): Promise<void> {
    const [broker, ...others] = [...this.processes.values()];
    await Promise.allSettled(others.map((each) => each.stop()));
    await this.observer?.stop().catch(() => undefined);
    await Promise.allSettled([...this.links.values()].map((link) => link.stop()));
    await broker?.stop();
    for (const disk of this.disks.values()) await disk.stop().catch(() => undefined);
  }

  /** For the very end of this process. */
  abandon(): void {
    for (const each of this.processes.values()) each.abandon();
  }

  private async makeIdentities(): Promise<void> {
    const { cast, folder } = this.options;
    await mkdir(join(folder, 'logs'));
    const store = await openIdentityStore(join(folder, 'store'));
    const added = await store.addAll([
      ...cast.agents.map((name) => ({ name, role: 'predictor' as const })),
      ...cast.clients.map((name) => ({ name, role: 'client' as const })),
      { name: OBSERVER, role: 'operator' },
      { name: INTRUDER, role: 'client' },
    ]);
    for (const { name, password } of added) {
      this.passwords.set(name, password);
      await writeFile(join(folder, `${name}.password`), password, { mode: 0o600 });
    }
  }

  private async startBroker(): Promise<void> {
    const { broker, cli, folder, model } = this.options;
    this.broker = await prepareBroker(broker, {
      store: join(folder, 'store'),
      dataFolder: await this.folderOf(BROKER, BROKER_DISK_BYTES),
      logFile: join(folder, 'logs', 'broker.log'),
      cli,
      env: this.environment(),
      model: model.name,
    });
    const supervised = this.add(new Supervised(this.broker.recipe));
    supervised.start();
    const password = this.passwords.get(OBSERVER) ?? '';
    this.observer = startObserver({ url: this.innerUrl, name: OBSERVER, password });
    await this.until(supervised, () => this.observer?.isConnected === true);
  }

  private async startAgents(): Promise<void> {
    const { cast, cli, folder, model } = this.options;
    for (const [index, name] of cast.agents.entries()) {
      const party = await this.party(name, index, this.broker?.innerPort ?? 0);
      await mkdir(join(folder, `${name}.state`), { mode: 0o700 });
      this.add(new Supervised(agentRecipe(party, cli, model.folder))).start();
    }
    for (const name of cast.agents)
      await this.until(this.process(name), () => this.observer?.online.has(name) === true);
  }

  private async startClients(): Promise<void> {
    const { finishFile } = this;
    const { cast, folder, ratePerSecond, rows } = this.options;
    const rowsFile = join(folder, 'rows.json');
    await writeFile(rowsFile, JSON.stringify(rows));
    for (const [index, name] of cast.clients.entries()) {
      const party = await this.party(name, index, this.broker?.clientsPort ?? 0);
      const ledger = join(folder, `${name}.ledger`);
      this.ledgers.set(name, new LedgerFile(ledger));
      const outbox = join(await this.folderOf(name, OUTBOX_DISK_BYTES), 'outbox');
      const periodMs = 1000 / ratePerSecond;
      const config = callerConfig(party, { outbox, ledger, rowsFile, finishFile, periodMs });
      const configFile = join(folder, `${name}.json`);
      await writeFile(configFile, JSON.stringify(config));
      this.add(new Supervised(callerRecipe(party, configFile))).start();
    }
    for (const name of cast.clients) {
      await this.until(this.process(name), () => this.ledger(name).read().told > 0);
    }
  }

  private async party(name: string, index: number, port: number): Promise<Party> {
    const { folder, random } = this.options;
    const link = await startFaultProxy({ target: { host: '127.0.0.1', port }, random });
    this.links.set(name, link);
    return { name, index, url: link.url, folder, env: this.environment() };
  }

  /** Nothing else of ours: the settings of whoever runs this must not change a run. */
  private environment(): Record<string, string> {
    return { PATH: this.options.path, HOME: tmpdir(), TMPDIR: tmpdir() };
  }

  private add(supervised: Supervised): Supervised {
    this.processes.set(supervised.name, supervised);
    return supervised;
  }

  /** A folder of somebody's, on a small disk of its own where the plan fills it. */
  private async folderOf(name: string, bytes: number): Promise<string> {
    const { folder, plan } = this.options;
    const path = join(folder, `${name}.data`);
    await mkdir(path, { mode: 0o700 });
    const isFilled = plan.steps.some(
      ({ fault }) =>
        fault.target === name && (fault.kind === 'full-broker' || fault.kind === 'full-outbox'),
    );
    if (!isFilled) return path;
    const outcome = await startSmallDisk({ folder: path, bytes });
    if (outcome.ok) this.disks.set(name, outcome.disk);
    else this.missing.push(`no full disk for ${name}: ${outcome.reason}`);
    return path;
  }

  private async until(supervised: Supervised, isDone: () => boolean): Promise<void> {
    const limit = performance.now() + START_MS;
    while (!isDone()) {
      if (performance.now() > limit) {
        throw new ChaosError(
          `${supervised.name} does not come up: ${supervised.logTail() || 'it said nothing'}`,
          'Start it by hand to see why, or keep the folder of the run with --keep.',
          1,
        );
      }
      await sleep(50, undefined, { signal: this.options.signal });
    }
  }
}
