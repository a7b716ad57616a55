// For tests: a broker that does exactly what a test tells it, however wrong.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';

/** One connection to the fake broker. */
export class FakeConnection {
  readonly socket: Socket;
  readonly packets: Packet[] = [];
  private version = 4;
  private wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    const parser = mqttPacket.parser();
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') this.version = packet.protocolVersion ?? 4;
      this.packets.push(packet);
      this.wake();
    });
    socket.on('data', (bytes) => parser.parse(bytes));
    socket.on('error', () => {});
    socket.on('close', () => this.wake());
  }

  get protocolVersion(): number {
    return this.version;
  }

  send(packet: Packet): void {
    this.socket.write(mqttPacket.generate(packet, { protocolVersion: this.version }));
  }

  /** The next packet of a kind that was not taken yet. */
  async take<Command extends Packet['cmd']>(
    command: Command,
  ): Promise<Extract<Packet, { cmd: Command }>> {
    for (;;) {
      const index = this.packets.findIndex((packet) => packet.cmd === command);
      if (index >= 0) return this.packets.splice(index, 1)[0] as Extract<Packet, { cmd: Command }>;
      if (this.socket.destroyed) throw new Error(`closed before ${command}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Accepts the CONNECT, with MQTT 5 properties where given. */
  async accept(more: object = {}): Promise<void> {
    await this.take('connect');
    const code = this.version === 5 ? { reasonCode: 0 } : { returnCode: 0 };
    this.send({ cmd: 'connack', sessionPresent: false, ...code, ...more } as Packet);
  }

  /** Refuses the CONNECT with a code of its version. */
  async refuse(code: number): Promise<void> {
    await this.take('connect');
    const codes = this.version === 5 ? { reasonCode: code } : { returnCode: code };
    this.send({ cmd: 'connack', sessionPresent: false, ...codes } as Packet);
    this.socket.end();
  }

  /** Grants every filter of the SUBSCRIBE, or answers with these codes. */
  async grant(codes?: number[]): Promise<void> {
    const { messageId = 0, subscriptions } = await this.take('subscribe');
    this.send({ cmd: 'suback', messageId, granted: codes ?? subscriptions.map(({ qos }) => qos) });
  }
}

export interface FakeBroker {
  readonly url: string;
  /** The next connection that is made. */
  next(): Promise<FakeConnection>;
  /** How many connections were made so far. */
  readonly connections: number;
  stop(): Promise<void>;
}

export async function startFakeBroker(): Promise<FakeBroker> {
  const waiting: FakeConnection[] = [];
  const all: FakeConnection[] = [];
  let wake: () => void = () => {};
  const server = createServer((socket) => {
    const connection = new FakeConnection(socket);
    waiting.push(connection);
    all.push(connection);
    wake();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `mqtt://127.0.0.1:${port}`,
    get connections() {
      return all.length;
    },
    async next() {
      for (;;) {
        const connection = waiting.shift();
        if (connection) return connection;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async stop() {
      for (const { socket } of all) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
