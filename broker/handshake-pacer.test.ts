import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Server } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { paceHandshakes } from './handshake-pacer.ts';

class FakeSocket extends EventEmitter {
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort: number;
  destroyed = false;

  constructor(remotePort: number) {
    super();
    this.remotePort = remotePort;
  }

  close(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

/** A paced server, and the ports of those whose handshake it began. */
function pacedServer(admit: (socket: Socket) => boolean = () => true) {
  const server = new EventEmitter();
  const begun: number[] = [];
  server.on('connection', ({ remotePort }: FakeSocket) => begun.push(remotePort));
  paceHandshakes(server as Server, admit);
  const arrive = (port: number): FakeSocket => {
    const socket = new FakeSocket(port);
    server.emit('connection', socket);
    return socket;
  };
  return { arrive, begun, server };
}

describe('paceHandshakes', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('begins two handshakes of a crowd, and the next when one is done or gone', () => {
    const { arrive, begun, server } = pacedServer();
    const crowd = [1, 2, 3, 4, 5].map(arrive);
    expect(begun).toEqual([1, 2]);
    server.emit('secureConnection', new FakeSocket(1));
    vi.advanceTimersByTime(0);
    expect(begun).toEqual([1, 2, 3]);
    crowd[1]?.close();
    vi.advanceTimersByTime(0);
    expect(begun).toEqual([1, 2, 3, 4]);
  });

  it('lets nobody be held up by the silent', () => {
    const { arrive, begun } = pacedServer();
    for (const port of [1, 2, 3]) arrive(port);
    vi.advanceTimersByTime(20);
    expect(begun).toEqual([1, 2, 3]);
  });

  it('counts each handshake as over once', () => {
    const { arrive, begun, server } = pacedServer();
    const [first] = [1, 2, 3, 4, 5].map(arrive);
    server.emit('secureConnection', new FakeSocket(1));
    first?.close();
    vi.advanceTimersByTime(0);
    expect(begun).toEqual([1, 2, 3]);
  });

  it('begins nothing for who was refused or has left', () => {
    const { arrive, begun } = pacedServer(({ remotePort }) => remotePort !== 1);
    const [, , , fourth] = [1, 2, 3, 4, 5].map(arrive);
    fourth?.close();
    vi.advanceTimersByTime(20);
    expect(begun).toEqual([2, 3, 5]);
  });
});
