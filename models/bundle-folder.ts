// Reading a bundle's folder: regular files only, no links, each read once and below a size limit.
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** A file that may not be read; `reason` continues a sentence that begins with the file's name. */
export class UnreadableFileError extends Error {
  readonly file: string;
  readonly reason: string;

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`${file} ${reason}`, options);
    this.name = 'UnreadableFileError';
    this.file = file;
    this.reason = reason;
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
    throw new UnreadableFileError(name, describe(cause), { cause });
  });
  try {
    const { size } = await handle.stat().then((stat) => {
      if (!stat.isFile()) throw new UnreadableFileError(name, 'is not a regular file');
      return stat;
    });
    if (size > maxBytes) {
      throw new UnreadableFileError(name, `has ${size} bytes, at most ${maxBytes} are allowed`);
    }
    const bytes = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const { bytesRead } = await handle.read(bytes, filled, size - filled, filled);
      if (bytesRead === 0) throw new UnreadableFileError(name, 'changed while it was read');
      filled += bytesRead;
    }
    return bytes;
  } catch (error) {
    if (error instanceof UnreadableFileError) throw error;
    throw new UnreadableFileError(name, describe(error), { cause: error });
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
    throw new UnreadableFileError(directory, describe(cause), { cause });
  }
}

function describe(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const known: Record<string, string> = {
    ENOENT: 'is missing',
    ENOTDIR: 'is not in a folder',
    ELOOP: 'is a symbolic link, which may lead outside the folder',
    EACCES: 'may not be read by this user',
    EPERM: 'may not be read by this user',
    EISDIR: 'is a folder',
    ENXIO: 'is not a regular file',
  };
  return known[code] ?? `cannot be read (${code || String(error)})`;
}
