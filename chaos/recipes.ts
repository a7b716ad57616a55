// How agents and clients are started as processes: each a little different from the others. Pure.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CallerConfig } from './caller-config.ts';
import { steppingClockArgs } from './stepping-clock.ts';
import type { Recipe } from './supervised.ts';

const CALLER = new URL(
  import.meta.url.endsWith('.ts') ? './client.child.ts' : './client.child.js',
  import.meta.url,
);

/** Less than the shortest time that the plan keeps an agent away, in seconds. */
const ADOPT_AFTER = '3';
/** Less than the plan stops the process that computes, in seconds. */
const INFERENCE_TIMEOUT = '3';

/** Who it is, and where. */
export interface Party {
  readonly name: string;
  /** From 0, among its like. */
  readonly index: number;
  /** Through its own faulty network. */
  readonly url: string;
  /** Of the run: its password, its log and what it keeps are there. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Two compute in a process of their own and speak what the broker speaks; one does neither. */
export function agentRecipe(
  { env, folder, index, name, url }: Party,
  cli: string,
  model: string,
): Recipe {
  const isPlain = index === 1;
  const flags = ['--broker-url', url, '--agent-id', name, '--model', model];
  const password = ['--password-file', join(folder, `${name}.password`)];
  return {
    name,
    command: process.execPath,
    args: [...steppingClockArgs(), cli, 'agent', ...flags, ...password],
    env: {
      ...env,
      ECHOLOT_ADOPT_AFTER: ADOPT_AFTER,
      ECHOLOT_STATE_DIR: join(folder, `${name}.state`),
      ECHOLOT_INFERENCE: isPlain ? 'inline' : 'process',
      ECHOLOT_INFERENCE_TIMEOUT: INFERENCE_TIMEOUT,
      ECHOLOT_PROTOCOL: isPlain ? '3.1.1' : 'auto',
    },
    logFile: join(folder, 'logs', `${name}.log`),
    hasChannel: true,
  };
}

/** JSON and CBOR, 3.1.1 and what the broker speaks; the fourth has an outbox with little room. */
export function callerConfig(
  { folder, index, name, url }: Party,
  rest: Pick<CallerConfig, 'outbox' | 'ledger' | 'rowsFile' | 'finishFile' | 'periodMs'>,
): CallerConfig {
  return {
    ...rest,
    name,
    url,
    passwordFile: join(folder, `${name}.password`),
    protocol: index % 2 === 0 ? 'auto' : '3.1.1',
    encoding: index % 3 === 1 ? 'cbor' : 'json',
    maxCount: index === 3 ? 200 : 100_000,
    deadlineEvery: 20,
    deadlineMs: 30_000,
  };
}

/** @param config the file of its configuration */
export function callerRecipe({ env, folder, name }: Party, config: string): Recipe {
  return {
    name,
    command: process.execPath,
    args: [...steppingClockArgs(), fileURLToPath(CALLER), config],
    env,
    logFile: join(folder, 'logs', `${name}.log`),
    hasChannel: true,
    mayFinish: true,
  };
}
