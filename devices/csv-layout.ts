// Which column of a CSV file is the id, which the known label, and which are the values.

/** Names under which a column holds the known label, whatever stands in it. */
const LABEL_NAMES = ['label', 'class', 'target', 'expected'];

export interface CsvLayout {
  readonly hasHeader: boolean;
  /** The id column's name in the output: its own, or `row` where rows are numbered instead. */
  readonly idName: string;
  /** `null`: rows are numbered from 1. */
  readonly idColumn: number | null;
  readonly labelColumn: number | null;
  /** Columns of values in the first line. */
  readonly width: number;
}

/** What the caller knows about the columns. */
export interface CsvHints {
  /** The name of the id column. Default `id`. */
  readonly idColumn?: string;
  /** The name of the label column. Default: `label`, `class`, `target` or `expected`. */
  readonly labelColumn?: string;
  /** Default: there is one where no field of the first line is a number, or where one is the id column's name. */
  readonly header?: boolean;
}

/**
 * A last column that is no number in a row of numbers is a label too; so is, without a header, a first
 * such column an id.
 * @param first the first line, and `second` the line after it, where there is one
 */
export function readLayout(
  first: readonly string[],
  second: readonly string[] | undefined,
  hints: CsvHints = {},
): CsvLayout {
  const idName = hints.idColumn ?? 'id';
  const hasHeader =
    hints.header ?? (first.some((field) => field.trim() === idName) || !first.some(isNumber));
  const data = hasHeader ? second : first;
  const names = first.map((field) => field.trim());
  const idColumn = hasHeader ? indexOrNull(names.indexOf(idName)) : textColumn(data, 0);
  const named = names.findIndex((name) =>
    hints.labelColumn === undefined
      ? LABEL_NAMES.includes(name.toLowerCase())
      : name === hints.labelColumn,
  );
  const labelColumn =
    hasHeader && named >= 0 ? named : textColumn(data, (data?.length ?? 0) - 1, idColumn);
  const kept = [idColumn, labelColumn].filter((column) => column !== null).length;
  return {
    hasHeader,
    idName: idColumn === null ? 'row' : idName,
    idColumn,
    labelColumn,
    width: first.length - kept,
  };
}

export interface CsvRow {
  /** From 1, without the header. */
  readonly number: number;
  readonly id: string;
  /** The known label, or `null` where the file has none. */
  readonly expected: string | null;
  /** As many as the row has; NaN for what is no number. */
  readonly values: Float32Array;
  /** The text of the first field that is no number. */
  readonly notNumber: { readonly column: number; readonly text: string } | null;
}

export function readRow(fields: readonly string[], number: number, layout: CsvLayout): CsvRow {
  const { idColumn, labelColumn } = layout;
  const texts = fields.filter((_, column) => column !== idColumn && column !== labelColumn);
  const values = new Float32Array(texts.length);
  let notNumber: CsvRow['notNumber'] = null;
  for (const [column, text] of texts.entries()) {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isNaN(value)) notNumber ??= { column, text };
    values[column] = value;
  }
  return {
    number,
    id: idColumn === null ? String(number) : (fields[idColumn] ?? ''),
    expected: labelColumn === null ? null : (fields[labelColumn] ?? '').trim(),
    values,
    notNumber,
  };
}

/** The column where it alone holds text and the others hold numbers. */
function textColumn(
  data: readonly string[] | undefined,
  column: number,
  except: number | null = null,
): number | null {
  const text = data?.[column];
  if (data === undefined || text === undefined || text.trim() === '' || isNumber(text)) return null;
  if (column === except) return null;
  const others = data.filter((_, other) => other !== column && other !== except);
  // An id and a label may stand on either side of the numbers.
  const texts = others.filter((field) => !isNumber(field)).length;
  const edges = column === 0 && !isNumber(data.at(-1) ?? '') ? 1 : 0;
  return others.length > edges && texts <= edges ? column : null;
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && !Number.isNaN(Number(text));
}

function indexOrNull(index: number): number | null {
  return index < 0 ? null : index;
}
