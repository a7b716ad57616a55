// The split file: which rows of a data file a model may be trained on and which are held out.
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { type Dataset, DataError } from './csv.ts';

export const SPLIT_FILE = 'split.json';

const Rows = Type.Array(Type.Integer({ minimum: 0 }), { uniqueItems: true, minItems: 1 });
const SplitSchema = Type.Object(
  {
    schema: Type.Literal('echolot/split/v1'),
    /** Digest of the data file that the row numbers count in. */
    data: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
    /** What made the choice: a seed, and the fraction of every label's rows that is held out. */
    seed: Type.Integer(),
    fraction: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
    /** Row numbers from 0, the header not counted. */
    train: Rows,
    heldOut: Rows,
  },
  { title: 'Split of a data file', additionalProperties: false },
);
export type Split = Type.Static<typeof SplitSchema>;
const checkSplit = Compile(SplitSchema);

/**
 * Reads a split file and holds it to the data it splits.
 * @param digest of the data file's bytes
 * @throws {DataError} no such JSON, made for other data, or rows in both parts or in none
 */
export function parseSplit(bytes: Uint8Array, data: Dataset, digest: string): Split {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new DataError(`the split file is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (!checkSplit.Check(parsed)) {
    const [first] = checkSplit.Errors(parsed);
    throw new DataError(
      `the split file does not fit its schema: ${first?.instancePath || '/'} ${first?.message ?? ''}`,
    );
  }
  if (parsed.data !== digest) {
    throw new DataError(`the split file is for the data ${parsed.data}, found ${digest}`);
  }
  const named = new Set([...parsed.train, ...parsed.heldOut]);
  const count = data.rows.length;
  const total = parsed.train.length + parsed.heldOut.length;
  if (named.size !== total || total !== count || Math.max(...named) >= count) {
    throw new DataError(`the split file must name each of the ${count} rows once`);
  }
  return parsed;
}

/** The bytes of a split file, the same for the same split. */
export function formatSplit(split: Split): string {
  const { train, heldOut, ...head } = split;
  const lines = Object.entries({ ...head, train, heldOut }).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
  return `{\n${lines.join(',\n')}\n}\n`;
}
