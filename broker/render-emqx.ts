// The policy in the formats of EMQX 5: its configuration, its ACL file and the users to begin with.
import { coversFilter, parseSharedFilter } from '../schemas/filters.ts';
import type { IdentityRecord } from './identity.ts';
import { isLoopback, type RenderMosquittoOptions } from './render-mosquitto.ts';
import type { RenderInput } from './rendering.ts';
import { type GroupRight, groupByRights } from './role-groups.ts';

export type RenderEmqxOptions = Omit<RenderMosquittoOptions, 'administrator' | 'plugin' | 'user'>;

/** All hashes of a store have as many; EMQX takes one number for all users. */
const ITERATIONS = 1000;

/** The files by name; most hold secrets. */
export function renderEmqx(options: RenderEmqxOptions): Map<string, string> {
  const { tls } = options;
  return new Map([
    ['emqx.conf', renderConfiguration(options)],
    ['acl.conf', renderAcl(options)],
    ['users.csv', renderUsers(options)],
    ...(tls
      ? ([
          ['ca.crt', tls.ca],
          ['broker.crt', tls.cert],
          ['broker.key', tls.key],
        ] as const)
      : []),
  ]);
}

/** Whose password EMQX cannot be given: its salt is text, and theirs is not. */
export function withoutEmqxPassword(identities: readonly IdentityRecord[]): string[] {
  return identities.filter((identity) => userOf(identity) === null).map(({ name }) => name);
}

function renderConfiguration(options: RenderEmqxOptions): string {
  const { certificates, clients, folder, inner, tls } = options;
  const text = (value: string) => JSON.stringify(value);
  const bind = ({ host, port }: typeof clients) => text(`${host}:${port}`);
  const files = `certfile = ${text(`${folder}/broker.crt`)}, keyfile = ${text(`${folder}/broker.key`)}`;
  const mutual = `ssl_options { ${files}, cacertfile = ${text(`${folder}/ca.crt`)}, verify = verify_peer, fail_if_no_peer_cert = true }`;
  const secure = tls ? `, ssl_options { ${files} }` : '';
  return `# rendered, not run here: by "echolot policy render emqx", for EMQX 5.1 and later.
# Add it to the node's configuration, which must not open other listeners.
# WHAT EMQX CANNOT EXPRESS of the policy:
# - It checks the filter inside a shared subscription and not the group: a predictor may join any group
#   and may subscribe to the readings of its models without sharing them; an operator or a registrar may
#   join the predictors' group and take readings away.
# - A "+" at the end of a right also lets a "#" in: a client may subscribe to all below its own replies.
# - Whoever logs in on the listener "inner" may take any client id: keep it to predictors and operators.
# - It asks a server for revocation lists: one in a file is not read. Who is removed has no rights, but
#   can still connect with a certificate.
# - What is there stays: users.csv is read where a user is not there yet. Remove users by the dashboard.

listeners.tcp.default.enable = false
listeners.ssl.default.enable = false
listeners.ws.default.enable = false
listeners.wss.default.enable = false

listeners.${tls ? 'ssl' : 'tcp'}.clients { bind = ${bind(clients)}, zone = clients${secure} }
${
  tls
    ? `listeners.ssl.certificates { bind = ${bind(certificates)}, zone = certificates, enable_authn = false, ${mutual} }
`
    : ''
}listeners.${isLoopback(inner.host) ? 'tcp' : 'ssl'}.inner { bind = ${bind(inner)}${isLoopback(inner.host) ? '' : `, ${mutual}`} }

zones.clients.mqtt { use_username_as_clientid = true }
zones.certificates.mqtt { peer_cert_as_username = cn, use_username_as_clientid = true }

mqtt {
  max_packet_size = 4MB
  # Above the agents' own limits, so that shedding happens in the agents, which say so.
  max_inflight = 20000
  max_mqueue_len = 100000
  session_expiry_interval = 1h
  shared_subscription = true
}

authentication = [
  {
    mechanism = password_based
    backend = built_in_database
    user_id_type = username
    password_hash_algorithm { name = pbkdf2, mac_fun = sha512, iterations = ${ITERATIONS}, dk_length = 64 }
    bootstrap_file = ${text(`${folder}/users.csv`)}
    bootstrap_type = hash
  }
]

authorization {
  no_match = deny
  deny_action = ignore
  sources = [{ type = file, enable = true, path = ${text(`${folder}/acl.conf`)} }]
}
`;
}

function renderAcl(input: RenderInput): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder of EMQX
  const groups = groupByRights(input, '${username}');
  const blocks = groups.map(({ id, members, rights }) => {
    const names = members.map(({ name }) => `{username, ${quote(name)}}`);
    const who = names.length === 1 ? names[0] : `{'or', [${names.join(', ')}]}`;
    const lines = rights.map((right) => `{allow, ${who}, ${actionOf(input, right)}}.`);
    return `%% ${id}\n${[...new Set(lines)].join('\n')}\n`;
  });
  return `%% rendered, not run here: by "echolot policy render emqx". What EMQX cannot express stands in emqx.conf.
%% Everybody is matched line by line: with hundreds of identities use another source.

${blocks.join('\n')}
{deny, all}.
`;
}

/** Action and topics of one rule. */
function actionOf({ policy }: RenderInput, { filter, rule }: GroupRight): string {
  if (rule.verb === 'receive') {
    const shared = parseSharedFilter(filter);
    const topic = quote(shared?.filter ?? filter);
    return `subscribe, [${rule.exact ? `{eq, ${topic}}` : topic}]`;
  }
  const unretained = policy.unretained.some((each) => coversFilter(each, filter));
  const action = unretained ? '{publish, [{retain, false}]}' : 'publish';
  return `${action}, [${quote(filter)}]`;
}

function renderUsers({ identities }: RenderInput): string {
  const lines = identities.map(userOf).filter((line) => line !== null);
  return ['user_id,password_hash,salt,is_superuser', ...lines, ''].join('\n');
}

/** A line of users.csv; `null` where the hash cannot be written as EMQX reads it. */
function userOf({ name, password }: IdentityRecord): string | null {
  const [, , iterations, salt = '', hash = ''] = password.split('$');
  const text = Buffer.from(salt, 'base64').toString('latin1');
  if (Number(iterations) !== ITERATIONS || !/^[A-Za-z0-9_-]+$/.test(text)) return null;
  return `${name},${Buffer.from(hash, 'base64').toString('hex')},${text},false`;
}

/** A string of Erlang. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
