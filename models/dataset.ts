// The data that a bundle's folder holds: all rows, their split, and the held-out rows that a demo may replay.
import { type Bundle, digestOf, loadBundle } from './bundle.ts';
import { DataError, type Dataset, parseDataset, selectRows } from './csv.ts';
import type { Manifest } from './manifest.ts';
import { parseSplit, SPLIT_FILE, type Split } from './split.ts';

export interface ReplayRows {
  readonly rows: readonly { readonly values: number[]; readonly label: string }[];
  /** The served model was trained without these rows: an accuracy over them means something. */
  readonly heldOut: true;
}

/**
 * The held-out rows of the data in a bundle's folder, with their true labels.
 * @param served manifest of the bundle that will classify them; the folder's own unless given
 * @throws {DataError} the served bundle may have been trained on these rows, or the folder has no data
 * @throws {BundleRefusedError} the folder's files are not those of its manifest
 */
export async function loadReplayRows(directory: string, served?: Manifest): Promise<ReplayRows> {
  const bundle = await loadBundle(directory);
  const { data, split, dataDigest, splitDigest } = readData(bundle);
  const { name, training } = served ?? bundle.manifest;
  if (!training) {
    throw refuse(`the bundle "${name}" does not say which rows it was trained on`);
  }
  if (training.data !== dataDigest || training.split !== splitDigest) {
    const [what, has, is] =
      training.data === dataDigest
        ? ['split', training.split, splitDigest]
        : ['data', training.data, dataDigest];
    throw refuse(`the bundle "${name}" was trained on the ${what} ${has}, the folder holds ${is}`);
  }
  const { rows, targets, labels } = selectRows(data, split.heldOut);
  return {
    rows: rows.map((values, index) => ({
      values: [...values],
      label: labels[targets[index] as number] as string,
    })),
    heldOut: true,
  };
}

function readData({ manifest, files }: Bundle): {
  data: Dataset;
  split: Split;
  dataDigest: string;
  splitDigest: string;
} {
  const csv = [...files].find(([name]) => name.endsWith('.csv'))?.[1];
  const splitBytes = files.get(SPLIT_FILE);
  if (!csv || !splitBytes) {
    const missing = csv ? SPLIT_FILE : 'CSV file';
    throw new DataError(
      `the bundle "${manifest.name}" has no ${missing}, so it has no rows to replay`,
    );
  }
  const dataDigest = digestOf(csv);
  const data = parseDataset(new TextDecoder().decode(csv));
  const split = parseSplit(splitBytes, data, dataDigest);
  return { data, split, dataDigest, splitDigest: digestOf(splitBytes) };
}

function refuse(why: string): DataError {
  return new DataError(
    `no accuracy over these rows: ${why}. Replay the rows held out from that bundle's training.`,
  );
}
