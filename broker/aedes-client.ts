// One connection of aedes, below its public face: packets bounded, message ids never in use twice, raw writes.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from 'aedes';
import type { Will } from './persistence.ts';

/** What of aedes' client is not in its types. A test holds each of these to what is expected of it. */
export interface ClientInternals extends Client {
  _nextId: number;
  will: Will | null;
  readonly _parser: Parser;
  waitForDrain(done: () => void): void;
}

interface Parser {
  readonly packet: { readonly length: number };
  parse(bytes: Buffer): number;
  _parseLength(): boolean;
  emit(event: 'error', error: Error): boolean;
  prependListener(event: 'packet', listener: (packet: IncomingPacket) => void): void;
}

type IncomingPacket =
  | { readonly cmd: 'subscribe'; readonly subscriptions: { topic: string; qos: number }[] }
  | { readonly cmd: '' };

/**
 * Ends the connection, not the broker, at a packet that is malformed or too large.
 * @param limit bytes that a packet of this connection may have now
 */
export function guardParser({ _parser: parser }: ClientInternals, limit: () => number): void {
  const parse = parser.parse.bind(parser);
  parser.parse = (bytes) => {
    try {
      return parse(bytes);
    } catch (error) {
      // What is malformed enough makes the parser throw.
      parser.emit('error', error instanceof Error ? error : new Error('malformed packet'));
      return 0;
    }
  };
  const parseLength = parser._parseLength.bind(parser);
  parser._parseLength = () => {
    const isKnown = parseLength();
    if (!isKnown || parser.packet.length <= limit()) return isKnown;
    parser.emit('error', new Error(`a packet is larger than ${limit()} bytes`));
    return false;
  };
  parser.prependListener('packet', (packet) => {
    if (packet.cmd !== 'subscribe') return;
    // A group delivers at QoS 1 at most, and the SUBACK says so.
    for (const each of packet.subscriptions) {
      if (each.topic.startsWith('$share/')) each.qos = Math.min(each.qos, 1);
    }
  });
}

/** aedes hands out message ids without looking; here none is given twice while it is in use. */
export function guardMessageIds(client: ClientInternals, isTaken: (id: number) => boolean): void {
  let next = client._nextId;
  Object.defineProperty(client, '_nextId', {
    get: () => next,
    set: (id: number) => {
      next = id;
      for (let tries = 0; tries < 65_535 && isTaken(next); tries += 1) {
        next = next >= 65_535 ? 1 : next + 1;
      }
    },
  });
  client._nextId = next;
}

export function takeMessageId(client: ClientInternals): number {
  const id = client._nextId;
  client._nextId = id >= 65_535 ? 1 : id + 1;
  return id;
}

export function isWritable(client: Client): boolean {
  return client.connected && !client.closed && !client.conn.destroyed;
}

export function write(client: ClientInternals, chunks: readonly Buffer[]): void {
  const { conn } = client;
  conn.cork();
  let hasRoom = true;
  for (const chunk of chunks) hasRoom = conn.write(chunk);
  process.nextTick(uncork, conn);
  // Starts the clock of the drain time-out.
  if (!hasRoom) client.waitForDrain(() => undefined);
}

function uncork(connection: Duplex): void {
  connection.uncork();
}

/** Address and port of the peer; `null` where there is none. */
export function addressOf(connection: Duplex, request?: IncomingMessage): string | null {
  const { remoteAddress, remotePort } = request?.socket ?? (connection as Partial<Socket>);
  return remoteAddress === undefined ? null : `${remoteAddress}:${remotePort}`;
}
