// The model card of a packed bundle: what is known of the model, and what its owner has to add.
import type { Manifest } from './manifest.ts';

export interface CardParts
  extends Pick<Manifest, 'name' | 'version' | 'description' | 'input' | 'labels'> {
  readonly notes: readonly string[];
  /** Digest of the file that was packed. */
  readonly source: string;
}

/** Markdown. */
export function modelCard({
  name,
  version,
  description,
  input,
  labels,
  notes,
  source,
}: CardParts): string {
  return `# ${name} ${version}

${description}

- Input: ${input.width} values from ${input.minimum} to ${input.maximum}.
- Labels: ${labels.join(', ')}.
- Packed from the ONNX file with the digest ${source}.
${notes.map((note) => `- ${note[0]?.toUpperCase()}${note.slice(1)}.`).join('\n')}

Nothing is known here of the data that it was trained on, of what it is meant for, or of how well it
does on readings that it has not seen.
`;
}
