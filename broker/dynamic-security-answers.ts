// What the dynamic-security plugin answers on its $CONTROL topic, as schemas.
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';

const AclSchema = Type.Object({
  acltype: Type.Enum([
    'publishClientSend',
    'publishClientReceive',
    'subscribeLiteral',
    'subscribePattern',
    'unsubscribeLiteral',
    'unsubscribePattern',
  ]),
  topic: Type.String(),
  priority: Type.Number(),
  allow: Type.Boolean(),
});
const ResponsesSchema = Type.Object({
  responses: Type.Array(
    Type.Object({
      command: Type.String(),
      error: Type.Optional(Type.String()),
      data: Type.Optional(Type.Unknown()),
      correlationData: Type.Optional(Type.String()),
    }),
  ),
});
const ClientsSchema = Type.Object({
  totalCount: Type.Number(),
  clients: Type.Array(
    Type.Object({
      username: Type.String(),
      clientid: Type.Optional(Type.String()),
      disabled: Type.Optional(Type.Boolean()),
      roles: Type.Array(Type.Object({ rolename: Type.String() })),
      groups: Type.Array(Type.Unknown()),
    }),
  ),
});
const RolesSchema = Type.Object({
  totalCount: Type.Number(),
  roles: Type.Array(Type.Object({ rolename: Type.String(), acls: Type.Array(AclSchema) })),
});
const DefaultsSchema = Type.Object({
  acls: Type.Array(Type.Object({ acltype: Type.String(), allow: Type.Boolean() })),
});
/** An answer of the plugin, to any commands. */
export const checkResponses = Compile(ResponsesSchema);
/** The data of `listClients` and `listRoles` with `verbose`, and of `getDefaultACLAccess`. */
export const checkClients = Compile(ClientsSchema);
export const checkRoles = Compile(RolesSchema);
export const checkDefaults = Compile(DefaultsSchema);

export type Response = Type.Static<typeof ResponsesSchema>['responses'][number];
