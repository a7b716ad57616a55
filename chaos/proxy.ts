// A TCP proxy before a broker that does harm to the network of one party, as it is told.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Flow } from './flow.ts';
import { CONNACK, CONNECT } from './frames.ts';
import {
  type Conditions,
  conditionsOf,
  type Direction,
  type NetworkFault,
} from './network-fault.ts';

export type { NetworkFault };

export interface FaultProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** From 0 (inclusive) to 1 (exclusive): all chance comes from here. */
  readonly random: () => number;
}

/** One proxy per party, so that a fault meets that party alone. Its port stays while the broker restarts. */
export interface FaultProxy {
  readonly port: number;
  /** For the party: `mqtt://127.0.0.1:{port}`. */
  readonly url: string;
  /** Open now, with those of which only one side is left. */
  readonly connections: number;
  /** For connections from now on. */
  setTarget(target: { readonly host: string; readonly port: number }): void;
  /** From now on, on top of what is already wrong, for open and new connections. */
  apply(fault: NetworkFault): void;
  /**
   * Takes all faults back. What was held passes; connections of which bytes or an end were swallowed
   * are reset on both sides.
   */
  heal(): void;
  /** Since the start: connections, refused, bytesUp, bytesDown, swallowedBytes, resets, duplicated, reordered. */
  counts(): Record<string, number>;
  /** Resets all connections and frees the port. */
  stop(): Promise<void>;
}

/** Listens on a free port of loopback. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { random } = options;
  const pairs = new Set<Pair>();
  const totals = { connections: 0, refused: 0, resets: 0 };
  const closed = { bytesUp: 0, bytesDown: 0, swallowedBytes: 0, duplicated: 0, reordered: 0 };
  let target = options.target;
  let faults: readonly NetworkFault[] = [];
  let conditions = compile(faults);
  /** Bytes until a packet breaks off. */
  let bytesToReset = Number.POSITIVE_INFINITY;

  const change = (next: readonly NetworkFault[]) => {
    faults = next;
    conditions = compile(faults);
    for (const pair of pairs) pair.update();
  };
  const reset = (pair: Pair) => {
    totals.resets += 1;
    pair.reset();
  };
  const breakOff = (bytes: number) => {
    bytesToReset -= bytes;
    if (bytesToReset > 0 || bytes < 2) return null;
    bytesToReset = Number.POSITIVE_INFINITY;
    return 1 + Math.floor(random() * (bytes - 1));
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (party) => {
    totals.connections += 1;
    const isCut = faults.some(({ kind }) => kind === 'partition');
    if (isCut && random() < 0.5) {
      totals.refused += 1;
      party.on('error', ignore);
      party.resetAndDestroy();
      return;
    }
    const pair = new Pair(party, {
      random,
      conditions: (way) => conditions[way],
      breakOff,
      onBreak: () => reset(pair),
      onClosed: () => {
        pairs.delete(pair);
        add(closed, pair.counts());
      },
    });
    pairs.add(pair);
    if (!isCut) pair.open(target);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    get connections() {
      return pairs.size;
    },
    setTarget(next) {
      target = next;
    },
    apply(fault) {
      if (fault.kind === 'reset') bytesToReset = Math.max(1, fault.afterBytes);
      change([...faults, fault]);
    },
    heal() {
      bytesToReset = Number.POSITIVE_INFINITY;
      for (const pair of pairs) if (pair.isTainted) reset(pair);
      change([]);
      for (const pair of pairs) pair.open(target);
    },
    counts() {
      const open = { ...closed };
      for (const pair of pairs) add(open, pair.counts());
      return { ...totals, ...open };
    },
    async stop() {
      for (const pair of pairs) pair.reset();
      server.close();
      await once(server, 'close');
    },
  };
}

type PairCounts = Record<
  'bytesUp' | 'bytesDown' | 'swallowedBytes' | 'duplicated' | 'reordered',
  number
>;

interface PairPorts {
  readonly random: () => number;
  conditions(way: Direction): Conditions;
  readonly breakOff: (bytes: number) => number | null;
  readonly onBreak: () => void;
  onClosed(): void;
}

/** A connection of the party, and that to the broker which belongs to it. */
class Pair {
  private readonly party: Socket;
  private readonly ports: PairPorts;
  private readonly up: Flow;
  private down: Flow | null = null;
  private broker: Socket | null = null;
  private isSettled = false;

  constructor(party: Socket, ports: PairPorts) {
    this.party = party;
    this.ports = ports;
    this.up = this.flow(party, CONNECT, 'up');
    party.on('error', ignore);
    party.on('close', () => this.settle());
    // Who gives up while there is no way to the broker leaves nothing behind.
    party.on('end', () => {
      if (this.broker === null) this.reset();
    });
  }

  get isTainted(): boolean {
    return this.up.isTainted || (this.down?.isTainted ?? false);
  }

  /** Makes the connection to the broker, if there is none. */
  open(target: { readonly host: string; readonly port: number }): void {
    if (this.broker !== null || this.party.destroyed) return;
    const broker = connect({ ...target, allowHalfOpen: true, noDelay: true });
    this.broker = broker;
    this.down = this.flow(broker, CONNACK, 'down');
    broker.on('error', ignore);
    broker.on('close', () => this.settle());
    broker.once('connect', () => this.up.connect(broker));
    this.down.connect(this.party);
  }

  update(): void {
    this.up.update();
    this.down?.update();
  }

  counts(): PairCounts {
    const { down, up } = this;
    return {
      bytesUp: up.passedBytes,
      bytesDown: down?.passedBytes ?? 0,
      swallowedBytes: up.swallowedBytes + (down?.swallowedBytes ?? 0),
      duplicated: up.counts.duplicated + (down?.counts.duplicated ?? 0),
      reordered: up.counts.reordered + (down?.counts.reordered ?? 0),
    };
  }

  /** An RST to both sides. */
  reset(): void {
    this.up.close();
    this.down?.close();
    for (const socket of [this.party, this.broker]) {
      if (socket && !socket.destroyed) socket.resetAndDestroy();
    }
  }

  private settle(): void {
    if (this.isSettled || !this.party.destroyed || !(this.broker?.destroyed ?? true)) return;
    this.isSettled = true;
    this.up.close();
    this.down?.close();
    this.ports.onClosed();
  }

  private flow(source: Socket, firstType: number, way: Direction): Flow {
    const { breakOff, onBreak, random } = this.ports;
    const conditions = () => this.ports.conditions(way);
    return new Flow(source, firstType, { random, conditions, breakOff, onBreak });
  }
}

const compile = (faults: readonly NetworkFault[]): Record<Direction, Conditions> => ({
  up: conditionsOf(faults, 'up'),
  down: conditionsOf(faults, 'down'),
});

function add(sum: PairCounts, more: PairCounts): void {
  for (const key of Object.keys(more) as (keyof PairCounts)[]) sum[key] += more[key];
}

/** What is wrong with a socket shows in its close. */
function ignore(): void {}
