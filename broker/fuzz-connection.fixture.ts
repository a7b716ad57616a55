// For tests: connections that carry malformed bytes, over TCP and over WebSocket with broken frames.
import { createConnection, type Socket } from 'node:net';
import type { Random } from './malformed-packets.fixture.ts';

const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: broker',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Protocol: mqtt',
];

export interface FuzzConnection {
  readonly socket: Socket;
  /** How bytes of MQTT are put on this wire. */
  readonly wrap: (bytes: Buffer) => Buffer;
}

export function openTcp(port: number): FuzzConnection {
  return { socket: open(port), wrap: (bytes) => bytes };
}

/** The upgrade is sent at once, now and then a broken one, and frames follow it. */
export function openWebSocket(port: number, random: Random): FuzzConnection {
  const socket = open(port);
  const lines = [...UPGRADE];
  if (random(20) === 0) lines[random(lines.length)] = 'X'.repeat(random(2000));
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return { socket, wrap: (bytes) => frame(bytes, random) };
}

/** Resolves when the broker has closed the connection, or we have. */
export function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
}

function open(port: number): Socket {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  return socket.resume();
}

/** A masked binary frame; one in twenty has another opcode, no mask, or a wrong length. */
function frame(bytes: Buffer, random: Random): Buffer {
  const damage = random(20) === 0 ? random(4) : -1;
  const first = damage === 0 ? random(256) : 0x82;
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = bytes.map((byte, index) => byte ^ (mask[index % 4] as number));
  const length = damage === 1 ? random(2 ** 16) : bytes.length;
  const isMasked = damage === 2 ? 0 : 0x80;
  const head = Buffer.from([first, isMasked | 126, length >> 8, length & 255]);
  return Buffer.concat([head, ...(isMasked ? [mask] : []), masked]);
}
