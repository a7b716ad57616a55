// What the operating system said about a file, as a sentence that names it.

/** @returns a sentence that begins with the path */
export function fileProblem(path: string, cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? '';
  return `${path} ${REASONS[code] ?? `cannot be used (${code || String(cause)})`}`;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EEXIST: 'exists already',
  EISDIR: 'is a folder, expected a file',
  ENOTDIR: 'is not in a folder',
  EACCES: 'is not open to this user',
  EPERM: 'is not open to this user',
  EROFS: 'is on a read-only file system',
  ENOSPC: 'does not fit on the disk',
};
