// From settings to a connection: who we are, and the password and certificates read from their files.
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { BusOptions } from '../bus/types.ts';
import { NAME_RULE } from '../schemas/names.ts';
import { CliError, EXIT } from './errors.ts';
import { type AllSettings, SETTINGS } from './settings.ts';

type Connection = Pick<BusOptions, 'url' | 'password' | 'tls' | 'protocol'> & {
  readonly username: string;
};

type ConnectionSettings = Pick<
  AllSettings,
  'brokerUrl' | 'username' | 'passwordFile' | 'ca' | 'cert' | 'key' | 'protocol'
>;

/**
 * Reads what a connection needs.
 * @param self the agent's or client's id, which is the username unless another is given
 * @throws {CliError} exit 78 where a file cannot be read, or certificates are given for a plain address
 */
export function readConnection(
  settings: ConnectionSettings,
  self: string,
  log: Logger,
): Connection {
  const { brokerUrl, ca, cert, key, passwordFile, protocol, username } = settings;
  if ((cert === null) !== (key === null)) {
    const [has, lacks] = cert === null ? ['--key', '--cert'] : ['--cert', '--key'];
    throw new CliError(`${has} is given without ${lacks}`, `Give both, or none.`);
  }
  const certificates = [ca, cert, key].some((file) => file !== null);
  if (certificates && /^(mqtt|ws):/.test(brokerUrl)) {
    const secure = brokerUrl.replace(/^(mqtt|ws):/, '$1s:');
    throw new CliError(
      `certificates are given for ${brokerUrl}, which is not encrypted`,
      `Give --broker-url ${secure} with the port for TLS (8883 as a rule), or leave --ca, --cert and --key out.`,
      { code: 'CERTIFICATES_UNUSED', exitCode: EXIT.configuration },
    );
  }
  const tls = {
    ...(ca === null ? {} : { ca: readSecret(ca, SETTINGS.ca.flag) }),
    ...(cert === null ? {} : { cert: readSecret(cert, SETTINGS.cert.flag) }),
    ...(key === null ? {} : { key: readKey(key, log) }),
  };
  checkCertificates(tls);
  return {
    url: brokerUrl,
    protocol,
    username: username ?? self,
    ...(passwordFile === null ? {} : { password: readPassword(passwordFile, log) }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  };
}

/** @throws {CliError} nobody was named */
export function requireClientId({ clientId }: Pick<AllSettings, 'clientId'>, role: string): string {
  if (clientId !== null) return clientId;
  throw new CliError(
    'nobody is named as who asks',
    `Give --client-id NAME (or ECHOLOT_CLIENT_ID) and --password-file; "echolot identity add NAME --role ${role}" makes such an identity.`,
    { code: 'CLIENT_ID_MISSING' },
  );
}

/** @throws {CliError} nobody was named, and the host's name cannot serve */
export function requireAgentId({ agentId }: Pick<AllSettings, 'agentId'>): string {
  if (agentId !== null) return agentId;
  throw new CliError(
    "the agent has no name, and the host's name cannot serve as one",
    `Give --agent-id NAME (or ECHOLOT_AGENT_ID): ${NAME_RULE}.`,
    { code: 'AGENT_ID_MISSING', exitCode: EXIT.configuration },
  );
}

function readPassword(path: string, log: Logger): string {
  const password = readSecret(path, SETTINGS.passwordFile.flag)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (password === '' || /\p{Cc}/u.test(password)) {
    const found = password === '' ? 'is empty' : 'holds more than one line or control characters';
    throw unreadable(`the password file ${path} ${found}`, 'Write the password into it, alone.');
  }
  warnIfOpen(path, 'others may read the password file', log);
  return password;
}

function readKey(path: string, log: Logger): Buffer {
  const key = readSecret(path, SETTINGS.key.flag);
  warnIfOpen(path, 'others may read the private key', log);
  return key;
}

function warnIfOpen(path: string, warning: string, log: Logger): void {
  // The access list by which systemd lets a service read its credentials looks like rights of a group.
  if (path.startsWith('/run/credentials/')) return;
  const { mode, uid } = statSync(path);
  // Root's, and for the eyes of a group: so it was given to us, as Kubernetes gives a Secret.
  const isGiven = uid === 0 && process.getuid?.() !== 0 && (mode & 0o027) === 0;
  if (mode & 0o077 && !isGiven) log.warn({ path, remedy: `chmod 600 ${path}` }, warning);
}

/** Here, where the flags are known, and not at the first handshake. */
function checkCertificates(tls: {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}) {
  try {
    createSecureContext(tls);
    // Node takes any text for authorities, and then trusts none.
    if (tls.ca) new X509Certificate(tls.ca);
  } catch (cause) {
    const { message } = cause as Error;
    throw unreadable(
      `the files of --ca, --cert and --key cannot be used: ${message}`,
      'Give PEM files, and the certificate and the key of the same identity.',
      cause,
    );
  }
}

function readSecret(path: string, flag: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw unreadable(
      `the file ${path} of ${flag} cannot be read (${code ?? String(cause)})`,
      'Check the path and who may read it.',
      cause,
    );
  }
}

function unreadable(message: string, remedy: string, cause?: unknown): CliError {
  const options = { code: 'FILE_UNREADABLE', exitCode: EXIT.configuration, cause };
  return new CliError(message, remedy, options);
}
