// Everything that Mosquitto 2.0 needs to start under the policy: its configuration and the rights file.
import { renderAclFile, renderPasswordFile } from './render-acl-file.ts';
import { renderDynamicSecurity } from './render-dynamic-security.ts';
import type { RenderInput } from './rendering.ts';

/** An address that Mosquitto listens on. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** PEM texts; they are rendered beside the configuration, since Mosquitto may not read a store. */
export interface RenderedTls {
  readonly ca: string;
  readonly crl: string;
  readonly cert: string;
  readonly key: string;
}

export interface RenderMosquittoOptions extends RenderInput {
  /** The hash of the administrator's password. */
  readonly administrator: string;
  /** The folder of the rendered files on the broker's machine, absolute. */
  readonly folder: string;
  /** Where the plugin lies on the broker's machine. */
  readonly plugin: string;
  /** The user that Mosquitto becomes where root starts it. */
  readonly user: string;
  /**
   * For a folder that another configuration includes, as that of Debian's package does with `conf.d`: without
   * what that one says itself (user, where sessions are kept, log), since Mosquitto takes no setting twice.
   */
  readonly isIncluded?: boolean;
  readonly tls: RenderedTls | null;
  /** Where clients log in, over TLS where there is `tls`. */
  readonly clients: ListenAddress;
  /** Where everybody with a certificate logs in without a password; not without `tls`. */
  readonly certificates: ListenAddress;
  /** For predictors and operators: plain on loopback, elsewhere with certificate and password. */
  readonly inner: ListenAddress;
}

export const CONFIGURATION_FILE = 'mosquitto.conf';
export const RIGHTS_FILE = 'dynamic-security.json';

/** The files by name. Most hold secrets: write them with mode 0600, owned by Mosquitto's user. */
export function renderMosquitto(options: RenderMosquittoOptions): Map<string, string> {
  const { administrator, tls } = options;
  const rights = renderDynamicSecurity(options, administrator);
  return new Map([
    [CONFIGURATION_FILE, renderConfiguration(options)],
    [RIGHTS_FILE, `${JSON.stringify(rights, null, 2)}\n`],
    ['acl', renderAclFile(options)],
    ['passwords', renderPasswordFile(options)],
    ...(tls
      ? ([
          ['ca.crt', tls.ca],
          ['ca.crl', tls.crl],
          ['broker.crt', tls.cert],
          ['broker.key', tls.key],
        ] as const)
      : []),
  ]);
}

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function renderConfiguration(options: RenderMosquittoOptions): string {
  const { certificates, clients, folder, inner, isIncluded, plugin, tls, user } = options;
  const secure = [
    `certfile ${folder}/broker.crt`,
    `keyfile ${folder}/broker.key`,
    'tls_version tlsv1.2',
  ];
  const mutual = [
    ...secure,
    `cafile ${folder}/ca.crt`,
    `crlfile ${folder}/ca.crl`,
    'require_certificate true',
  ];
  const bound = 'use_username_as_clientid true';
  return `# Rendered by "echolot policy render mosquitto". Render again rather than edit.
# The rights are in ${RIGHTS_FILE}, which the plugin reads at the start and writes when they are
# changed over $CONTROL ("echolot policy apply"). An acl_file beside it would grant every subscription:
# never mix the two.

${isIncluded ? '' : `user ${user}\n`}per_listener_settings false
allow_anonymous false
plugin ${plugin}
plugin_opt_config_file ${folder}/${RIGHTS_FILE}

# Clients, by password${tls ? '' : ' (readable on the way: the store has no certificates)'}. Whoever logs in here has the username as client id.
${listener(clients, [bound, ...(tls ? secure : [])])}
${
  tls
    ? `
# Whoever has a certificate of the store's authority, without a password.
${listener(certificates, [bound, ...mutual, 'use_identity_as_username true'])}
`
    : ''
}
# Predictors and operators, by password. Predictors choose their client ids here, since they adopt the
# sessions of their dead peers: keep everybody else away from this port.
${listener(inner, isLoopback(inner.host) ? [] : mutual)}

# 44 ms a reading otherwise.
set_tcp_nodelay true

# What the broker holds survives a clean restart whole, and kill -9 but for the last minute: clients
# ask again for what was not answered. autosave_on_changes would write the whole file at each message.
${isIncluded ? '' : `persistence true\npersistence_location ${folder}/\n`}autosave_interval 60

# Above the agents' own limits: what is too much is refused by an agent, which says so, and not
# dropped here, where nobody is told.
max_inflight_messages 20000
max_queued_messages 100000
max_queued_bytes 268435456
# No memory_limit: in 2.0 the plugin's commands upset its count (modifyRole frees what was never counted),
# and the broker then cuts off every client as if it had no memory left.

# Above the 2 MiB that agents read. Never message_size_limit: it drops in silence.
max_packet_size 4194304
max_keepalive 3600
# A session that nobody returns to takes its share of the readings until then.
persistent_client_expiration 1h
sys_interval 10

${isIncluded ? '' : 'log_dest stderr\n'}log_type error
log_type warning
log_type notice
log_type information
`;
}

function listener({ host, port }: ListenAddress, lines: readonly string[]): string {
  return [`listener ${port} ${host}`, 'max_connections 10000', ...lines].join('\n');
}
