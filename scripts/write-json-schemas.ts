// Writes schemas/json-schema/ anew from the TypeBox source; a test holds the two equal.
import { writeFileSync } from 'node:fs';
import { renderJsonSchemas } from '../schemas/json-schema.ts';

for (const [file, text] of renderJsonSchemas()) {
  writeFileSync(new URL(`../schemas/json-schema/${file}`, import.meta.url), text);
}
