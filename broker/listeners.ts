// The broker's doors: TCP, and MQTT over WebSocket.
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
} from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { createWebSocketStream, WebSocketServer } from 'ws';

/** A port is taken by another program. A person must act, or another port be tried; exit 78. */
export class PortBusyError extends Error {
  readonly code = 'PORT_BUSY';
  readonly exitCode = 78;
  readonly port: number;
  readonly remedy: string;

  constructor(host: string, port: number, options?: ErrorOptions) {
    super(`port ${port} of ${host} is in use by another program`, options);
    this.name = 'PortBusyError';
    this.port = port;
    this.remedy =
      'Stop that program (another broker, perhaps), or choose another port; 0 takes any.';
  }
}

/** The address cannot be listened on at all. A person must act; exit 78. */
export class ListenError extends Error {
  readonly code = 'LISTEN_FAILED';
  readonly exitCode = 78;
  readonly remedy = 'Name an address of this machine and a port that this user may open.';

  constructor(host: string, port: number, options: ErrorOptions) {
    super(`cannot listen on ${host}:${port}: ${(options.cause as Error).message}`, options);
    this.name = 'ListenError';
  }
}

export interface Listener {
  readonly port: number;
  /** Ends the listening at once, and the connections with it. */
  close(): Promise<void>;
}

export interface DoorOptions {
  readonly host: string;
  readonly port: number;
  readonly handle: (connection: Duplex, request?: IncomingMessage) => void;
  readonly doorkeeper: Doorkeeper;
}

/** Counts the connections of all listeners. */
export class Doorkeeper {
  private readonly limit: number;
  private readonly log: Logger;
  private readonly sockets = new Set<Socket>();
  private isFull = false;

  constructor(limit: number, log: Logger) {
    this.limit = limit;
    this.log = log;
  }

  /** False where there is no room: the socket is closed. */
  admit(socket: Socket): boolean {
    if (this.sockets.size >= this.limit) {
      // Once until there is room again.
      if (!this.isFull) this.log.warn({ limit: this.limit }, 'connections refused: too many');
      this.isFull = true;
      socket.destroy();
      return false;
    }
    this.sockets.add(socket);
    socket.once('close', () => {
      this.sockets.delete(socket);
      this.isFull = false;
    });
    socket.on('error', () => undefined);
    // Two small writes in a row would wait 40 ms for the peer's delayed acknowledgement.
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    return true;
  }

  closeAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

/** @throws {PortBusyError | ListenError} */
export async function listenTcp(options: DoorOptions): Promise<Listener> {
  const server = createServer((socket) => {
    if (options.doorkeeper.admit(socket)) options.handle(socket);
  });
  await listen(server, options);
  return { port: portOf(server), close: () => closeServer(server, options.doorkeeper) };
}

/** @param maxBytes largest WebSocket message @throws {PortBusyError | ListenError} */
export async function listenWebSocket(
  options: DoorOptions & { readonly maxBytes: number },
): Promise<Listener> {
  const server = createHttpServer((_, response) => {
    response.writeHead(426, { 'Content-Type': 'text/plain', Upgrade: 'websocket' });
    response.end('MQTT over WebSocket is spoken here\n');
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  server.on('connection', (socket: Socket) => options.doorkeeper.admit(socket));
  server.on('clientError', (_, socket) => socket.destroy());
  const sockets = new WebSocketServer({
    server,
    maxPayload: options.maxBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) =>
      ['mqtt', 'mqttv3.1'].find((protocol) => offered.has(protocol)) ?? false,
  });
  sockets.on('error', () => undefined);
  sockets.on('connection', (socket, request) => {
    const stream = createWebSocketStream(socket);
    stream.on('error', () => undefined);
    options.handle(stream, request);
  });
  await listen(server, options);
  return { port: portOf(server), close: () => closeServer(server, options.doorkeeper) };
}

function listen(server: Server | HttpServer, { host, port }: DoorOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isBusy = cause.code === 'EADDRINUSE';
      reject(
        isBusy ? new PortBusyError(host, port, { cause }) : new ListenError(host, port, { cause }),
      );
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function closeServer(server: Server, doorkeeper: Doorkeeper): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    doorkeeper.closeAll();
  });
}
