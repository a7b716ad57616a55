// What is rendered for Mosquitto grants nothing that the policy would not, and binds whom it can.
import { describe, expect, it } from 'vitest';
import type { IdentityRecord } from './identity.ts';
import { createPolicy, decide } from './policy.ts';
import { PROBES } from './probes.ts';
import { CONTROL_TOPIC, renderDynamicSecurity } from './render-dynamic-security.ts';
import { isLoopback, renderMosquitto } from './render-mosquitto.ts';

const policy = createPolicy();
const HASH = `$7$1000$${'s'.repeat(16)}$${'h'.repeat(86)}==`;
const identities: IdentityRecord[] = [
  { name: 'dev-1', role: 'client', password: HASH },
  { name: 'edge-1', role: 'predictor', password: HASH },
  { name: 'edge-2', role: 'predictor', models: ['lidar'], password: HASH },
  { name: 'op-1', role: 'operator', password: HASH },
  { name: 'reg-1', role: 'registrar', password: HASH },
  ...PROBES.map((probe) => ({ ...probe, password: HASH })),
];
const input = { policy, identities, models: ['sonar', 'radar'] };
const rights = renderDynamicSecurity(input, HASH);

function aclsOf(name: string) {
  return rights.roles.find(({ rolename }) => rolename === `echolot-${name}`)?.acls ?? [];
}

/** One topic that the filter matches. */
function example(filter: string): string {
  return filter.replace(/#$/, 'any/depth').replaceAll('+', 'any');
}

describe('the rights file of dynamic security', () => {
  it.each(identities.map((identity) => [identity.name, identity] as const))(
    'gives %s nothing that the policy denies',
    (name, identity) => {
      for (const { acltype, allow, topic } of aclsOf(name)) {
        expect(allow).toBe(true);
        if (acltype === 'publishClientSend') {
          expect([topic, decide(policy, identity, 'publish', example(topic)).allowed]).toEqual([
            topic,
            true,
          ]);
        } else if (acltype !== 'publishClientReceive') {
          expect([topic, decide(policy, identity, 'subscribe', topic).allowed]).toEqual([
            topic,
            true,
          ]);
        }
      }
    },
  );

  it('allows shared subscriptions to the letter only, one per model', () => {
    const shared = (name: string) => aclsOf(name).filter(({ topic }) => topic.startsWith('$share'));
    const literal = (topic: string) => ({
      acltype: 'subscribeLiteral',
      topic,
      priority: 0,
      allow: true,
    });
    expect(shared('edge-1')).toEqual([
      literal('$share/predictors/echolot/v1/readings/+/sonar'),
      literal('$share/predictors/echolot/v1/readings/+/radar'),
    ]);
    expect(shared('edge-2')).toEqual([literal('$share/predictors/echolot/v1/readings/+/lidar')]);
    for (const name of ['dev-1', 'op-1', 'reg-1']) expect(shared(name)).toEqual([]);
  });

  it('delivers to a predictor what its share brings', () => {
    expect(aclsOf('edge-2')).toContainEqual({
      acltype: 'publishClientReceive',
      topic: 'echolot/v1/readings/+/lidar',
      priority: 0,
      allow: true,
    });
  });

  it('binds every username but those of predictors to its client id', () => {
    const ids = rights.clients.map(({ clientid, username }) => [username, clientid ?? null]);
    expect(Object.fromEntries(ids)).toMatchObject({
      'dev-1': 'dev-1',
      'op-1': 'op-1',
      'policy-administrator': 'policy-administrator',
      'edge-1': null,
    });
  });

  it('lets the administrator alone reach the commands of the plugin', () => {
    const reaching = rights.roles.filter(({ acls }) =>
      acls.some(({ topic }) => topic.startsWith(CONTROL_TOPIC)),
    );
    expect(reaching.map(({ rolename }) => rolename)).toEqual(['echolot-policy-administrator']);
  });

  it('denies what no rule names, delivery included', () => {
    expect(rights.defaultACLAccess).toEqual({
      publishClientSend: false,
      publishClientReceive: false,
      subscribe: false,
      unsubscribe: true,
    });
  });
});

describe('the files for Mosquitto', () => {
  const at = (port: number, host = '127.0.0.1') => ({ host, port });
  const options = {
    ...input,
    administrator: HASH,
    folder: '/etc/mosquitto/echolot',
    plugin: '/lib/plugin.so',
    user: 'mosquitto',
    clients: at(8883, '0.0.0.0'),
    certificates: at(8884, '0.0.0.0'),
    inner: at(1884),
  };
  const tls = { ca: 'CA', crl: 'CRL', cert: 'CERT', key: 'KEY' };

  it('open no listener for certificates where the store has none', () => {
    const files = renderMosquitto({ ...options, tls: null });
    expect([...files.keys()]).toEqual([
      'mosquitto.conf',
      'dynamic-security.json',
      'acl',
      'passwords',
    ]);
    const text = files.get('mosquitto.conf') ?? '';
    expect(text.match(/^listener .*/gm)).toEqual([
      'listener 8883 0.0.0.0',
      'listener 1884 127.0.0.1',
    ]);
    expect(text).not.toMatch(/^(acl_file|certfile|message_size_limit)/m);
  });

  it('ask for certificates on an inner listener that others could reach', () => {
    const inner = at(1884, '10.0.0.5');
    const text = renderMosquitto({ ...options, inner, tls }).get('mosquitto.conf') ?? '';
    const [, , , last = ''] = text.split(/^listener /m);
    expect(last).toMatch(/^1884 10\.0\.0\.5\n/);
    expect(last).toContain('require_certificate true');
    expect(last).not.toContain('use_identity_as_username');
    expect(last).not.toContain('use_username_as_clientid');
  });

  it('leave to an including configuration what that one says itself', () => {
    const settings = (isIncluded: boolean) =>
      (renderMosquitto({ ...options, isIncluded, tls }).get('mosquitto.conf') ?? '')
        .split('\n')
        .filter((line) => /^[a-z]/.test(line));
    const included = settings(true);
    expect(settings(false).filter((line) => !included.includes(line))).toEqual([
      'user mosquitto',
      'persistence true',
      'persistence_location /etc/mosquitto/echolot/',
      'log_dest stderr',
    ]);
    expect(included.filter((line) => !settings(false).includes(line))).toEqual([]);
  });

  it('say in the head of the ACL file what it leaves open', () => {
    const acl = renderMosquitto({ ...options, tls }).get('acl') ?? '';
    expect(acl).toMatch(/WHAT IT LEAVES OPEN[\s\S]*\n# join \$share\/predictors/);
    expect(acl).toContain('user edge-2\ntopic write echolot/v1/replies/+/lidar\n');
  });

  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['127.evil.example', false],
    ['10.0.0.1', false],
  ])('know that %s is loopback: %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});
