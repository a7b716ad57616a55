// Reading a bundle's folder: regular files only, no links, each read once and below a size limit.
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** A file that may not be read; the message begins with its name. */
export class UnreadableFileError extends Error {
  /** `outside`: a link, or anything but a regular file; `model`: too large or not readable. */
  readonly kind: 'missing' | 'outside' | 'model';

  constructor(
    file: string,
    kind: UnreadableFileError['kind'],
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file} ${reason}`, options);
    this.name = 'UnreadableFileError';
    this.kind = kind;
  }
}

/**
 * Reads one file of a folder, whole.
 * @param name a plain file name
 * @param maxBytes larger files are refused before they are read
 * @throws {UnreadableFileError} missing, a link, no regular file, too large, or changed while it was read
 */
export async function readFileOf(
  directory: string,
  name: string,
  maxBytes: number,
): Promise<Uint8Array> {
  // Without O_NONBLOCK, opening a FIFO would wait for its writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(join(directory, name), flags).catch((cause: unknown) => {
    throw unreadable(name, cause);
  });
  try {
    const { size } = await handle.stat().then((stat) => {
      if (!stat.isFile()) throw new UnreadableFileError(name, 'outside', 'is not a regular file');
      return stat;
    });
    if (size > maxBytes) {
      throw new UnreadableFileError(
        name,
        'model',
        `has ${size} bytes, at most ${maxBytes} are allowed`,
      );
    }
    const bytes = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const { bytesRead } = await handle.read(bytes, filled, size - filled, filled);
      if (bytesRead === 0)
        throw new UnreadableFileError(name, 'model', 'changed while it was read');
      filled += bytesRead;
    }
    return bytes;
  } catch (error) {
    if (error instanceof UnreadableFileError) throw error;
    throw unreadable(name, error);
  } finally {
    await handle.close();
  }
}

/**
 * The names of everything in a folder, sorted, hidden entries too.
 * @throws {UnreadableFileError} no such folder, or not allowed
 */
export async function listFolder(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (cause) {
    throw unreadable(directory, cause);
  }
}

function unreadable(name: string, cause: unknown): UnreadableFileError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const [kind, reason] = REASONS[code] ?? ['model', `cannot be read (${code || String(cause)})`];
  return new UnreadableFileError(name, kind, reason, { cause });
}

const REASONS: Record<string, [UnreadableFileError['kind'], string]> = {
  ENOENT: ['missing', 'is missing'],
  ENOTDIR: ['missing', 'is not in a folder'],
  ELOOP: ['outside', 'is a symbolic link, which may lead outside the folder'],
  ENXIO: ['outside', 'is not a regular file'],
  EACCES: ['model', 'may not be read by this user'],
  EPERM: ['model', 'may not be read by this user'],
};
