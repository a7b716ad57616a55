// How each kind of broker is started as a process: on the project's own identities and renderings.
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { ensureAdministrator } from '../broker/administrator.ts';
import { findPlugin, PLUGIN_FILE } from '../broker/mosquitto-plugin.ts';
import { createPolicy } from '../broker/policy.ts';
import { loadRenderInput } from '../broker/render-input.ts';
import { CONFIGURATION_FILE, renderMosquitto } from '../broker/render-mosquitto.ts';
import { writeRendering } from '../broker/rendering.ts';
import { ChaosError } from './chaos-error.ts';
import { findPort } from './find-port.ts';
import type { Recipe } from './supervised.ts';

export type BrokerKind = 'mosquitto' | 'embedded';

export interface BrokerRecipe {
  readonly recipe: Recipe;
  /** Where clients log in. */
  readonly clientsPort: number;
  /** Where agents and operators do. */
  readonly innerPort: number;
  /** Asks it to save now, where it saves now and then. */
  readonly saveSignal: NodeJS.Signals | null;
}

export interface BrokerPlace {
  /** The folder of the identities. */
  readonly store: string;
  /** What the broker keeps: on the disk that fills up. */
  readonly dataFolder: string;
  readonly logFile: string;
  /** dist/cli/echolot.js */
  readonly cli: string;
  readonly env: Readonly<Record<string, string>>;
  readonly model: string;
}

const MOSQUITTO_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin'];

/** @throws {ChaosError} Mosquitto is not there */
export async function prepareBroker(kind: BrokerKind, place: BrokerPlace): Promise<BrokerRecipe> {
  return kind === 'mosquitto' ? prepareMosquitto(place) : prepareEmbedded(place);
}

async function prepareMosquitto(place: BrokerPlace): Promise<BrokerRecipe> {
  const { dataFolder: folder, env, logFile, model, store } = place;
  const path = [...(env['PATH'] ?? '').split(delimiter), ...MOSQUITTO_FOLDERS];
  const command = path.map((each) => join(each, 'mosquitto')).find((file) => existsSync(file));
  const plugin = findPlugin();
  if (command === undefined || plugin === null) {
    throw new ChaosError(
      `Mosquitto is not installed: no ${command === undefined ? 'mosquitto' : PLUGIN_FILE} was found`,
      'Install it with "apt-get install mosquitto", or use --broker embedded.',
      69,
    );
  }
  const at = (port: number) => ({ host: '127.0.0.1', port });
  const [clientsPort, innerPort, unused] = [await findPort(), await findPort(), await findPort()];
  const files = renderMosquitto({
    ...(await loadRenderInput(store, { policy: createPolicy(), models: [model], probes: false })),
    administrator: await ensureAdministrator(store),
    tls: null,
    plugin,
    user: userInfo().username,
    folder,
    clients: at(clientsPort),
    certificates: at(unused),
    inner: at(innerPort),
  });
  await writeRendering(folder, files);
  const args = ['-c', join(folder, CONFIGURATION_FILE)];
  const recipe = { name: 'broker', command, args, env, logFile };
  return { recipe, clientsPort, innerPort, saveSignal: 'SIGUSR1' };
}

async function prepareEmbedded(place: BrokerPlace): Promise<BrokerRecipe> {
  const { cli, dataFolder, env, logFile, store } = place;
  const port = await findPort();
  const flags = ['--store', store, '--data-dir', join(dataFolder, 'data'), '--port', String(port)];
  const args = [cli, 'broker', ...flags, '--ws-port', 'off'];
  const recipe = { name: 'broker', command: process.execPath, args, env, logFile };
  return { recipe, clientsPort: port, innerPort: port, saveSignal: null };
}
