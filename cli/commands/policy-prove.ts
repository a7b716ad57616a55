// echolot policy prove: shows on the running broker that it does what the policy says, and nothing else.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Policy } from '../../broker/policy.ts';
import { compareDeployed } from '../../broker/prove/deployed.ts';
import { isFinding } from '../../broker/prove/judge.ts';
import {
  comparisonLine,
  differenceLines,
  findingLines,
  isDifferent,
  matrixRows,
  proofLine,
} from '../../broker/prove/matrix.ts';
import { loadProbeCredentials, type LoginBy } from '../../broker/prove/probe-credentials.ts';
import { type Proof, provePolicy } from '../../broker/prove/prove.ts';
import { renderColumns } from '../columns.ts';
import { addCommand } from '../command.ts';
import { loadSettings } from '../config.ts';
import { readConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { EXIT, printable } from '../errors.ts';
import { createTerminalLog } from '../log.ts';
import { loadPolicy } from '../policy.ts';
import { MODELS_FLAG, readModels } from '../render-flags.ts';

interface ProveFlags {
  readonly url?: string;
  readonly brokerUrl?: string;
  readonly config?: string;
  readonly models: readonly string[];
  readonly login: LoginBy;
  readonly timeoutMs: number;
  readonly json?: boolean;
}

export function addProveCommand(policy: Command, context: Context): void {
  addCommand(policy, {
    name: 'prove',
    summary: 'show on a running broker that it does what the policy says; ends with 1 if not',
    kind: 'prove',
    examples: [
      'echolot policy prove --url mqtt://127.0.0.1:1884 --store ./store',
      'echolot policy prove --url mqtt://127.0.0.1:1884 --store ./store --config ./rendered',
      'echolot policy prove --url mqtts://broker.example:8884 --login certificate --json',
    ],
    withoutSettingsFile: true,
  })
    .option('--url <url>', 'the broker, as --broker-url')
    .option('--config <folder>', 'compare the rendered files that the broker has, in this folder')
    .option('--models <names>', MODELS_FLAG, readModels, ['sonar'])
    .addOption(
      new Option('--login <how>', 'how the probes log in')
        .choices(['password', 'certificate', 'both'])
        .default('password'),
    )
    .option('--timeout-ms <ms>', 'how long what is allowed may take', readTimeout, 5000)
    .option('--json', 'print one line of JSON per attempt, difference and summary')
    .action(async (flags: ProveFlags) => prove(flags, context));
}

async function prove(flags: ProveFlags, context: Context): Promise<void> {
  const { config: folder, json = false, login: by, models, timeoutMs, url } = flags;
  const settings = loadSettings('prove', {
    flags: { ...flags, brokerUrl: url ?? flags.brokerUrl, config: undefined },
    env: context.env,
  });
  const policy = await loadPolicy(settings);
  const { brokerUrl, protocol, store } = settings;
  const say = (line: string) => context.stdout.write(`${printable(line)}\n`);
  const isSame =
    folder === undefined || (await compare(folder, store, { policy, models }, json, say));
  // The probes have credentials of their own: what is read here is the authority to trust.
  const login = { ...settings, username: null, passwordFile: null, cert: null, key: null };
  const log = createTerminalLog('warn', (line) => context.stderr.write(`${line}\n`));
  const { tls } = readConnection(login, 'nobody', log);
  const proof = await provePolicy({
    url: brokerUrl,
    protocol,
    policy,
    patienceMs: timeoutMs,
    credentials: await loadProbeCredentials(store, { by, ca: tls?.ca ?? null }),
  });
  if (json) sayJson(proof, say);
  else sayProof(proof, folder !== undefined, context, say);
  context.exitCode = isSame && !proof.judgements.some(isFinding) ? EXIT.ok : EXIT.failure;
}

/** @returns whether what is deployed is what would be rendered */
async function compare(
  folder: string,
  store: string,
  options: { readonly policy: Policy; readonly models: readonly string[] },
  json: boolean,
  say: (line: string) => void,
): Promise<boolean> {
  const comparison = await compareDeployed(folder, store, options);
  const { differences, rules } = comparison;
  if (json) {
    for (const difference of differences)
      say(JSON.stringify({ type: 'difference', ...difference }));
    const count = differences.filter(isDifferent).length;
    say(JSON.stringify({ type: 'comparison', folder, rules, differences: count }));
  } else {
    for (const line of differenceLines(differences)) say(line);
    say(`COMPARED: ${comparisonLine(folder, comparison)}`);
  }
  return !differences.some(isDifferent);
}

function sayJson({ broker, judgements }: Proof, say: (line: string) => void): void {
  for (const { attempt, ...judged } of judgements) {
    say(JSON.stringify({ type: 'attempt', ...attempt, ...judged }));
  }
  const findings = judgements.filter(isFinding).length;
  say(JSON.stringify({ type: 'proof', broker, attempts: judgements.length, findings }));
}

function sayProof(
  proof: Proof,
  isCompared: boolean,
  { stdout }: Context,
  say: (line: string) => void,
): void {
  // Aligned, so not through `say`, and nothing in it is a stranger's.
  for (const line of renderColumns(matrixRows(proof.judgements))) stdout.write(`${line}\n`);
  stdout.write('\n');
  for (const line of findingLines(proof.judgements)) say(line);
  say(`PROVED: ${proofLine(proof)}`);
  say(
    isCompared
      ? 'The probes have the rights of their roles on topics of their own: what real identities may do was compared, not tried, and that the broker has read those files was not shown.'
      : 'The probes have the rights of their roles on topics of their own: what real identities may do was not shown. Compare it with --config FOLDER.',
  );
}

function readTimeout(given: string): number {
  if (!/^\d{1,6}$/.test(given) || Number(given) === 0) {
    throw new InvalidArgumentError('Expected milliseconds, such as 5000.');
  }
  return Number(given);
}
