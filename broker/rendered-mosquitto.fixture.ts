// For tests: a real Mosquitto on what is rendered for it from a store, on free ports of loopback.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, runMosquitto } from '../bus/mosquitto.fixture.ts';
import { ensureAdministrator } from './administrator.ts';
import { findPlugin, USUAL_PLUGIN } from './mosquitto-plugin.ts';
import { createPolicy, type Policy } from './policy.ts';
import { loadRenderedTls, loadRenderInput } from './render-input.ts';
import { CONFIGURATION_FILE, isLoopback, renderMosquitto } from './render-mosquitto.ts';
import { writeRendering } from './rendering.ts';

export interface RenderedMosquitto {
  readonly folder: string;
  /** Clients, by password; over TLS where the store has certificates. */
  readonly clientsUrl: string;
  /** Whoever has a certificate; nothing listens there where the store has none. */
  readonly certificatesUrl: string;
  /** Predictors and operators, by password. */
  readonly innerUrl: string;
  /** What is rendered of the store now, written over what was; the running broker knows nothing of it. */
  render(): Promise<void>;
  start(): Promise<void>;
  end(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it and removes the folder. */
  stop(): Promise<void>;
}

interface Options {
  readonly models?: readonly string[];
  readonly probes?: boolean;
  readonly policy?: Policy;
  /** Default 127.0.0.1; where it is no loopback address, certificates are asked for there. */
  readonly innerHost?: string;
}

/** Takes other ports where somebody was quicker. */
export async function startRenderedMosquitto(
  store: string,
  options: Options = {},
): Promise<RenderedMosquitto> {
  for (;;) {
    const broker = await prepare(store, options);
    try {
      await broker.start();
      return broker;
    } catch (error) {
      await broker.stop();
      if (!String(error).includes('Address already in use')) throw error;
    }
  }
}

async function prepare(store: string, options: Options): Promise<RenderedMosquitto> {
  const { innerHost, models = ['sonar'], policy = createPolicy(), probes = true } = options;
  const folder = await mkdtemp(join(tmpdir(), 'echolot-rendered-'));
  const at = (port: number, host = '127.0.0.1') => ({ host, port });
  const clients = at(await freePort());
  const certificates = at(await freePort());
  const inner = at(await freePort(), innerHost);
  const tls = await loadRenderedTls(store, []);
  const render = async () => {
    const files = renderMosquitto({
      ...(await loadRenderInput(store, { policy, models, probes })),
      administrator: await ensureAdministrator(store),
      tls: await loadRenderedTls(store, []),
      plugin: findPlugin() ?? USUAL_PLUGIN,
      user: userInfo().username,
      folder,
      clients,
      certificates,
      inner,
    });
    await writeRendering(folder, files);
  };
  await render();
  let running: Awaited<ReturnType<typeof runMosquitto>> | null = null;
  const start = async () => {
    running = await runMosquitto(join(folder, CONFIGURATION_FILE), inner.port);
  };
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    await running?.end(signal);
    running = null;
  };
  return {
    folder,
    clientsUrl: `${tls ? 'mqtts' : 'mqtt'}://127.0.0.1:${clients.port}`,
    certificatesUrl: `mqtts://127.0.0.1:${certificates.port}`,
    innerUrl: `${isLoopback(inner.host) ? 'mqtt' : 'mqtts'}://127.0.0.1:${inner.port}`,
    render,
    start,
    end,
    async stop() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
