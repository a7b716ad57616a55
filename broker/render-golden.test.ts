// The files for brokers that are not run here, held equal to golden ones that were read against their manuals.
import { pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { IdentityRecord } from './identity.ts';
import { hashPassword, makePassword } from './password.ts';
import { createPolicy } from './policy.ts';
import { parsePolicyFile } from './policy-file.ts';
import { PROBES } from './probes.ts';
import { renderEmqx, withoutEmqxPassword } from './render-emqx.ts';
import { renderHivemq } from './render-hivemq.ts';

const HASH = `$7$1000$${Buffer.from('salt-of-12-B').toString('base64')}$${'h'.repeat(86)}==`;
const EXTRA = {
  version: 1,
  roles: [{ name: 'auditor' }],
  rules: [
    { role: 'auditor', verb: 'receive', filter: '{root}/replies/+/+' },
    { role: 'auditor', verb: 'publish', filter: '{root}/notes/"<&>\\/{self}' },
  ],
};
const policy = createPolicy({ extension: parsePolicyFile(JSON.stringify(EXTRA), 'extra.json') });
const identities: IdentityRecord[] = [
  { name: 'dev-1', role: 'client', password: HASH },
  { name: 'dev-2', role: 'client', password: HASH },
  { name: 'edge-1', role: 'predictor', password: HASH },
  { name: 'edge-2', role: 'predictor', models: ['lidar'], password: HASH },
  { name: 'op-1', role: 'operator', password: HASH },
  { name: 'reg-1', role: 'registrar', password: HASH },
  { name: 'aud-1', role: 'auditor', password: HASH },
  { ...PROBES[0], password: HASH },
  { ...PROBES[2], password: HASH },
];
const input = { policy, identities, models: ['sonar'] };
const at = (port: number, host = '127.0.0.1') => ({ host, port });
const emqx = {
  ...input,
  folder: '/opt/emqx/etc/echolot',
  clients: at(8883, '0.0.0.0'),
  certificates: at(8884, '0.0.0.0'),
  inner: at(1884),
};
const tls = { ca: 'CA', crl: 'CRL', cert: 'CERT', key: 'KEY' };

describe('the rendering', () => {
  it.each([...renderEmqx({ ...emqx, tls })].filter(([name]) => !/ca\.|broker\./.test(name)))(
    'for EMQX is the golden one: %s',
    async (name, text) => {
      await expect(text).toMatchFileSnapshot(`golden/emqx/${name.replace('.', '.golden.')}`);
    },
  );

  it.each([...renderHivemq(input)])('for HiveMQ is the golden one: %s', async (name, text) => {
    await expect(text).toMatchFileSnapshot(`golden/hivemq/${name.replace('.', '.golden.')}`);
  });

  it('never takes a custom role for a predictor or a probe of its name', () => {
    const roles = [{ name: 'predictor-sonar' }, { name: 'policy-probe-client-1' }];
    const text = JSON.stringify({ version: 1, roles, rules: [] });
    const sly = createPolicy({ extension: parsePolicyFile(text, 'extra.json') });
    const more = roles.map(({ name }, index) => ({
      name: `sly-${index}`,
      role: name,
      password: HASH,
    }));
    const acl = renderEmqx({ ...emqx, tls, policy: sly, identities: [...identities, ...more] });
    expect(acl.get('acl.conf')).not.toContain('sly-');
  });

  it('for EMQX opens plain listeners where the store has no certificates', () => {
    const text = renderEmqx({ ...emqx, tls: null }).get('emqx.conf') ?? '';
    expect(text.match(/^listeners\.(tcp|ssl)\.(?!default).*$/gm)).toEqual([
      'listeners.tcp.clients { bind = "0.0.0.0:8883", zone = clients }',
      'listeners.tcp.inner { bind = "127.0.0.1:1884" }',
    ]);
  });

  it('for EMQX asks for certificates on an inner listener that others could reach', () => {
    const text = renderEmqx({ ...emqx, tls, inner: at(1884, '10.0.0.5') }).get('emqx.conf') ?? '';
    expect(text).toMatch(/^listeners\.ssl\.inner \{.*fail_if_no_peer_cert = true/m);
  });

  it('lets nobody retain a reading or a reply', () => {
    const acl = renderEmqx({ ...emqx, tls }).get('acl.conf') ?? '';
    const publishing = acl.split('\n').filter((line) => /publish.*(readings|replies)\//.test(line));
    expect(publishing.length).toBeGreaterThan(3);
    for (const line of publishing) expect(line).toContain('{retain, false}');
    const credentials = renderHivemq(input).get('credentials.xml') ?? '';
    for (const [line] of credentials.matchAll(/<permission>.*PUBLISH.*<\/permission>/g)) {
      expect(line.includes('NOT_RETAINED')).toBe(/\/(readings|replies)\//.test(line));
    }
  });

  it('has the hash of a new password as EMQX and HiveMQ compute it', async () => {
    const password = makePassword();
    const identity = { name: 'dev-9', role: 'client', password: await hashPassword(password) };
    const one = { ...emqx, tls, identities: [identity] };
    const [, line = ''] = (renderEmqx(one).get('users.csv') ?? '').split('\n');
    const [name, hash, salt = '', isSuperuser] = line.split(',');
    const computed = pbkdf2Sync(password, salt, 1000, 64, 'sha512');
    expect([name, hash, isSuperuser]).toEqual(['dev-9', computed.toString('hex'), 'false']);
    const credentials = renderHivemq(one).get('credentials.xml') ?? '';
    const base64 = Buffer.from(salt).toString('base64');
    expect(credentials).toContain(
      `<password>${base64}:1000:${computed.toString('base64')}</password>`,
    );
  });

  it('leaves out of the users of EMQX who has a salt that is no text, and names them', () => {
    const binary = `$7$1000$${Buffer.alloc(12, 0xff).toString('base64')}$${'h'.repeat(86)}==`;
    const old = { name: 'old', role: 'client', password: binary };
    const slow = { name: 'slow', role: 'client', password: HASH.replace('1000', '101') };
    const users = renderEmqx({ ...emqx, tls, identities: [...identities, old, slow] });
    expect(users.get('users.csv')).not.toMatch(/^(old|slow),/m);
    expect(withoutEmqxPassword([...identities, old, slow])).toEqual(['old', 'slow']);
  });
});
