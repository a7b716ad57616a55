// The bounded queue before the model: fair to its clients, and what does not fit is refused at once.

/** What the queue needs to know of an entry. */
export interface Sized {
  readonly client: string;
  readonly rows: number;
  /** Memory that the entry holds. */
  readonly bytes: number;
}

export interface IntakeLimits {
  /** The most rows that may wait. */
  readonly rows: number;
  /** The most bytes that may wait. */
  readonly bytes: number;
  /** Milliseconds of waiting, above which a client that has its part of them already gets no more in. Default: any. */
  readonly waitMs?: number;
}

interface Waiting<Entry> {
  readonly entry: Entry;
  next: Waiting<Entry> | null;
}

/** What one client has waiting, and its turn while there is something. */
interface ClientQueue<Entry> {
  readonly client: string;
  /** Both `null` where nothing waits any more. */
  first: Waiting<Entry> | null;
  last: Waiting<Entry> | null;
  rows: number;
  bytes: number;
  /** Rows that it has saved up over its turns for its first entry. */
  credit: number;
  next: ClientQueue<Entry> | null;
}

/** Of so many clients the queues are kept; then those that are empty are forgotten. */
const MOST_KEPT = 10_000;
/** Rows that each turn saves up: with one, a newcomer waits for no more than a row of each other client. */
const CREDIT = 1;

/**
 * One queue for each client, in amortised constant time for each row.
 * - Served by deficit round robin over rows (Shreedhar and Varghese, 1995): a batch pays for all its rows.
 * - Admitted by dynamic thresholds (Choudhury and Hahne, 1998, alpha 1): a client may hold as much as is still
 *   free, so that one alone fills half of the intake and there is always room for the next.
 */
export class Intake<Entry extends Sized> {
  /**
   * Of clients with nothing waiting too, of `MOST_KEPT` for sure: a `Map` that is emptied and filled all the time
   * leaves tables behind that keep alive what they held.
   */
  private readonly queues = new Map<string, ClientQueue<Entry>>();
  private clients = 0;
  /** Whose turn it is, and behind whom a newcomer stands; linked by `next`. */
  private turn: ClientQueue<Entry> | null = null;
  private end: ClientQueue<Entry> | null = null;
  private rows = 0;
  private bytes = 0;
  private readonly limits: IntakeLimits;

  constructor(limits: IntakeLimits) {
    this.limits = limits;
  }

  get waitingRows(): number {
    return this.rows;
  }

  /** How many clients have something waiting. */
  get waitingClients(): number {
    return this.clients;
  }

  /**
   * False where the entry may not wait here. An empty intake takes any entry, however large.
   * @param backlogMs how long what waits already will take
   */
  offer(entry: Entry, backlogMs = 0): boolean {
    const known = this.queues.get(entry.client);
    if (this.rows > 0 && !this.admits(entry, known, backlogMs)) return false;
    const queue = known ?? this.addQueue(entry.client);
    const waiting: Waiting<Entry> = { entry, next: null };
    if (queue.last) queue.last.next = waiting;
    else {
      queue.first = waiting;
      this.clients += 1;
      this.enqueue(queue);
    }
    queue.last = waiting;
    queue.rows += entry.rows;
    queue.bytes += entry.bytes;
    this.rows += entry.rows;
    this.bytes += entry.bytes;
    return true;
  }

  /**
   * Takes the entries whose turn it is, as long as they fit into `maxRows` together, at least one where any waits.
   * @param isDue asked when its turn has come, must not offer; what is not due leaves too, and its turn goes on
   */
  take(maxRows: number, isDue: (entry: Entry) => boolean = () => true): Entry[] {
    const taken: Entry[] = [];
    let rows = 0;
    for (let queue = this.turn; queue?.first; queue = this.turn) {
      const { entry } = queue.first;
      if (queue.next !== null && queue.credit < entry.rows) {
        queue.credit += CREDIT;
        if (queue.credit < entry.rows) {
          this.pass(queue);
          continue;
        }
      }
      if (taken.length > 0 && rows + entry.rows > maxRows) break;
      queue.credit = 0;
      this.remove(queue, queue.first);
      if (!isDue(entry)) continue;
      rows += entry.rows;
      taken.push(entry);
      if (this.turn === queue) this.pass(queue);
    }
    return taken;
  }

  private addQueue(client: string): ClientQueue<Entry> {
    const { size } = this.queues;
    if (size >= MOST_KEPT && this.clients * 2 <= size) {
      for (const { client: known, first } of this.queues.values()) {
        if (!first) this.queues.delete(known);
      }
    }
    const queue = { client, first: null, last: null, rows: 0, bytes: 0, credit: 0, next: null };
    this.queues.set(client, queue);
    return queue;
  }

  private admits(
    { rows, bytes }: Entry,
    queue: ClientQueue<Entry> | undefined,
    backlogMs: number,
  ): boolean {
    const { limits } = this;
    const freeRows = limits.rows - this.rows;
    const freeBytes = limits.bytes - this.bytes;
    if (rows > freeRows || bytes > freeBytes) return false;
    if (!queue?.first) return true;
    if (this.waitsTooLong(queue.rows + rows, backlogMs)) return false;
    return queue.rows + rows <= freeRows && queue.bytes + bytes <= freeBytes;
  }

  /** Where all wait too long, nobody may have more than his part of the rows that could be served in time. */
  private waitsTooLong(ownRows: number, backlogMs: number): boolean {
    const { waitMs = Number.POSITIVE_INFINITY } = this.limits;
    if (backlogMs <= waitMs) return false;
    const rowsInTime = (waitMs / backlogMs) * this.rows;
    return ownRows * this.clients > rowsInTime;
  }

  /**
   * The first entry of the queue whose turn it is leaves; an empty queue has no turn. Whatever leaves lets go of
   * what it leads to: V8 keeps alive all that hangs on a dead object of its old generation, until it collects that.
   */
  private remove(queue: ClientQueue<Entry>, first: Waiting<Entry>): void {
    const { entry, next } = first;
    first.next = null;
    queue.first = next;
    queue.rows -= entry.rows;
    queue.bytes -= entry.bytes;
    this.rows -= entry.rows;
    this.bytes -= entry.bytes;
    if (next) return;
    queue.last = null;
    this.clients -= 1;
    this.turn = queue.next;
    queue.next = null;
    if (!this.turn) this.end = null;
  }

  /** The queue whose turn it is goes behind all others. */
  private pass(queue: ClientQueue<Entry>): void {
    if (!queue.next) return;
    this.turn = queue.next;
    queue.next = null;
    this.enqueue(queue);
  }

  private enqueue(queue: ClientQueue<Entry>): void {
    if (this.end) this.end.next = queue;
    else this.turn = queue;
    this.end = queue;
  }
}
