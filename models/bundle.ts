// Loading a bundle: the manifest read and checked, every listed file read once and held to its digest.
import { createHash } from 'node:crypto';
import { SELF_CHECK_MODEL } from '../schemas/names.ts';
import { readFileOf, UnreadableFileError } from './bundle-folder.ts';
import { checkManifest, type Manifest } from './manifest.ts';

export const MANIFEST_FILE = 'manifest.json';
/** The signature's file: the name that OpenSSF Model Signing suggests. */
export const SIGNATURE_FILE = 'model.sig';

export const MAX_MANIFEST_BYTES = 8 * 2 ** 20;
/** For all the files of a bundle together; they are held in memory. */
export const MAX_BUNDLE_BYTES = 512 * 2 ** 20;

export interface Bundle {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Digest of the manifest's bytes, and through its list of digests of everything: `sha256:…`. */
  readonly digest: string;
  /** The verified bytes by file name; runtimes are given these and never a path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The bundle must not be served. A person must act; exit 70. */
export class BundleRefusedError extends Error {
  readonly code = 'BUNDLE_REFUSED';
  readonly exitCode = 70;
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BundleRefusedError';
    this.remedy = remedy;
  }
}

/**
 * Reads a bundle, every file once, and holds it to its manifest. Nothing is run.
 * @throws {BundleRefusedError} naming the file and what is wrong with it
 */
export async function loadBundle(directory: string): Promise<Bundle> {
  const manifestBytes = await read(directory, MANIFEST_FILE, MAX_MANIFEST_BYTES);
  const manifest = parseManifest(directory, manifestBytes);
  const files = new Map<string, Uint8Array>();
  let left = MAX_BUNDLE_BYTES;
  for (const [name, expected] of Object.entries(manifest.files)) {
    const bytes = await read(directory, name, left);
    left -= bytes.length;
    const found = digestOf(bytes);
    if (found !== expected) {
      throw refuse(directory, `${name} has changed: expected ${expected}, found ${found}`);
    }
    files.set(name, bytes);
  }
  return { directory, manifest, digest: digestOf(manifestBytes), files };
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
    throw refuse(directory, `${MANIFEST_FILE} is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (!checkManifest.Check(parsed)) {
    const [first] = checkManifest.Errors(parsed);
    const where = first?.instancePath || '/';
    const what = first?.message ?? 'does not fit the schema';
    throw refuse(directory, `${MANIFEST_FILE} does not fit the schema: at ${where}, it ${what}`);
  }
  const contradiction = contradictionIn(parsed);
  if (contradiction) throw refuse(directory, `${MANIFEST_FILE}: ${contradiction}`);
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

async function read(directory: string, name: string, maxBytes: number): Promise<Uint8Array> {
  try {
    return await readFileOf(directory, name, maxBytes);
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error;
    throw refuse(directory, error.message, { cause: error });
  }
}

function refuse(directory: string, what: string, options?: ErrorOptions): BundleRefusedError {
  return new BundleRefusedError(
    `the bundle ${directory} is refused: ${what}`,
    'Restore the bundle from where it was published, or make it again with "echolot model pack".',
    options,
  );
}
