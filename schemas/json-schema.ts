// Renders the published schemas as JSON Schema 2020-12 files.
import { PUBLISHED_SCHEMAS } from './messages.ts';
import { PolicyFileSchema } from './policy-file.ts';

const ALL = { ...PUBLISHED_SCHEMAS, 'policy-file': PolicyFileSchema };

/** The text of every file in `schemas/json-schema/`, by file name. */
export function renderJsonSchemas(): Map<string, string> {
  return new Map(
    Object.entries(ALL).map(([name, schema]) => {
      const file = `${name}.schema.json`;
      const document = {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        $id: `urn:echolot:v1:${name}`,
        ...schema,
      };
      return [file, `${JSON.stringify(document, null, 2)}\n`];
    }),
  );
}
