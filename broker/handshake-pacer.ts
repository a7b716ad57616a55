// TLS handshakes, a few at a time: a crowd at the door must not stall those who are inside.
import type { Socket } from 'node:net';
import type { Server } from 'node:tls';

/** One with a client certificate costs the loop some 3 ms: so many may fall into the same turn. */
const AT_ONCE = 2;
/** Who takes longer is waited for beside the others, so that the silent hold nobody up. */
const TURN_MS = 10;

type Start = (this: Server, socket: Socket) => void;

/**
 * Takes the place of the server's own listener for new sockets, which begins every handshake at once.
 * @param admit false where the socket is refused (and closed)
 */
export function paceHandshakes(server: Server, admit: (socket: Socket) => boolean): void {
  const starts = server.listeners('connection') as Start[];
  server.removeAllListeners('connection');
  const waiting: Socket[] = [];
  const underWay = new Map<string, NodeJS.Timeout>();
  const next = () => {
    while (underWay.size < AT_ONCE) {
      const socket = waiting.shift();
      if (socket === undefined) return;
      if (socket.destroyed) continue;
      const peer = peerOf(socket);
      underWay.set(
        peer,
        setTimeout(() => over(peer), TURN_MS),
      );
      socket.once('close', () => over(peer));
      for (const start of starts) start.call(server, socket);
    }
  };
  const over = (peer: string) => {
    const timer = underWay.get(peer);
    if (timer === undefined) return;
    clearTimeout(timer);
    underWay.delete(peer);
    setImmediate(next);
  };
  server.on('secureConnection', (socket) => over(peerOf(socket)));
  server.on('connection', (socket: Socket) => {
    if (!admit(socket)) return;
    waiting.push(socket);
    next();
  });
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
