// One direction of one connection through the proxy: what is read, held, bent and written.
import type { Socket } from 'node:net';
import { FrameCutter } from './frames.ts';
import type { Conditions } from './network-fault.ts';
import { Shuffler } from './shuffler.ts';

/** Beyond this nothing is read from the sender. */
const MAX_WAITING_BYTES = 256 * 1024;
/** What shall come after later messages goes at the latest by then, if none come. */
const LATEST_MS = 250;
/** A slow line passes bytes in pieces of this much time. */
const SLICE_SECONDS = 0.05;

export interface FlowPorts {
  readonly random: () => number;
  conditions(): Conditions;
  /** After how many of so many bytes the packet breaks off and the connection is reset; null: not yet. */
  readonly breakOff: (bytes: number) => number | null;
  readonly onBreak: () => void;
}

type Passing = { readonly bytes: Buffer } | { readonly end: 'finish' | 'reset' };
type Waiting = Passing & { readonly dueMs: number };

export class Flow {
  passedBytes = 0;
  swallowedBytes = 0;
  private readonly source: Socket;
  private readonly ports: FlowPorts;
  private readonly cutter: FrameCutter;
  private readonly shuffler: Shuffler;
  /** Null until there is a far side. */
  private target: Socket | null = null;
  private queue: Waiting[] = [];
  private waitingBytes = 0;
  private lastDueMs = 0;
  private freeAtMs = 0;
  private hasEnded = false;
  /** The sender's end was taken and not passed on. */
  private hidEnd = false;
  private timer: NodeJS.Timeout | undefined;
  private flushing: NodeJS.Timeout | undefined;

  constructor(source: Socket, firstType: number, ports: FlowPorts) {
    this.source = source;
    this.ports = ports;
    this.cutter = new FrameCutter(firstType);
    this.shuffler = new Shuffler(ports.random);
    source.on('data', (chunk: Buffer) => this.take(chunk));
    source.on('end', () => this.end('finish'));
    source.on('close', (hadError: boolean) => {
      if (hadError || !this.hasEnded) this.end('reset');
    });
  }

  /** What went another way than TCP knows: only a reset tells both sides the truth. */
  get isTainted(): boolean {
    return this.swallowedBytes > 0 || this.hidEnd;
  }

  get counts(): { readonly duplicated: number; readonly reordered: number } {
    return this.shuffler.counts;
  }

  connect(target: Socket): void {
    this.target = target;
    target.on('drain', () => this.pump());
    this.pump();
  }

  /** The conditions are others than before. */
  update(): void {
    const { delayMs, duplicateShare, reorderShare } = this.ports.conditions();
    this.freeAtMs = 0;
    if (delayMs === 0) {
      this.lastDueMs = 0;
      this.queue = this.queue.map((waiting) => ({ ...waiting, dueMs: 0 }));
    }
    if (duplicateShare + reorderShare === 0) this.flush();
    this.pump();
  }

  /** Nothing more goes out, and no timer is left. */
  close(): void {
    clearTimeout(this.timer);
    clearTimeout(this.flushing);
    this.target = null;
    this.queue = [];
    this.waitingBytes = 0;
  }

  private take(chunk: Buffer): void {
    const conditions = this.ports.conditions();
    if (conditions.isSwallowed) {
      this.swallowedBytes += chunk.length;
      return;
    }
    for (const frame of this.cutter.push(chunk)) {
      for (const bytes of this.shuffler.pass(frame, conditions)) this.enqueue({ bytes });
    }
    if (this.shuffler.holds) {
      this.flushing ??= setTimeout(() => {
        this.flush();
        this.pump();
      }, LATEST_MS);
    }
    this.pump();
  }

  private end(end: 'finish' | 'reset'): void {
    this.hasEnded = true;
    if (this.ports.conditions().isSwallowed) {
      this.hidEnd = true;
      return;
    }
    for (const { bytes } of this.cutter.flush()) this.enqueue({ bytes });
    this.flush();
    this.enqueue({ end });
    this.pump();
  }

  private flush(): void {
    clearTimeout(this.flushing);
    this.flushing = undefined;
    for (const bytes of this.shuffler.flush()) this.enqueue({ bytes });
  }

  private enqueue(what: Passing): void {
    const { delayMs, jitterMs } = this.ports.conditions();
    const delay = delayMs + (jitterMs > 0 ? jitterMs * this.ports.random() : 0);
    this.lastDueMs = Math.max(this.lastDueMs, performance.now() + delay);
    this.queue.push({ ...what, dueMs: this.lastDueMs });
    if ('bytes' in what) this.waitingBytes += what.bytes.length;
  }

  private pump(): void {
    clearTimeout(this.timer);
    const { target } = this;
    const { bytesPerSecond, isBlocked } = this.ports.conditions();
    while (target && !isBlocked && !target.writableNeedDrain) {
      const head = this.queue[0];
      if (head === undefined) break;
      const waitMs = Math.max(head.dueMs, this.freeAtMs) - performance.now();
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.pump(), Math.ceil(waitMs));
        break;
      }
      if ('bytes' in head) {
        if (!this.write(target, head.bytes, bytesPerSecond)) return;
        continue;
      }
      this.queue.shift();
      if (head.end === 'finish') target.end();
      else if (!target.destroyed) target.resetAndDestroy();
    }
    this.regulate(isBlocked);
  }

  /** Writes the head of the queue or the first piece of it; false: the connection broke. */
  private write(target: Socket, bytes: Buffer, bytesPerSecond: number): boolean {
    const slice = bytes.subarray(0, Math.max(1, Math.ceil(bytesPerSecond * SLICE_SECONDS)));
    this.queue.shift();
    this.waitingBytes -= slice.length;
    if (slice.length < bytes.length) {
      this.queue.unshift({ bytes: bytes.subarray(slice.length), dueMs: 0 });
    }
    this.freeAtMs = performance.now() + (slice.length * 1000) / bytesPerSecond;
    const broken = this.ports.breakOff(slice.length);
    this.passedBytes += broken ?? slice.length;
    if (broken === null) {
      target.write(slice);
      return true;
    }
    target.write(slice.subarray(0, broken), () => this.ports.onBreak());
    this.close();
    return false;
  }

  private regulate(isBlocked: boolean): void {
    const isFull = this.waitingBytes > MAX_WAITING_BYTES;
    // Without a far side the sender is read on, so that its end is noticed.
    if (isFull || (isBlocked && this.target)) this.source.pause();
    else if (this.source.isPaused()) this.source.resume();
  }
}
