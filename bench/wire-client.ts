// One client of the load on a bare socket: what measures must cost less than what is measured.
import { connect, type Socket } from 'node:net';
import {
  connectFrame,
  FrameReader,
  type PublishTemplate,
  pubackFrame,
  subscribeFrame,
} from './frames.ts';

const CONNACK = 2;
const SUBACK = 9;
/** The broker is busy, or has let in enough strangers for the moment: worth another try. */
const UNAVAILABLE = 3;
const RETRY_MS = 100;
const PATIENCE_MS = 180_000;

export interface Login {
  readonly name: string;
  readonly password: string;
}

export class WireClient {
  readonly name: string;
  /** Called with each answer; the payload lives until it returns. */
  onAnswer: (payload: Buffer) => void = () => undefined;
  private readonly socket: Socket;
  private packetId = 0;

  private constructor(name: string, socket: Socket) {
    this.name = name;
    this.socket = socket;
  }

  /**
   * Logs in and subscribes to its own replies. Waits while the broker is not up yet or lets nobody in.
   * @throws {Error} where the broker refuses who we are
   */
  static async connect(url: string, { name, password }: Login): Promise<WireClient> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const outcome = await WireClient.attempt(new URL(url), name, password);
      if (outcome instanceof WireClient) return outcome;
      if (typeof outcome === 'number' && outcome !== UNAVAILABLE) {
        throw new Error(`the broker refuses ${name}: CONNACK ${outcome}`);
      }
      if (performance.now() > deadline) throw new Error(`no broker lets ${name} in at ${url}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** @returns the client, the refusing code of a CONNACK, or `null` where there was no connection */
  private static attempt(
    url: URL,
    name: string,
    password: string,
  ): Promise<WireClient | number | null> {
    return new Promise((resolve) => {
      const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
      const client = new WireClient(name, socket);
      const reader = new FrameReader({
        publish: (payload, packetId) => {
          if (packetId !== null) socket.write(pubackFrame(packetId));
          client.onAnswer(payload);
        },
        other: (type, body) => {
          if (type === CONNACK && body[1] !== 0) resolve(body[1] as number);
          else if (type === CONNACK) {
            socket.write(subscribeFrame(1, `echolot/v1/replies/${name}/+`, 1));
          } else if (type === SUBACK) resolve(client);
        },
      });
      socket.on('data', (piece) => {
        socket.cork();
        reader.push(piece);
        socket.uncork();
      });
      socket.on('error', () => resolve(null));
      socket.on('close', () => resolve(null));
      socket.write(connectFrame(name, password));
    });
  }

  publish(template: PublishTemplate, serial: number): void {
    this.packetId = (this.packetId % 0xffff) + 1;
    this.socket.write(template.fill(serial, this.packetId));
  }

  close(): void {
    this.socket.destroy();
  }
}
