// The data that models are trained on: a CSV file and its split, read and held to each other.
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { digestOf } from './bundle.ts';
import { DataError, type Dataset, parseDataset } from './csv.ts';
import { parseSplit, SPLIT_FILE, type Split } from './split.ts';

export interface TrainingData {
  readonly data: Dataset;
  readonly split: Split;
  /** Digests of the two files. */
  readonly dataDigest: string;
  readonly splitDigest: string;
  /** The files as they are, by name: they go into the bundle. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads a CSV file with the split file and, where there is one, the DATA.md beside it.
 * @throws {DataError} a file is missing or cannot be used, and why
 */
export async function loadTrainingData(csvFile: string): Promise<TrainingData> {
  const folder = dirname(csvFile);
  const csv = await read(csvFile);
  const splitBytes = await read(join(folder, SPLIT_FILE));
  const notes = await readFile(join(folder, 'DATA.md')).catch(() => null);
  const data = parseDataset(new TextDecoder().decode(csv));
  const dataDigest = digestOf(csv);
  return {
    data,
    split: parseSplit(splitBytes, data, dataDigest),
    dataDigest,
    splitDigest: digestOf(splitBytes),
    files: new Map<string, Uint8Array>([
      [basename(csvFile), csv],
      [SPLIT_FILE, splitBytes],
      ...(notes ? ([['DATA.md', notes]] as const) : []),
    ]),
  };
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new DataError(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
