// Logs a crowd in at once, over bare sockets: in a process of its own, so that it stalls nobody but the broker.
import { connect, type Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import { connect as connectTls } from 'node:tls';

export interface Login {
  readonly name: string;
  readonly password?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Crowd {
  readonly port: number;
  /** With it the crowd speaks TLS. */
  readonly ca?: string;
  readonly logins: readonly Login[];
}

/** What became of one crowd: CONNACKs by code, and the time from the first SYN to the last CONNACK. */
export interface CrowdOutcome {
  readonly codes: Record<string, number>;
  readonly durationMs: number;
}

// Its work stands for that of two hundred machines, and must not take the broker's processor.
setPriority(constants.priority.PRIORITY_LOW);
process.on('message', (crowd: Crowd) => {
  void logIn(crowd).then((outcome) => process.send?.(outcome));
});
process.on('disconnect', () => process.exit(0));

async function logIn(crowd: Crowd): Promise<CrowdOutcome> {
  const start = performance.now();
  const codes: Record<string, number> = {};
  const sockets: Socket[] = [];
  await Promise.all(
    crowd.logins.map(async (login) => {
      const socket = open(crowd, login);
      sockets.push(socket);
      const code = await connack(socket, login);
      codes[code] = (codes[code] ?? 0) + 1;
    }),
  );
  const durationMs = performance.now() - start;
  for (const socket of sockets) socket.destroy();
  return { codes, durationMs };
}

function open({ ca, port }: Crowd, { cert, key }: Login): Socket {
  if (ca === undefined) return connect(port, '127.0.0.1');
  return connectTls({ port, host: '127.0.0.1', ca, ...(cert && key ? { cert, key } : {}) });
}

function connack(socket: Socket, login: Login): Promise<string> {
  return new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.on('close', () => resolve('closed'));
    socket.once('data', (bytes) => resolve(String(bytes[3])));
    socket.write(connectPacket(login));
  });
}

/** CONNECT of MQTT 3.1.1 with a clean session and a keepalive of a minute. */
function connectPacket({ name, password }: Login): Buffer {
  const fields = [name, name, ...(password === undefined ? [] : [password])].map(field);
  const flags = password === undefined ? 0x82 : 0xc2;
  const head = Buffer.concat([field('MQTT'), Buffer.from([4, flags, 0, 60])]);
  const body = Buffer.concat([head, ...fields]);
  return Buffer.concat([Buffer.from([0x10, ...varint(body.length)]), body]);
}

function field(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 0x80, ...varint(Math.floor(value / 128))];
}
