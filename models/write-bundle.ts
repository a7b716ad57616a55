// Writing a bundle: its files, and the manifest with their digests, the same bytes for the same parts.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, MANIFEST_FILE, SIGNATURE_FILE } from './bundle.ts';
import { listFolder } from './bundle-folder.ts';
import { fileProblem } from './file-problem.ts';
import { checkManifest, type Manifest } from './manifest.ts';

export interface BundleParts {
  /** The manifest but for what is computed from the files. */
  readonly manifest: Omit<Manifest, 'schema' | 'files'>;
  /** Every other file by its name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The folder cannot become this bundle. A person must act; exit 73. */
export class BundleNotWrittenError extends Error {
  readonly code = 'BUNDLE_NOT_WRITTEN';
  readonly exitCode = 73;
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BundleNotWrittenError';
    this.remedy = remedy;
  }
}

/**
 * Writes a bundle's folder, which is made where it is missing. Files of the same names are replaced,
 * and an old signature, which would no longer hold, is removed.
 * @returns the manifest as written
 * @throws {BundleNotWrittenError} the manifest would not fit its schema, the folder holds a file that
 * would not be listed, or it cannot be written
 */
export async function writeBundle(directory: string, parts: BundleParts): Promise<Manifest> {
  const names = [...parts.files.keys()].sort();
  const manifest: Manifest = {
    schema: 'echolot/bundle/v1',
    ...parts.manifest,
    files: Object.fromEntries(
      names.map((name) => [name, digestOf(parts.files.get(name) as Uint8Array)]),
    ),
  };
  if (!checkManifest.Check(manifest)) {
    const [first] = checkManifest.Errors(manifest);
    throw new BundleNotWrittenError(
      `the manifest would not fit its schema: at ${first?.instancePath || '/'}, it ${first?.message ?? 'fails'}`,
      'Give the bundle a plain name, a semantic version and labels of its own.',
    );
  }
  try {
    await fillFolder(directory, parts.files, `${format(manifest, '')}\n`);
  } catch (cause) {
    if (cause instanceof BundleNotWrittenError) throw cause;
    throw new BundleNotWrittenError(
      `the bundle is not written: ${placeProblem(directory, cause)}`,
      'Choose another folder, one where this user may write.',
      { cause },
    );
  }
  return manifest;
}

function placeProblem(directory: string, cause: unknown): string {
  const { code, path = directory, syscall } = cause as NodeJS.ErrnoException;
  const isFile = code === 'EEXIST' && syscall === 'mkdir';
  return isFile ? `${path} is a file, expected a folder` : fileProblem(path, cause);
}

async function fillFolder(
  directory: string,
  files: BundleParts['files'],
  manifest: string,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const names = [...files.keys()];
  const known = new Set([...names, MANIFEST_FILE, SIGNATURE_FILE]);
  const stranger = (await listFolder(directory)).find((name) => !known.has(name));
  if (stranger) {
    throw new BundleNotWrittenError(
      `${directory} holds ${stranger}, which the bundle would not list`,
      'Move it away, or choose another folder.',
    );
  }
  await rm(join(directory, SIGNATURE_FILE), { force: true });
  for (const name of names) {
    await writeFile(join(directory, name), files.get(name) as Uint8Array);
  }
  // Last: until it is there, the folder is no bundle or one whose digests do not hold.
  await writeFile(join(directory, MANIFEST_FILE), manifest);
}

/** JSON, indented by two, with every list of numbers or words on one line. */
function format(value: unknown, indent: string): string {
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item !== 'object')) return JSON.stringify(value);
    const items = value.map((item) => deeper + format(item, deeper));
    return `[\n${items.join(',\n')}\n${indent}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([key, field]) => `${deeper}${JSON.stringify(key)}: ${format(field, deeper)}`);
    return `{\n${fields.join(',\n')}\n${indent}}`;
  }
  return JSON.stringify(value);
}
