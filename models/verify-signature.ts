// The OpenSSF Model Signing bundle of a folder: its statement, checked against a key and against files.
import { createHash, type KeyObject, verify } from 'node:crypto';
import { keyHint } from './signing-key.ts';

export const PREDICATE_TYPE = 'https://model_signing/signature/v1.0';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** What is wrong with a bundle, for a caller to tell apart. */
export type SignatureProblem = {
  readonly kind:
    | 'unsigned'
    | 'signed-by-another'
    | 'signature-broken'
    | 'changed'
    | 'unlisted'
    | 'missing';
  /** A sentence for a person. */
  readonly message: string;
};

/** The files of a signed statement: SHA-256 (`sha256:…`) by name. */
export type SignedFiles = ReadonlyMap<string, string>;

export type SignatureResult =
  | { readonly ok: true; readonly files: SignedFiles }
  | { readonly ok: false; readonly problem: SignatureProblem };

const DIGEST = /^[0-9a-f]{64}$/;

class Broken extends Error {}

/** What a DSSE signature covers: the pre-authentication encoding of the payload (DSSE v1.0.0). */
export function preAuthEncoding(payload: Uint8Array): Buffer {
  const header = `DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `;
  return Buffer.concat([Buffer.from(header), payload]);
}

/**
 * Checks a signature file against a key. Nothing of the statement is read before its signature holds.
 * @param file the signature file's name, for messages
 */
export function verifySignature(file: string, bytes: Uint8Array, key: KeyObject): SignatureResult {
  try {
    const { payload, signature, hint } = readEnvelope(bytes);
    // IEEE P1363 signatures are not part of the format: DER alone.
    if (!verify('sha256', preAuthEncoding(payload), key, signature)) {
      const kind = hint === keyHint(key) ? 'signature-broken' : 'signed-by-another';
      const why =
        kind === 'signature-broken'
          ? 'the signature does not fit what it signs: one of the two was changed'
          : `it was signed with another key (expected ${keyHint(key)}, found ${hint})`;
      return { ok: false, problem: { kind, message: `${file}: ${why}` } };
    }
    return { ok: true, files: readStatement(payload) };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    const message = `${file} is no model signature: ${error.message}`;
    return { ok: false, problem: { kind: 'signature-broken', message } };
  }
}

/**
 * Holds the files of a folder to a verified statement: the same files, each with its digest.
 * @param found digests (`sha256:…`) by file name, without the signature file
 */
export function compareFiles(signed: SignedFiles, found: SignedFiles): SignatureProblem | null {
  for (const file of signed.keys()) {
    if (!found.has(file)) {
      return { kind: 'missing', message: `${file} is signed but missing` };
    }
  }
  for (const [file, digest] of found) {
    const expected = signed.get(file);
    if (expected === undefined) {
      return { kind: 'unlisted', message: `${file} is not among the signed files` };
    }
    if (expected !== digest) {
      const message = `${file} has changed since it was signed: expected ${expected}, found ${digest}`;
      return { kind: 'changed', message };
    }
  }
  return null;
}

function readEnvelope(bytes: Uint8Array) {
  const bundle = asObject(parseJson(bytes), 'it');
  if (bundle['mediaType'] !== MEDIA_TYPE) throw new Broken(`expected the media type ${MEDIA_TYPE}`);
  const material = asObject(bundle['verificationMaterial'], 'verificationMaterial');
  const hint = asObject(material['publicKey'], 'publicKey')['hint'];
  const envelope = asObject(bundle['dsseEnvelope'], 'dsseEnvelope');
  if (envelope['payloadType'] !== PAYLOAD_TYPE) {
    throw new Broken(`expected the payload type ${PAYLOAD_TYPE}`);
  }
  const signatures = envelope['signatures'];
  if (!Array.isArray(signatures) || signatures.length !== 1) {
    throw new Broken('expected exactly one signature');
  }
  return {
    hint: typeof hint === 'string' && DIGEST.test(hint) ? hint : 'none',
    payload: decodeBase64(envelope['payload'], 'payload'),
    signature: decodeBase64(asObject(signatures[0], 'the signature')['sig'], 'sig'),
  };
}

function readStatement(payload: Uint8Array): SignedFiles {
  const statement = asObject(parseJson(payload), 'the statement');
  if (statement['_type'] !== STATEMENT_TYPE || statement['predicateType'] !== PREDICATE_TYPE) {
    throw new Broken(`expected a statement of the type ${PREDICATE_TYPE}`);
  }
  const subjects = statement['subject'];
  if (!Array.isArray(subjects) || subjects.length !== 1) throw new Broken('expected one subject');
  const root = asObject(asObject(subjects[0], 'the subject')['digest'], 'its digest')['sha256'];
  const predicate = asObject(statement['predicate'], 'the predicate');
  const serialization = asObject(predicate['serialization'], 'serialization');
  if (serialization['method'] !== 'files' || serialization['hash_type'] !== 'sha256') {
    throw new Broken('expected whole files and sha256 as serialization');
  }
  const resources = predicate['resources'];
  if (!Array.isArray(resources)) throw new Broken('expected a list of resources');
  const files = new Map<string, string>();
  const hash = createHash('sha256');
  for (const resource of resources) {
    const { name, algorithm, digest } = asObject(resource, 'a resource');
    if (typeof name !== 'string' || name === '' || name.includes('/') || files.has(name)) {
      throw new Broken('expected plain file names, each once, as resources');
    }
    if (algorithm !== 'sha256' || typeof digest !== 'string' || !DIGEST.test(digest)) {
      throw new Broken(`expected a sha256 digest for ${name}`);
    }
    hash.update(Buffer.from(digest, 'hex'));
    files.set(name, `sha256:${digest}`);
  }
  if (hash.digest('hex') !== root) throw new Broken("the subject's digest does not fit the files");
  return files;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Broken('it is no JSON');
  }
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Broken(`${what} is not an object`);
  }
  return value as Record<string, unknown>;
}

/** Canonical base64 only: another spelling of the same bytes was not written by a signer. */
function decodeBase64(value: unknown, what: string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : null;
  if (!bytes || bytes.toString('base64') !== value) throw new Broken(`${what} is no base64`);
  return bytes;
}
