// Feeds connected clients from their sessions: in order, and no faster than they read. No IO.
import type { QueuedPacket } from './sessions.ts';

export interface FeederPorts<Client> {
  /** What waits, live. */
  pending(client: Client): Generator<QueuedPacket>;
  /** False where the connection is gone. */
  send(client: Client, packet: QueuedPacket): boolean;
  /** More is written than should wait in memory. */
  isBusy(client: Client): boolean;
  onceDrained(client: Client, resume: () => void): void;
}

export class SessionFeeder<Client extends object> {
  private readonly ports: FeederPorts<Client>;
  /** Who is connected; with what is still to be sent where a client is behind. */
  private readonly fed = new Map<Client, Generator<QueuedPacket> | null>();

  constructor(ports: FeederPorts<Client>) {
    this.ports = ports;
  }

  /** A client is back: all that is not acknowledged goes out, first of all. */
  start(client: Client): void {
    this.fed.set(client, this.ports.pending(client));
    this.catchUp(client);
  }

  stop(client: Client): void {
    this.fed.delete(client);
  }

  /** A message more in the session: sent at once, unless the client is behind or away. */
  offer(client: Client, packet: QueuedPacket): void {
    if (this.fed.get(client) !== null) return;
    if (!this.ports.isBusy(client)) {
      this.ports.send(client, packet);
      return;
    }
    this.fed.set(client, unsent(this.ports.pending(client)));
    this.ports.onceDrained(client, () => this.catchUp(client));
  }

  private catchUp(client: Client): void {
    const rest = this.fed.get(client);
    while (rest) {
      if (this.ports.isBusy(client)) {
        this.ports.onceDrained(client, () => this.catchUp(client));
        return;
      }
      const next = rest.next();
      if (next.done) break;
      if (!this.ports.send(client, next.value)) return;
    }
    if (rest) this.fed.set(client, null);
  }
}

function* unsent(packets: Generator<QueuedPacket>): Generator<QueuedPacket> {
  for (const packet of packets) if (packet.messageId === undefined) yield packet;
}
