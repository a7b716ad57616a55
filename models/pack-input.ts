// The files that a person names to pack: read whole, or told by name why not.
import { readFile } from 'node:fs/promises';
import { fileProblem } from './file-problem.ts';

/** The model or the sample cannot be read. A person must act; exit 78. */
export class PackInputError extends Error {
  readonly code = 'PACK_INPUT_UNREADABLE';
  readonly exitCode = 78;
  readonly remedy = 'Name a file that this user may read: an ONNX model, a sample as CSV.';

  constructor(path: string, cause: unknown) {
    super(fileProblem(path, cause), { cause });
    this.name = 'PackInputError';
  }
}

/** @throws {PackInputError} missing, a folder, or not readable */
export function readInput(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new PackInputError(path, cause);
  });
}
