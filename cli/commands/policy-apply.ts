// echolot policy apply: brings a running Mosquitto to what would be rendered, as a difference.
import type { Command } from 'commander';
import { ADMINISTRATOR } from '../../broker/administrator.ts';
import { applyPolicy } from '../../broker/apply-policy.ts';
import type { Difference } from '../../broker/dynamic-security-diff.ts';
import { loadRenderInput } from '../../broker/render-input.ts';
import { addCommand } from '../command.ts';
import { loadSettings } from '../config.ts';
import { readConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { printable } from '../errors.ts';
import { createTerminalLog } from '../log.ts';
import { loadPolicy } from '../policy.ts';
import { addInputFlags, type InputFlags } from '../render-flags.ts';

interface ApplyFlags extends InputFlags {
  readonly url?: string;
  readonly brokerUrl?: string;
  readonly dryRun?: boolean;
  readonly passwords?: string;
}

export function addApplyCommand(policy: Command, context: Context): void {
  const command = addCommand(policy, {
    name: 'apply',
    summary: 'bring the rights of a running Mosquitto to what would be rendered',
    kind: 'apply',
    examples: [
      'echolot policy apply --url mqtt://127.0.0.1:1884 --dry-run',
      'echolot identity remove dev-1 && echolot policy apply --url mqtt://127.0.0.1:1884',
      'echolot policy apply --url mqtts://broker.example:8883 --ca ca.crt --passwords passwords.csv',
    ],
  });
  addInputFlags(command)
    .option('--url <url>', 'the broker, as --broker-url')
    .option('--dry-run', 'print what would be told to the broker, and tell it nothing')
    .option(
      '--passwords <file>',
      'a CSV of name,password for identities that are new to the broker',
    )
    .action(async (flags: ApplyFlags) => apply(flags, context));
}

async function apply(flags: ApplyFlags, context: Context): Promise<void> {
  const { dryRun = false, models, passwords: passwordsPath, probes, url } = flags;
  const settings = loadSettings('apply', {
    flags: { ...flags, brokerUrl: url ?? flags.brokerUrl },
    env: context.env,
  });
  const { store } = settings;
  const policy = await loadPolicy(settings);
  const input = await loadRenderInput(store, { policy, models, probes });
  const log = createTerminalLog('warn', (line) => context.stderr.write(`${line}\n`));
  const login = { ...settings, username: null, passwordFile: null };
  const { protocol = 'auto', tls, url: broker } = readConnection(login, ADMINISTRATOR, log);
  const target = { url: broker, protocol, ...(tls && { tls }) };
  let told = 0;
  await applyPolicy({ store, broker: target, input, passwordsPath }, (difference) => {
    show(difference, context);
    told = difference.changes.length;
    return !dryRun;
  });
  const what = dryRun ? 'would be told' : 'told';
  context.stderr.write(
    told === 0 ? 'the broker is as it would be rendered\n' : `${told} commands ${what}\n`,
  );
}

/** The commands on standard output, their details indented; what no command changes beside it. */
function show({ changes, notes }: Difference, { stderr, stdout }: Context): void {
  for (const { details, text } of changes) {
    stdout.write(`${printable(text)}\n`);
    for (const detail of details) stdout.write(`  ${printable(detail)}\n`);
  }
  for (const note of notes) stderr.write(`note: ${printable(note)}\n`);
}
