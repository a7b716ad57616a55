// The broker's doors: TCP, and MQTT over WebSocket, each plain or with TLS.
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TlsOptions,
} from 'node:tls';
import type { Logger } from 'pino';
import { createWebSocketStream, WebSocketServer } from 'ws';
import type { Admission } from './admission.ts';
import { paceHandshakes } from './handshake-pacer.ts';

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

/** A handshake that takes longer is not waited for. */
const HANDSHAKE_MS = 10_000;

export interface Listener {
  readonly port: number;
  /** Ends the listening at once, and the connections with it. */
  close(): Promise<void>;
  /** For connections to come: another certificate or revocation list. */
  renew(context: SecureContextOptions): void;
}

export interface DoorOptions {
  readonly host: string;
  readonly port: number;
  readonly handle: (connection: Duplex, request?: IncomingMessage) => void;
  readonly doorkeeper: Doorkeeper;
  /** With it the door speaks TLS. */
  readonly tls?: TlsOptions;
}

/** Counts the connections of all listeners, and how fast they come from one address. */
export class Doorkeeper {
  private readonly limit: number;
  private readonly admission: Admission;
  private readonly log: Logger;
  private readonly sockets = new Set<Socket>();
  private isFull = false;
  private isCrowded = false;

  constructor(limit: number, admission: Admission, log: Logger) {
    this.limit = limit;
    this.admission = admission;
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
    const { remoteAddress = '' } = socket;
    if (!this.admission.admitConnection(remoteAddress)) {
      // Once until somebody is let in again.
      if (!this.isCrowded) {
        this.log.warn({ address: remoteAddress }, 'connections refused: too fast from one address');
      }
      this.isCrowded = true;
      socket.destroy();
      return false;
    }
    this.isCrowded = false;
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
  const { doorkeeper, handle, tls } = options;
  if (tls === undefined) {
    const server = createServer((socket) => {
      if (doorkeeper.admit(socket)) handle(socket);
    });
    await listen(server, options);
    return listenerOf(server, doorkeeper);
  }
  const server = createTlsServer({ ...tls, handshakeTimeout: HANDSHAKE_MS }, (socket) => {
    socket.on('error', () => undefined);
    handle(socket);
  });
  // Counted from the first byte on, not only once it has shown a certificate.
  paceHandshakes(server, (socket) => doorkeeper.admit(socket));
  server.on('tlsClientError', (_, socket) => socket.destroy());
  await listen(server, options);
  const renew = (context: SecureContextOptions) => server.setSecureContext(context);
  return { ...listenerOf(server, doorkeeper), renew };
}

/** @param maxBytes largest WebSocket message @throws {PortBusyError | ListenError} */
export async function listenWebSocket(
  options: DoorOptions & { readonly maxBytes: number },
): Promise<Listener> {
  const { doorkeeper, tls } = options;
  const explain = (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(426, { 'Content-Type': 'text/plain', Upgrade: 'websocket' });
    response.end('MQTT over WebSocket is spoken here\n');
  };
  const secure = tls && createHttpsServer({ ...tls, handshakeTimeout: HANDSHAKE_MS }, explain);
  const server = secure ?? createHttpServer(explain);
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  if (secure) paceHandshakes(secure, (socket) => doorkeeper.admit(socket));
  else server.prependListener('connection', (socket: Socket) => doorkeeper.admit(socket));
  secure?.on('tlsClientError', (_, socket) => socket.destroy());
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
  const renew = (context: SecureContextOptions) => secure?.setSecureContext(context);
  return { ...listenerOf(server, doorkeeper), renew };
}

function listenerOf(server: Server, doorkeeper: Doorkeeper): Listener {
  const close = () => closeServer(server, doorkeeper);
  return { port: portOf(server), close, renew: () => undefined };
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
