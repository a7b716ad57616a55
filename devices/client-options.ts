// The client's options, checked where they enter: a wrong one is the programmer's to mend.
import { readFileSync } from 'node:fs';
import { DEFAULT_NAMESPACE, isName, NAME_RULE, SELF_CHECK_MODEL } from '../schemas/names.ts';
import type { Problem } from '../schemas/problems.ts';
import type { ClientOptions, OutboxClientOptions, OutboxOptions } from './client-types.ts';

const PROTOCOLS = ['mqtt:', 'mqtts:', 'ws:', 'wss:'];

/** An option that cannot be used. `remedy` says what to write instead. */
export class ClientOptionsError extends Error {
  readonly code: 'NAME_INVALID' | 'URL_INVALID' | 'PASSWORD_UNREADABLE' | 'OPTION_INVALID';
  readonly exitCode = 78;
  readonly remedy: string;

  constructor(
    code: ClientOptionsError['code'],
    message: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ClientOptionsError';
    this.code = code;
    this.remedy = remedy;
  }
}

/** The options with their defaults, and the password where there is one. */
export function resolveOptions(options: ClientOptions | OutboxClientOptions) {
  const { url, clientId, namespace = DEFAULT_NAMESPACE, model = 'sonar' } = options;
  checkUrl(url);
  checkName('clientId', clientId);
  checkName('namespace', namespace);
  checkName('model', model);
  const { maxUnanswered = 64, maxWaiting = 10_000, discoveryMs = 1000 } = options;
  checkCount('maxUnanswered', maxUnanswered, 1);
  checkCount('maxWaiting', maxWaiting, 0);
  checkCount('discoveryMs', discoveryMs, 0);
  const { encoding = 'json', username = clientId } = options;
  if (encoding !== 'json' && encoding !== 'cbor') {
    throw invalid(`encoding is ${JSON.stringify(encoding)}`, 'use "json" or "cbor"');
  }
  const password = readPassword(options);
  return {
    url,
    clientId,
    namespace,
    model,
    maxUnanswered,
    maxWaiting,
    discoveryMs,
    encoding,
    username,
    password,
  };
}

/** Longer delays than a timer of Node can count: about 24.8 days. */
const LONGEST_AGE_MS = 2 ** 31 - 1;

/** The bounds of an outbox with their defaults. */
export function resolveOutbox(options: OutboxOptions) {
  const {
    folder,
    maxCount = 100_000,
    maxBytes = 128 * 2 ** 20,
    maxAgeMs = 7 * 86_400_000,
  } = options;
  if (typeof folder !== 'string' || folder === '') {
    throw invalid(`outbox.folder is ${JSON.stringify(folder)}`, 'give the path of a folder');
  }
  checkCount('outbox.maxCount', maxCount, 1);
  checkCount('outbox.maxBytes', maxBytes, 1);
  checkCount('outbox.maxAgeMs', maxAgeMs, 1);
  if (maxAgeMs > LONGEST_AGE_MS) {
    throw invalid(`outbox.maxAgeMs is ${maxAgeMs}`, `use at most ${LONGEST_AGE_MS} (24 days)`);
  }
  return { folder, maxCount, maxBytes, maxAgeMs };
}

/** `null` for a name that a reading may be sent to. */
export function checkModel(model: unknown): Problem | null {
  if (isName(model) && model !== SELF_CHECK_MODEL) return null;
  const shown = JSON.stringify(String(model).slice(0, 80));
  const rule = model === SELF_CHECK_MODEL ? 'that name is for agents alone' : `use ${NAME_RULE}`;
  return {
    code: 'NAME_INVALID',
    detail: `the model ${shown} is no name that can be asked: ${rule}`,
  };
}

function checkUrl(url: string): void {
  const remedy = 'use for example mqtt://localhost:1883 (or mqtts://, ws://, wss://)';
  const shown = JSON.stringify(
    String(url)
      .replace(/\/\/[^/]*@/, '//…@')
      .slice(0, 200),
  );
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (error) {
    throw new ClientOptionsError('URL_INVALID', `url ${shown} is no URL`, remedy, { cause: error });
  }
  if (!PROTOCOLS.includes(parsed.protocol) || parsed.hostname === '') {
    throw new ClientOptionsError('URL_INVALID', `url ${shown} is no address of a broker`, remedy);
  }
  if (parsed.username !== '' || parsed.password !== '') {
    const message = `url ${shown} holds credentials, which end up in logs`;
    throw new ClientOptionsError('URL_INVALID', message, 'use username and passwordFile instead');
  }
}

function checkName(option: string, name: unknown): void {
  if (isName(name)) return;
  const shown = JSON.stringify(String(name).slice(0, 80));
  throw new ClientOptionsError('NAME_INVALID', `${option} ${shown} is no name`, `use ${NAME_RULE}`);
}

function checkCount(option: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw invalid(`${option} is ${String(value)}`, `use a whole number, ${least} or more`);
}

function readPassword({
  password,
  passwordFile,
}: ClientOptions | OutboxClientOptions): string | undefined {
  if (passwordFile === undefined) return password;
  if (password !== undefined) {
    throw invalid('both password and passwordFile are given', 'leave one of them out');
  }
  try {
    return readFileSync(passwordFile, 'utf8').split(/\r?\n/, 1)[0] ?? '';
  } catch (error) {
    const message = `passwordFile ${passwordFile} cannot be read`;
    const remedy = 'give the path of a file that holds the password and that this user may read';
    throw new ClientOptionsError('PASSWORD_UNREADABLE', message, remedy, { cause: error });
  }
}

function invalid(message: string, remedy: string): ClientOptionsError {
  return new ClientOptionsError('OPTION_INVALID', message, remedy);
}
