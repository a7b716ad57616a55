// Signs a bundle's folder in the format of OpenSSF Model Signing: one DSSE envelope beside the files.
import { createHash, sign } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Bundle,
  BundleRefusedError,
  loadBundle,
  MANIFEST_FILE,
  SIGNATURE_FILE,
} from './bundle.ts';
import { listFolder } from './bundle-folder.ts';
import { keyHint, readPrivateKey } from './signing-key.ts';
import {
  MEDIA_TYPE,
  PAYLOAD_TYPE,
  PREDICATE_TYPE,
  preAuthEncoding,
  STATEMENT_TYPE,
} from './verify-signature.ts';

export interface Signed {
  readonly bundle: Bundle;
  /** Path of the signature file. */
  readonly signature: string;
  /** What names the key in the signature. */
  readonly hint: string;
}

/**
 * Signs every file of the folder, after the bundle has passed its own checks. An older signature is
 * replaced.
 * @param keyPath the private key, ECDSA P-256 in PEM form
 * @throws {BundleRefusedError} what must not be served must not be signed; a file that the manifest
 * does not list, too
 * @throws {SigningKeyError} an unusable key
 */
export async function signBundle(directory: string, keyPath: string): Promise<Signed> {
  const key = await readPrivateKey(keyPath);
  const bundle = await loadBundle(directory);
  const digests = new Map(Object.entries(bundle.manifest.files));
  digests.set(MANIFEST_FILE, bundle.digest);
  for (const name of await listFolder(directory)) {
    if (name !== SIGNATURE_FILE && !digests.has(name)) {
      throw new BundleRefusedError(
        `the bundle ${directory} is not signed: ${name} is not listed in ${MANIFEST_FILE}`,
        `Take ${name} out of the folder, or list it with its digest in ${MANIFEST_FILE}.`,
      );
    }
  }
  const payload = Buffer.from(JSON.stringify(statementOf(bundle.manifest.name, digests)));
  const envelope = {
    mediaType: MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: keyHint(key) }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [
        { sig: sign('sha256', preAuthEncoding(payload), key).toString('base64'), keyid: '' },
      ],
    },
  };
  const signature = join(directory, SIGNATURE_FILE);
  const draft = `${signature}.${process.pid}`;
  try {
    await writeFile(draft, `${JSON.stringify(envelope, null, 2)}\n`);
    await rename(draft, signature);
  } finally {
    await rm(draft, { force: true });
  }
  return { bundle, signature, hint: keyHint(key) };
}

/** in-toto statement v1; the subject's digest is that of all the files' digests, in order of name. */
function statementOf(name: string, digests: ReadonlyMap<string, string>) {
  const resources = [...digests.keys()].sort().map((file) => ({
    name: file,
    algorithm: 'sha256',
    digest: (digests.get(file) as string).slice('sha256:'.length),
  }));
  const root = createHash('sha256');
  for (const { digest } of resources) root.update(Buffer.from(digest, 'hex'));
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name, digest: { sha256: root.digest('hex') } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      serialization: {
        method: 'files',
        hash_type: 'sha256',
        allow_symlinks: false,
        ignore_paths: [SIGNATURE_FILE],
      },
      resources,
    },
  };
}
