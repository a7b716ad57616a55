// A labelled data set: read from CSV, one row per reading, the label in the last column.

export interface Dataset {
  readonly width: number;
  /** Sorted, each once: the order of a model's scores. */
  readonly labels: readonly string[];
  readonly rows: readonly Float64Array[];
  /** Per row the index of its label. */
  readonly targets: readonly number[];
}

/** The data cannot be used; the message says which line and what was expected. */
export class DataError extends Error {
  readonly code = 'DATA_UNUSABLE';
  readonly exitCode = 78;
  readonly remedy =
    'Correct the data or its split file, or restore them from where they were published.';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DataError';
  }
}

/**
 * Reads comma-separated text with a header line; every line has numbers and then its label.
 * @throws {DataError} naming the line
 */
export function parseDataset(text: string): Dataset {
  const [header, ...lines] = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const width = (header?.split(',').length ?? 0) - 1;
  if (header === undefined || width < 1) {
    throw new DataError('expected a header line with one column per input and one for the label');
  }
  const rows: Float64Array[] = [];
  const names: string[] = [];
  for (const [index, line] of lines.entries()) {
    const fields = line.split(',').map((field) => field.trim());
    if (fields.length !== width + 1) {
      throw new DataError(
        `line ${index + 2} has ${fields.length} columns, the header has ${width + 1}`,
      );
    }
    const label = fields.pop() as string;
    const values = Float64Array.from(fields, (field) =>
      field === '' ? Number.NaN : Number(field),
    );
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new DataError(`line ${index + 2}, column ${bad + 1}: "${fields[bad]}" is no number`);
    }
    if (label === '') throw new DataError(`line ${index + 2} has no label in its last column`);
    rows.push(values);
    names.push(label);
  }
  const labels = [...new Set(names)].sort();
  if (labels.length < 2) {
    throw new DataError(`expected at least two different labels, found ${labels.length}`);
  }
  return { width, labels, rows, targets: names.map((name) => labels.indexOf(name)) };
}

/** The rows with the given indices, in that order; the labels stay those of the whole. */
export function selectRows(data: Dataset, indices: readonly number[]): Dataset {
  return {
    width: data.width,
    labels: data.labels,
    rows: indices.map((index) => data.rows[index] as Float64Array),
    targets: indices.map((index) => data.targets[index] as number),
  };
}
