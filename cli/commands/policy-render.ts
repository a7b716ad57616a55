// echolot policy render: the files with which another broker enforces the policy.
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ensureAdministrator } from '../../broker/administrator.ts';
import { certificatePaths, ensureAuthority } from '../../broker/certificates.ts';
import { findPlugin, USUAL_PLUGIN } from '../../broker/mosquitto-plugin.ts';
import { probeRole } from '../../broker/probes.ts';
import { renderEmqx, withoutEmqxPassword } from '../../broker/render-emqx.ts';
import { renderHivemq } from '../../broker/render-hivemq.ts';
import { loadRenderedTls, loadRenderInput } from '../../broker/render-input.ts';
import {
  CONFIGURATION_FILE,
  isLoopback,
  type ListenAddress,
  renderMosquitto,
} from '../../broker/render-mosquitto.ts';
import { type RenderInput, writeRendering } from '../../broker/rendering.ts';
import { addCommand, settingsOf } from '../command.ts';
import type { Context } from '../context.ts';
import { loadPolicy } from '../policy.ts';
import {
  addFolderFlags,
  addListenFlags,
  type FolderFlags,
  type ListenFlags,
  listenersOf,
  readText,
} from '../render-flags.ts';
import type { Settings } from '../settings.ts';
import { shellWord } from '../shell-word.ts';

export function addRenderCommand(policy: Command, context: Context): void {
  const summary = 'write the files with which another broker enforces the policy';
  const render = policy.command('render').description(summary).summary(summary);
  render.showHelpAfterError('hint: see echolot policy render --help');
  addMosquitto(render, context);
  addEmqx(render, context);
  addHivemq(render, context);
}

function addMosquitto(render: Command, context: Context): void {
  const command = addCommand(render, {
    name: 'mosquitto',
    summary: 'configuration and rights for Mosquitto 2 with its dynamic-security plugin',
    kind: 'render',
    examples: [
      'echolot policy render mosquitto --out ./rendered && mosquitto -c ./rendered/mosquitto.conf',
      'echolot policy render mosquitto --out ./rendered --at /var/lib/echolot-mosquitto --included --clients 0.0.0.0:8883 --tls-names broker.example',
    ],
  });
  addListenFlags(command)
    .option('--plugin <file>', 'where mosquitto_dynamic_security.so is', readText)
    .option(
      '--included',
      "leave out what an including configuration says, as that of Debian's package: user, persistence, log",
    )
    .action(async (flags: ListenFlags & { plugin?: string; included?: true }) => {
      const settings = settingsOf('render', context, command);
      const { input, listeners, tls } = await prepare(settings, flags);
      const out = resolve(flags.out);
      const folder = flags.at ?? out;
      const files = renderMosquitto({
        ...input,
        administrator: await ensureAdministrator(settings.store),
        folder,
        plugin: flags.plugin ?? findPlugin() ?? USUAL_PLUGIN,
        user: flags.owner ?? userInfo().username,
        isIncluded: flags.included ?? false,
        tls,
        ...listeners,
      });
      await writeRendering(out, files, flags.owner);
      warnOfClearText(context, tls !== null, listeners.clients);
      const verb = flags.included ? 'Have it read' : 'Start it';
      sayRendered(context, input, files, `${out}. ${verb} with:`);
      const path = shellWord(`${folder}/${CONFIGURATION_FILE}`);
      context.stdout.write(
        flags.included ? `ln -s ${path} ${DEBIAN_PLACE}\n` : `mosquitto -c ${path}\n`,
      );
    });
}

function addEmqx(render: Command, context: Context): void {
  const command = addCommand(render, {
    name: 'emqx',
    summary: 'configuration, acl.conf and users for EMQX 5; rendered, not run here',
    kind: 'render',
    examples: ['echolot policy render emqx --out ./rendered --at /opt/emqx/etc/echolot'],
  });
  addListenFlags(command).action(async (flags: ListenFlags) => {
    const settings = settingsOf('render', context, command);
    const { input, listeners, tls } = await prepare(settings, flags);
    const out = resolve(flags.out);
    const files = renderEmqx({ ...input, folder: flags.at ?? out, tls, ...listeners });
    await writeRendering(out, files, flags.owner);
    warnOfClearText(context, tls !== null, listeners.clients);
    for (const name of withoutEmqxPassword(input.identities)) {
      context.stderr.write(
        `note: ${name} has no password in users.csv, since EMQX cannot read its salt: echolot identity rotate ${name} makes one that it can\n`,
      );
    }
    sayRendered(context, input, files, `${out}${NOT_RUN}`);
  });
}

function addHivemq(render: Command, context: Context): void {
  const command = addCommand(render, {
    name: 'hivemq',
    summary: "credentials for HiveMQ's File RBAC extension; rendered, not run here",
    kind: 'render',
    examples: ['echolot policy render hivemq --out ./rendered'],
  });
  addFolderFlags(command).action(async (flags: FolderFlags) => {
    const settings = settingsOf('render', context, command);
    const out = resolve(flags.out);
    const input = await loadInput(settings, flags);
    const files = renderHivemq(input);
    await writeRendering(out, files, flags.owner);
    sayRendered(context, input, files, `${out}${NOT_RUN}`);
  });
}

async function loadInput(settings: Settings<'render'>, { models, probes }: FolderFlags) {
  const policy = await loadPolicy(settings);
  return loadRenderInput(settings.store, { policy, models, probes });
}

async function prepare(settings: Settings<'render'>, flags: ListenFlags) {
  const { store, tlsNames } = settings;
  const names = tlsNames === null ? [] : tlsNames.split(',').filter((name) => name !== '');
  // Who names hosts for a certificate wants one.
  if (names.length > 0) await ensureAuthority(store);
  const listeners = listenersOf(flags, existsSync(certificatePaths(store).ca));
  // First the probes: their certificates change the revocation list.
  const input = await loadInput(settings, flags);
  return { input, listeners, tls: await loadRenderedTls(store, names) };
}

/** What Debian's own configuration reads. */
const DEBIAN_PLACE = '/etc/mosquitto/conf.d/echolot.conf';

const NOT_RUN = ': rendered, not run here. Their heads say what this broker cannot express.';

/** Counts who is rendered: the wrong store would show. */
function sayRendered(
  { stderr }: Context,
  { identities }: RenderInput,
  files: ReadonlyMap<string, string>,
  where: string,
): void {
  const probes = identities.filter(({ name }) => probeRole(name) !== null).length;
  const who = `${identities.length - probes} identities and ${probes} probes`;
  stderr.write(`${who} are rendered; ${[...files.keys()].join(', ')} are in ${where}\n`);
}

function warnOfClearText(context: Context, isSecure: boolean, { host }: ListenAddress): void {
  if (isSecure || isLoopback(host)) return;
  context.stderr.write(
    `warning: the store has no certificates: passwords and readings cross the network readable.
hint: make some with "echolot identity add NAME --role ROLE --certificate", and render again
`,
  );
}
