// The file of custom roles and extra rules: its schema, type and check.
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { NAME_PATTERN } from './names.ts';

export const PolicyFileSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'For editors; nothing reads it.' })),
    version: Type.Literal(1),
    roles: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({
              pattern: NAME_PATTERN,
              description: 'Not one of the built-in ones.',
            }),
            description: Type.Optional(Type.String({ maxLength: 200 })),
          },
          { additionalProperties: false },
        ),
        { maxItems: 100, description: 'Roles beside client, predictor, operator and registrar.' },
      ),
    ),
    rules: Type.Array(
      Type.Object(
        {
          role: Type.String({
            pattern: NAME_PATTERN,
            description: 'A built-in role or one of roles.',
          }),
          verb: Type.Enum(['publish', 'receive'], {
            description: 'What may be received may be subscribed to, as it stands or narrower.',
          }),
          filter: Type.String({
            minLength: 1,
            maxLength: 1000,
            description:
              'A topic filter. {root} is namespace and version, {namespace} the namespace alone, {self} the username.',
          }),
        },
        { additionalProperties: false },
      ),
      { maxItems: 1000, description: 'Rights beside the built-in ones, which always stand.' },
    ),
  },
  {
    additionalProperties: false,
    title: 'Policy file',
    description: 'Custom roles and extra rules: --policy FILE or ECHOLOT_POLICY.',
  },
);
export type PolicyFile = Type.Static<typeof PolicyFileSchema>;

export const checkPolicyFile = Compile(PolicyFileSchema);
