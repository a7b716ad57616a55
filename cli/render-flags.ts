// The flags that say what of a store is rendered, and where the rendered broker listens.
import { type Command, InvalidArgumentError } from 'commander';
import { isLoopback, type ListenAddress } from '../broker/render-mosquitto.ts';
import { isName, NAME_RULE } from '../schemas/names.ts';
import { CliError } from './errors.ts';

export interface InputFlags {
  readonly models: readonly string[];
  /** Whether the identities of the prover are among the rendered ones. */
  readonly probes: boolean;
}

export interface FolderFlags extends InputFlags {
  readonly out: string;
  readonly owner?: string;
}

export interface ListenFlags extends FolderFlags {
  readonly at?: string;
  readonly clients?: ListenAddress;
  readonly certificates?: ListenAddress;
  readonly inner?: ListenAddress;
}

/** Adds --models and --no-probes. */
export function addInputFlags(command: Command): Command {
  return command
    .option('--models <names>', MODELS_FLAG, readModels, ['sonar'])
    .option('--no-probes', 'leave out the probe identities, with which "policy prove" asks');
}

/** Adds also --out and --owner. */
export function addFolderFlags(command: Command): Command {
  return addInputFlags(command)
    .requiredOption('--out <folder>', 'write the files into this folder', readText)
    .option('--owner <user>', 'give the files to this user, as whom the broker runs', readText);
}

/** Adds also --at and the addresses of the listeners. */
export function addListenFlags(command: Command): Command {
  return addFolderFlags(command)
    .option('--clients <address>', LISTEN.clients, readAddress)
    .option('--certificates <address>', LISTEN.certificates, readAddress)
    .option('--inner <address>', LISTEN.inner, readAddress)
    .option('--at <folder>', 'where the files will be on the broker (default: --out)', readText);
}

/**
 * Where to listen, with the defaults.
 * @throws {CliError} an address asks for certificates, and the store has none
 */
export function listenersOf(flags: ListenFlags, hasCertificates: boolean) {
  const { clients = { host: '127.0.0.1', port: hasCertificates ? 8883 : 1883 } } = flags;
  const { certificates = { host: clients.host, port: 8884 } } = flags;
  const { inner = { host: '127.0.0.1', port: 1884 } } = flags;
  const remedy =
    'Make some first: echolot identity add NAME --role predictor --certificate (or rotate NAME --certificate).';
  if (!hasCertificates && flags.certificates) {
    throw new CliError('the store has no certificates for --certificates', remedy);
  }
  if (!hasCertificates && !isLoopback(inner.host)) {
    throw new CliError(
      `--inner ${inner.host} is no loopback address, and the store has no certificates to guard it`,
      remedy,
    );
  }
  return { clients, certificates, inner };
}

const LISTEN = {
  clients:
    'HOST:PORT for clients (default 127.0.0.1:1883, or 127.0.0.1:8883 with TLS where the store has certificates)',
  certificates:
    'HOST:PORT for whoever has a certificate (default: the host of --clients, port 8884)',
  inner: 'HOST:PORT for predictors and operators (default 127.0.0.1:1884)',
};

export const MODELS_FLAG = 'what predictors without a limit of their own may serve: a,b';

/** Reads the value of --models. */
export function readModels(text: string): string[] {
  const names = text.split(',');
  if (!names.every(isName)) throw new InvalidArgumentError(`Each model's name is ${NAME_RULE}.`);
  return names;
}

/** Reads a path or a name. */
export function readText(text: string): string {
  if (!/^[^\p{Cc}]{1,4096}$/u.test(text)) {
    throw new InvalidArgumentError('Expected is some text without control characters.');
  }
  return text;
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
