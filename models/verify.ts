// Verifying a bundle for a person: everything that can be told without running its models.
import { type Bundle, loadBundle, MANIFEST_FILE, SIGNATURE_FILE } from './bundle.ts';
import { listFolder } from './bundle-folder.ts';
import { type BundleProblemKind, BundleRefusedError } from './bundle-refused.ts';

export type Verification =
  | {
      readonly ok: true;
      readonly bundle: Bundle;
      /** `unchecked`: there is one, but no key to check it with. */
      readonly signature: 'verified' | 'unchecked' | 'none';
    }
  | {
      readonly ok: false;
      readonly kind: BundleProblemKind;
      readonly message: string;
      readonly remedy: string;
    };

/**
 * Checks a bundle's manifest, digests, model files and, given a key, its signature. Stricter than an
 * agent without a key, which ignores files that the manifest does not list: here they are a problem.
 * Golden vectors need a runtime and are checked by a trial.
 * @param options.publicKey path of the public key that the bundle should be signed with
 * @throws {SigningKeyError} the key cannot be used
 */
export async function verifyBundle(
  directory: string,
  options: { readonly publicKey?: string | undefined } = {},
): Promise<Verification> {
  try {
    const bundle = await loadBundle(directory, options.publicKey ? { key: options.publicKey } : {});
    const names = await listFolder(directory);
    const stranger = names.find(
      (name) => ![MANIFEST_FILE, SIGNATURE_FILE].includes(name) && !bundle.files.has(name),
    );
    if (stranger) {
      throw new BundleRefusedError(
        `the bundle ${directory} holds ${stranger}, which ${MANIFEST_FILE} does not list`,
        'Take the file out of the folder, or publish the bundle again with it.',
        { kind: 'unlisted' },
      );
    }
    const hasSignature = names.includes(SIGNATURE_FILE);
    const signature = options.publicKey ? 'verified' : hasSignature ? 'unchecked' : 'none';
    return { ok: true, bundle, signature };
  } catch (error) {
    if (!(error instanceof BundleRefusedError)) throw error;
    return { ok: false, kind: error.kind, message: error.message, remedy: error.remedy };
  }
}
