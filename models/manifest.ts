// The bundle's manifest: its TypeBox schema and type. A bundle is a folder with manifest.json and model files.
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { NAME_PATTERN } from '../schemas/names.ts';

const Digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });
const Fraction = Type.Number({ minimum: 0, maximum: 1 });
/** A plain file name: no folder, no `..`, nothing hidden. */
const FileName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$' });

export const ManifestSchema = Type.Object(
  {
    schema: Type.Literal('echolot/bundle/v1'),
    name: Type.String({ pattern: NAME_PATTERN }),
    version: Type.String({
      pattern: '^[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$',
    }),
    description: Type.String(),
    input: Type.Object({
      width: Type.Integer({ minimum: 1, maximum: 65_536 }),
      minimum: Type.Number(),
      maximum: Type.Number(),
    }),
    labels: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      minItems: 2,
      maxItems: 4096,
      uniqueItems: true,
    }),
    /** Which file each runtime loads; at least one of the two. */
    runtimes: Type.Object({
      onnx: Type.Optional(
        Type.Object({
          file: FileName,
          /** Names of the graph's tensors; `activation` is applied to the output by the agent. */
          input: Type.String(),
          output: Type.String(),
          activation: Type.Enum(['none', 'softmax', 'sigmoid']),
        }),
      ),
      tfjs: Type.Optional(Type.Object({ file: FileName, format: Type.Enum(['layers', 'graph']) })),
    }),
    /** SHA-256 of every file of the folder but manifest.json and the signature. */
    files: Type.Record(FileName, Digest, { additionalProperties: false }),
    training: Type.Optional(
      Type.Object({
        algorithm: Type.String(),
        seed: Type.Integer(),
        /** Digest of the whole data file. */
        data: Digest,
        /** Digest of the split file that says which rows were trained on and which held out. */
        split: Digest,
        rows: Type.Integer({ minimum: 1 }),
        accuracy: Type.Object({
          method: Type.String(),
          mean: Fraction,
          sd: Type.Number({ minimum: 0 }),
        }),
      }),
    ),
    /** Reference histograms of the training data per input, for drift: shared edges, counts per bin. */
    histograms: Type.Optional(
      Type.Object({
        edges: Type.Array(Type.Number(), { minItems: 2 }),
        counts: Type.Array(Type.Array(Type.Integer({ minimum: 0 }))),
      }),
    ),
    golden: Type.Array(
      Type.Object({ values: Type.Array(Type.Number()), scores: Type.Array(Fraction) }),
      {
        minItems: 1,
        description: 'Inputs with the scores that every runtime must give within 1e-4.',
      },
    ),
  },
  { title: 'Bundle manifest', additionalProperties: false },
);
export type Manifest = Type.Static<typeof ManifestSchema>;

export const checkManifest = Compile(ManifestSchema);
