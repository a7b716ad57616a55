// The keys that sign bundles: ECDSA on the curve P-256, made here, read from PEM files.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileProblem } from './file-problem.ts';

/** A key file that cannot be used. A person must act; exit 78. */
export class SigningKeyError extends Error {
  readonly code = 'SIGNING_KEY_INVALID';
  readonly exitCode = 78;
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SigningKeyError';
    this.remedy = remedy;
  }
}

export interface SigningKeyFiles {
  readonly privateKey: string;
  readonly publicKey: string;
  /** What names the key in signatures: the hexadecimal SHA-256 of its public half. */
  readonly hint: string;
}

/**
 * Makes a key pair: the private half at `path` for its owner's eyes only (mode 0600, PKCS #8), the
 * public half at `path` + `.pub`. Never overwrites.
 * @throws {SigningKeyError} one of the files exists, or cannot be written
 */
export async function generateSigningKey(path: string): Promise<SigningKeyFiles> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secret = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const open = publicKey.export({ type: 'spki', format: 'pem' });
  const files = { privateKey: path, publicKey: `${path}.pub`, hint: keyHint(publicKey) };
  await writeNew(files.privateKey, secret, 0o600);
  try {
    await writeNew(files.publicKey, open, 0o644);
  } catch (error) {
    // Half a pair would be in the way of the next attempt.
    await rm(files.privateKey, { force: true });
    throw error;
  }
  return files;
}

async function writeNew(path: string, text: string | Buffer, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { mode, flag: 'wx' });
  } catch (cause) {
    const folder = dirname(path);
    const isFolderThere = await stat(folder).then(
      () => true,
      () => false,
    );
    if (!isFolderThere) throw unusable(folder, cause, 'Make the folder first, or name another.');
    const remedy =
      (cause as NodeJS.ErrnoException).code === 'EEXIST'
        ? 'Choose another path; keys are never overwritten.'
        : 'Choose a path where this user may write.';
    throw unusable(path, cause, remedy);
  }
}

/** @throws {SigningKeyError} not readable, or no private P-256 key in PEM form */
export async function readPrivateKey(path: string): Promise<KeyObject> {
  return readKey(path, 'private', createPrivateKey);
}

/**
 * Reads a public key; the file of a private one serves too.
 * @throws {SigningKeyError} not readable, or no P-256 key in PEM form
 */
export async function readPublicKey(path: string): Promise<KeyObject> {
  return readKey(path, 'public', createPublicKey);
}

/** What names a key in a signature: the hexadecimal SHA-256 of its public half as PEM text. */
export function keyHint(key: KeyObject): string {
  const open = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(open.export({ type: 'spki', format: 'pem' }))
    .digest('hex');
}

async function readKey(
  path: string,
  half: 'private' | 'public',
  parse: (pem: string) => KeyObject,
): Promise<KeyObject> {
  const remedy = 'Make a key pair with "echolot model keygen"; its public half ends in .pub.';
  const pem = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unusable(path, cause, remedy);
  });
  let key: KeyObject;
  try {
    key = parse(pem);
  } catch (cause) {
    const expected = `expected a ${half} key in PEM form`;
    throw new SigningKeyError(`${path} cannot be used: ${expected}`, remedy, { cause });
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType !== 'ec' || curve !== 'prime256v1') {
    const found = curve ?? key.asymmetricKeyType;
    const expected = `expected an ECDSA key on the curve P-256, found ${found}`;
    throw new SigningKeyError(`${path} cannot be used: ${expected}`, remedy);
  }
  return key;
}

function unusable(path: string, cause: unknown, remedy: string): SigningKeyError {
  return new SigningKeyError(fileProblem(path, cause), remedy, { cause });
}
