// Rows to examine a model with: numbers out of a CSV text, or made up within the limits.

/** What a CSV text does not fit; the message says which line and what was expected. */
export class SampleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SampleError';
  }
}

/**
 * Reads comma-separated rows of numbers. A header is passed over, and so are columns that hold no
 * numbers, such as an id or a label.
 * @param width how many columns of numbers there must be
 * @throws {SampleError} another number of columns, or a field that is no number
 */
export function parseSample(text: string, width: number): Float32Array[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const table = lines.map(splitLine);
  const isNumber = (field: string | undefined) =>
    field !== undefined && field !== '' && Number.isFinite(Number(field));
  const hasHeader = table[0] !== undefined && !table[0].some(isNumber);
  const body = hasHeader ? table.slice(1) : table;
  const [first] = body;
  if (!first) throw new SampleError('expected rows of numbers, found none');
  const columns = [...first.keys()].filter((column) => isNumber(first[column]));
  if (columns.length !== width) {
    throw new SampleError(`expected ${width} columns of numbers, found ${columns.length}`);
  }
  return body.map((fields, index) => {
    const bad = columns.find((column) => !isNumber(fields[column]));
    if (bad !== undefined) {
      const line = index + (hasHeader ? 2 : 1);
      throw new SampleError(`line ${line}, column ${bad + 1} holds no number`);
    }
    return Float32Array.from(columns, (column) => Number(fields[column]));
  });
}

/** Fields may stand in double quotes, and may then hold commas. */
function splitLine(line: string): string[] {
  const fields = line.matchAll(/(?:^|,)(?:\s*"((?:[^"]|"")*)"\s*|([^,]*))/g);
  return [...fields].map(([, quoted, plain]) => (quoted ?? plain ?? '').trim());
}

/** Up to `count` rows, evenly spread over the sample. */
export function pickRows(rows: readonly Float32Array[], count: number): Float32Array[] {
  const step = Math.max(1, rows.length / count);
  return Array.from(
    { length: Math.min(count, rows.length) },
    (_, index) => rows[Math.floor(index * step)] as Float32Array,
  );
}

/** The same rows for the same limits: even within narrow limits, and around 0 within wide ones. */
export function makeRows(
  count: number,
  width: number,
  limits: { readonly minimum: number; readonly maximum: number },
): Float32Array[] {
  const minimum = Math.max(limits.minimum, -WIDE);
  const maximum = Math.min(limits.maximum, WIDE);
  let state = 1;
  const random = () => {
    // Numerical Recipes' linear congruential generator: enough for test inputs.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: count }, () =>
    Float32Array.from({ length: width }, () => minimum + (maximum - minimum) * random()),
  );
}

/** What readings of unknown limits are made of: standardised features rarely pass it. */
const WIDE = 3;
