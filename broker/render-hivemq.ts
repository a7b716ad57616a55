// The policy in the formats of HiveMQ's File RBAC extension: users with their hashes, roles, permissions.
import { coversFilter, parseSharedFilter } from '../schemas/filters.ts';
import type { RenderInput } from './rendering.ts';
import { type GroupRight, groupByRights } from './role-groups.ts';

const HEADER = `<!-- rendered, not run here: by "echolot policy render hivemq", for the File RBAC extension.
     Both files belong into its folder conf/.
     WHAT HIVEMQ CANNOT EXPRESS of the policy with it:
     - A client id is bound to no username: whoever logs in can take any client's id and end its session.
     - A predictor may share narrower than it should, such as the readings of one client alone.
     - Everybody logs in by password; a certificate says nothing to the extension.
     - The rights of who is connected stay until the end of the connection, also of who is removed. -->`;

/** The files by name; credentials.xml holds hashes. */
export function renderHivemq(input: RenderInput): Map<string, string> {
  return new Map([
    ['credentials.xml', renderCredentials(input)],
    ['config.xml', CONFIGURATION],
  ]);
}

const CONFIGURATION = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
${HEADER}
<extension-configuration>
    <credentials-reload-interval>5</credentials-reload-interval>
    <password-type>HASHED</password-type>
</extension-configuration>
`;

function renderCredentials(input: RenderInput): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder of HiveMQ
  const groups = groupByRights(input, '${{username}}');
  const users = groups.flatMap(({ id, members }) =>
    members.map(({ name, password }) => {
      const [, , iterations, salt, hash] = password.split('$');
      return `        <user>
            <name>${name}</name>
            <password>${salt}:${iterations}:${hash}</password>
            <roles><id>${id}</id></roles>
        </user>`;
    }),
  );
  const roles = groups.map(
    ({ id, rights }) => `        <role>
            <id>${id}</id>
            <permissions>
${[...new Set(rights.map((right) => renderPermission(input, right)))].join('\n')}
            </permissions>
        </role>`,
  );
  return `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
${HEADER}
<file-rbac>
    <users>
${users.join('\n')}
    </users>
    <roles>
${roles.join('\n')}
    </roles>
</file-rbac>
`;
}

function renderPermission({ policy }: RenderInput, { filter, rule }: GroupRight): string {
  const lines = [];
  const shared = parseSharedFilter(filter);
  lines.push(`<topic>${escapeXml(shared?.filter ?? filter)}</topic>`);
  if (rule.verb === 'publish') {
    lines.push('<activity>PUBLISH</activity>');
    const unretained = policy.unretained.some((each) => coversFilter(each, filter));
    if (unretained) lines.push('<retain>NOT_RETAINED</retain>');
  } else {
    lines.push('<activity>SUBSCRIBE</activity>');
    lines.push(`<shared-subscription>${shared ? 'SHARED' : 'NOT_SHARED'}</shared-subscription>`);
    if (shared) lines.push(`<shared-group>${shared.group}</shared-group>`);
  }
  return `                <permission>${lines.join('')}</permission>`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
