// echolot policy render: the files with which another broker enforces the policy.
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { ensureAdministrator } from '../../broker/administrator.ts';
import { loadRenderedTls, loadRenderInput } from '../../broker/render-input.ts';
import {
  CONFIGURATION_FILE,
  isLoopback,
  type ListenAddress,
  renderMosquitto,
} from '../../broker/render-mosquitto.ts';
import { writeRendering } from '../../broker/rendering.ts';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { loadPolicy } from '../policy.ts';
import { addInputFlags, type InputFlags } from '../render-flags.ts';
import { shellWord } from '../shell-word.ts';

interface MosquittoFlags extends InputFlags {
  readonly out: string;
  readonly owner?: string;
  readonly at?: string;
  readonly plugin?: string;
  readonly clients?: ListenAddress;
  readonly certificates?: ListenAddress;
  readonly inner?: ListenAddress;
}

/** Where packages put the plugin. */
const PLUGINS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib/arm-linux-gnueabihf',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/lib',
  '/opt/homebrew/lib',
].map((folder) => `${folder}/mosquitto_dynamic_security.so`);

export function addRenderCommand(policy: Command, context: Context): void {
  const summary = 'write the files with which another broker enforces the policy';
  const render = policy.command('render').description(summary).summary(summary);
  render.showHelpAfterError('hint: see echolot policy render --help');
  addMosquitto(render, context);
}

function addMosquitto(render: Command, context: Context): void {
  const command = addCommand(render, {
    name: 'mosquitto',
    summary: 'configuration and rights for Mosquitto 2 with its dynamic-security plugin',
    kind: 'render',
    examples: [
      'echolot policy render mosquitto --out ./rendered && mosquitto -c ./rendered/mosquitto.conf',
      'sudo echolot policy render mosquitto --store /var/lib/echolot --out /etc/mosquitto/echolot --owner mosquitto --clients 0.0.0.0:8883 --tls-names broker.example',
    ],
  });
  addInputFlags(command)
    .requiredOption('--out <folder>', 'write the files into this folder')
    .option('--owner <user>', 'give the files to this user, as whom Mosquitto runs', readText)
    .option('--clients <address>', LISTEN.clients, readAddress)
    .option('--certificates <address>', LISTEN.certificates, readAddress)
    .option('--inner <address>', LISTEN.inner, readAddress)
    .option('--plugin <file>', 'where mosquitto_dynamic_security.so is', readText)
    .option('--at <folder>', 'where the files will be on the broker (default: --out)', readText)
    .action(async (flags: MosquittoFlags) => renderFiles(context, flags, command));
}

const LISTEN = {
  clients:
    'HOST:PORT for clients (default 127.0.0.1:1883, or 127.0.0.1:8883 with TLS where the store has certificates)',
  certificates:
    'HOST:PORT for whoever has a certificate (default: the host of --clients, port 8884)',
  inner: 'HOST:PORT for predictors and operators (default 127.0.0.1:1884)',
};

async function renderFiles(context: Context, flags: MosquittoFlags, command: Command) {
  const settings = settingsOf('render', context, command);
  const policy = await loadPolicy(settings);
  const { store, tlsNames } = settings;
  const names = tlsNames === null ? [] : tlsNames.split(',').filter((name) => name !== '');
  const tls = await loadRenderedTls(store, names);
  const { clients = { host: '127.0.0.1', port: tls ? 8883 : 1883 } } = flags;
  const { certificates = { host: clients.host, port: 8884 } } = flags;
  const { inner = { host: '127.0.0.1', port: 1884 } } = flags;
  if (tls === null) checkWithoutTls(flags, inner);
  const out = resolve(flags.out);
  const { models, probes } = flags;
  const files = renderMosquitto({
    ...(await loadRenderInput(store, { policy, models, probes })),
    administrator: await ensureAdministrator(store),
    folder: flags.at ?? out,
    plugin: flags.plugin ?? PLUGINS.find((path) => existsSync(path)) ?? PLUGINS[0] ?? '',
    user: flags.owner ?? userInfo().username,
    tls,
    clients,
    certificates,
    inner,
  });
  await writeRendering(out, files, flags.owner);
  if (tls === null && !isLoopback(clients.host)) context.stderr.write(CLEAR_TEXT);
  context.stderr.write(`${[...files.keys()].join(', ')} are in ${out}. Start it with:\n`);
  context.stdout.write(`mosquitto -c ${shellWord(`${out}/${CONFIGURATION_FILE}`)}\n`);
}

const CLEAR_TEXT = `warning: the store has no certificates: passwords and readings cross the network readable.
hint: make some with "echolot identity add NAME --role ROLE --certificate", and render again
`;

function checkWithoutTls({ certificates }: MosquittoFlags, inner: ListenAddress): void {
  const remedy =
    'Make some first: echolot identity add NAME --role predictor --certificate (or rotate NAME --certificate).';
  if (certificates) throw new CliError('the store has no certificates for --certificates', remedy);
  if (isLoopback(inner.host)) return;
  throw new CliError(
    `--inner ${inner.host} is no loopback address, and the store has no certificates to guard it`,
    remedy,
  );
}

function readAddress(text: string): ListenAddress {
  const [, host = '', digits = ''] =
    /^\[?([A-Za-z0-9_.:%-]{1,255}?)\]?:(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === '' || port < 1 || port > 65_535) {
    throw new InvalidArgumentError('Expected is HOST:PORT, such as 0.0.0.0:8883.');
  }
  return { host, port };
}

function readText(text: string): string {
  if (!/^[^\p{Cc}]{1,4096}$/u.test(text)) {
    throw new InvalidArgumentError('Expected is some text without control characters.');
  }
  return text;
}
