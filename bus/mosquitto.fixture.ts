// For tests: a Mosquitto of their own on a free port of loopback, with a folder of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Mosquitto {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** Clean end (SIGTERM); the folder is removed. */
  stop(): Promise<void>;
  /** SIGKILL; the folder stays, `start` brings it back. */
  kill(): Promise<void>;
  /** SIGTERM without removing the folder; `start` brings it back. */
  pause(): Promise<void>;
  start(): Promise<void>;
}

interface MosquittoOptions {
  /** More lines of mosquitto.conf. With a `listener` of its own, `port` must be given too. */
  readonly config?: readonly string[];
  readonly port?: number;
  /** Default: everybody may do everything. */
  readonly anonymous?: boolean;
}

/** Starts Mosquitto and waits until it takes connections; what it said is in the error if it ends early. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-mosquitto-'));
  const port = options.port ?? (await freePort());
  const config = [
    'user root',
    `allow_anonymous ${options.anonymous ?? true}`,
    `persistence_location ${folder}/`,
    'log_dest stderr',
    'set_tcp_nodelay true',
    ...(options.config ?? []),
    ...(options.config?.some((line) => line.startsWith('listener '))
      ? []
      : [`listener ${port} 127.0.0.1`]),
  ];
  await writeFile(join(folder, 'mosquitto.conf'), `${config.join('\n')}\n`);
  let running: { end(signal: NodeJS.Signals): Promise<void> } | null = null;

  const end = async (signal: NodeJS.Signals) => {
    const ending = running;
    running = null;
    await ending?.end(signal);
  };
  const start = async () => {
    running = await runMosquitto(join(folder, 'mosquitto.conf'), port);
  };
  await start();
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    folder,
    start,
    kill: () => end('SIGKILL'),
    pause: () => end('SIGTERM'),
    async stop() {
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Runs Mosquitto on a configuration file, and waits until it takes connections on a port of it.
 * `end` waits for the end.
 */
export async function runMosquitto(
  configuration: string,
  port: number,
): Promise<{ end(signal: NodeJS.Signals): Promise<void> }> {
  const child = spawn('mosquitto', ['-c', configuration], { stdio: ['ignore', 'ignore', 'pipe'] });
  await ready(child, port);
  return {
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
    },
  };
}

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function ready(child: ChildProcess, port: number): Promise<void> {
  let said = '';
  let over: Error | null = null;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  child.once('error', (error) => {
    over = new Error('mosquitto does not start: apt-get install mosquitto', { cause: error });
  });
  child.once('exit', (code) => {
    over = new Error(`mosquitto ended with ${code}: ${said}`);
  });
  while (!(await accepts(port))) {
    if (over) throw over;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
