// Loading a bundle: the manifest read and checked, every listed file read once and held to its digest.
import { createHash } from 'node:crypto';
import { SELF_CHECK_MODEL } from '../schemas/names.ts';
import { listFolder, readFileOf, UnreadableFileError } from './bundle-folder.ts';
import { type BundleProblemKind, BundleRefusedError } from './bundle-refused.ts';
import { checkManifest, type Manifest } from './manifest.ts';
import { inspectOnnx } from './onnx-inspect.ts';
import { readPublicKey } from './signing-key.ts';
import { tfjsProblem } from './tfjs-artifacts.ts';
import { compareFiles, verifySignature } from './verify-signature.ts';

export { BundleRefusedError };

export const MANIFEST_FILE = 'manifest.json';
/** The signature's file: the name that OpenSSF Model Signing suggests. */
export const SIGNATURE_FILE = 'model.sig';

const MAX_MANIFEST_BYTES = 8 * 2 ** 20;
const MAX_SIGNATURE_BYTES = 2 ** 20;
/** For all the files of a bundle together; they are held in memory. */
const MAX_BUNDLE_BYTES = 512 * 2 ** 20;

export interface Bundle {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Digest of the manifest's bytes, and through its list of digests of everything: `sha256:…`. */
  readonly digest: string;
  /** The verified bytes by file name; runtimes are given these and never a path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface LoadOptions {
  /**
   * Path of a public key. With it the folder must carry a signature by that key over exactly its
   * files, which is checked before anything else is parsed.
   */
  readonly key?: string;
}

/** Gives the bytes of a file of the bundle, of at most so many bytes. */
type ReadFile = (name: string, maxBytes: number) => Promise<Uint8Array>;

/**
 * Reads a bundle, every file once, and holds it to its manifest. Nothing is run.
 * @throws {BundleRefusedError} naming the file and what is wrong with it
 * @throws {SigningKeyError} the key cannot be used
 */
export async function loadBundle(directory: string, options: LoadOptions = {}): Promise<Bundle> {
  const read = options.key ? await readSigned(directory, options.key) : readPlain(directory);
  const manifestBytes = await read(MANIFEST_FILE, MAX_MANIFEST_BYTES);
  const manifest = parseManifest(directory, manifestBytes);
  const files = new Map<string, Uint8Array>();
  let left = MAX_BUNDLE_BYTES;
  for (const [name, expected] of Object.entries(manifest.files)) {
    const bytes = await read(name, left);
    left -= bytes.length;
    const found = digestOf(bytes);
    if (found !== expected) {
      const what = `${name} has changed: expected ${expected}, found ${found}`;
      throw refuse(directory, 'changed', what);
    }
    files.set(name, bytes);
  }
  checkModels(directory, manifest, files);
  return { directory, manifest, digest: digestOf(manifestBytes), files };
}

function readPlain(directory: string): ReadFile {
  return (name, maxBytes) =>
    readFileOf(directory, name, maxBytes).catch((error: unknown) => {
      throw refuseUnreadable(directory, error);
    });
}

/** Reads the whole folder and holds it to its signature. */
async function readSigned(directory: string, keyPath: string): Promise<ReadFile> {
  const key = await readPublicKey(keyPath);
  const files = new Map<string, Uint8Array>();
  let signature: Uint8Array | null = null;
  let left = MAX_BUNDLE_BYTES;
  try {
    for (const name of await listFolder(directory)) {
      const isSignature = name === SIGNATURE_FILE;
      const bytes = await readFileOf(directory, name, isSignature ? MAX_SIGNATURE_BYTES : left);
      if (isSignature) signature = bytes;
      else files.set(name, bytes);
      left -= bytes.length;
    }
  } catch (error) {
    throw refuseUnreadable(directory, error);
  }
  if (!signature) {
    const what = `it is not signed: ${SIGNATURE_FILE} is missing`;
    throw refuse(directory, 'unsigned', what);
  }
  const result = verifySignature(SIGNATURE_FILE, signature, key);
  if (!result.ok) throw refuse(directory, result.problem.kind, result.problem.message);
  const digests = new Map([...files].map(([name, bytes]) => [name, digestOf(bytes)]));
  const problem = compareFiles(result.files, digests);
  if (problem) throw refuse(directory, problem.kind, problem.message);
  return async (name) => {
    const bytes = files.get(name);
    if (!bytes) throw refuse(directory, 'missing', `${name} is missing`);
    return bytes;
  };
}

/** What can be seen in a model file without running it. */
function checkModels(
  directory: string,
  { runtimes }: Manifest,
  files: ReadonlyMap<string, Uint8Array>,
): void {
  const onnx = runtimes.onnx && files.get(runtimes.onnx.file);
  if (onnx) {
    const inspection = inspectOnnx(onnx);
    if (!inspection.ok) {
      const kind = inspection.kind === 'outside' ? 'outside' : 'model';
      throw refuse(directory, kind, `${runtimes.onnx?.file} ${inspection.reason}`);
    }
  }
  if (runtimes.tfjs) {
    const problem = tfjsProblem(runtimes.tfjs.file, files);
    if (problem) throw refuse(directory, problem.kind, problem.message);
  }
}

/** `sha256:` and the hexadecimal digest. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** @throws {BundleRefusedError} no JSON, not of the schema, or contradicting itself */
function parseManifest(directory: string, bytes: Uint8Array): Manifest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const why = (cause as Error).message;
    throw refuse(directory, 'manifest', `${MANIFEST_FILE} is no JSON: ${why}`, cause);
  }
  if (!checkManifest.Check(parsed)) {
    const [first] = checkManifest.Errors(parsed);
    const where = first?.instancePath || '/';
    // Said of a field that has no business there, such as a file name with a folder in it.
    const what = first?.keyword === 'boolean' ? 'is not allowed' : (first?.message ?? 'is wrong');
    throw refuse(
      directory,
      'manifest',
      `${MANIFEST_FILE} does not fit the schema: at ${where}, it ${what}`,
    );
  }
  const contradiction = contradictionIn(parsed);
  if (contradiction) throw refuse(directory, 'manifest', `${MANIFEST_FILE}: ${contradiction}`);
  return parsed;
}

/** What a schema cannot say: the parts of a manifest must fit each other. */
function contradictionIn(manifest: Manifest): string | null {
  const { name, input, labels, runtimes, files, golden, histograms } = manifest;
  if (name === SELF_CHECK_MODEL) return `the name "${name}" is reserved for the agents' self-check`;
  if (!(input.minimum < input.maximum)) {
    return `input.minimum ${input.minimum} is not below input.maximum ${input.maximum}`;
  }
  for (const own of [MANIFEST_FILE, SIGNATURE_FILE]) {
    if (Object.hasOwn(files, own)) return `files lists ${own}, which cannot hold its own digest`;
  }
  if (!runtimes.onnx && !runtimes.tfjs) return 'runtimes names neither onnx nor tfjs';
  for (const runtime of [runtimes.onnx, runtimes.tfjs]) {
    if (runtime && !Object.hasOwn(files, runtime.file)) {
      return `runtimes names ${runtime.file}, which files does not list`;
    }
  }
  for (const [index, { values, scores }] of golden.entries()) {
    if (values.length !== input.width || scores.length !== labels.length) {
      return `golden vector ${index} has ${values.length} values and ${scores.length} scores, expected ${input.width} and ${labels.length}`;
    }
  }
  if (histograms) {
    const bins = histograms.edges.length - 1;
    const fits = histograms.counts.every((counts) => counts.length === bins);
    if (histograms.counts.length !== input.width || !fits) {
      return `histograms needs ${input.width} lists of ${bins} counts`;
    }
  }
  return null;
}

function refuseUnreadable(directory: string, error: unknown): unknown {
  if (!(error instanceof UnreadableFileError)) return error;
  return refuse(directory, error.kind, error.message, error);
}

function refuse(
  directory: string,
  kind: BundleProblemKind,
  what: string,
  cause?: unknown,
): BundleRefusedError {
  return new BundleRefusedError(
    `the bundle ${directory} is refused: ${what}`,
    REMEDIES[kind] ?? 'Restore the bundle from where it was published.',
    { kind, cause },
  );
}

const REMEDIES: Partial<Record<BundleProblemKind, string>> = {
  unsigned: 'Sign it with "echolot model sign", or serve without ECHOLOT_MODEL_KEY.',
  'signed-by-another': 'Give the public key of who signed it, or a bundle signed with this key.',
  unlisted: 'Take the file out of the folder, or publish the bundle again with it.',
  outside: 'A bundle holds plain files only; export the model with its weights inside.',
  model:
    'Check who may read it, or export the model again; "echolot model pack" makes a bundle of an ONNX file.',
  manifest: 'Make the bundle again with "echolot model pack" or "echolot model train".',
};
