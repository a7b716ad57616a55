import { describe, expect, it } from 'vitest';
import { createPolicy } from '../policy.ts';
import { CONFIGURATION_FILE, renderMosquitto } from '../render-mosquitto.ts';
import { compareConfigurations, readChoices } from './deployed-configuration.ts';

const HASH = `$7$1000$${'A'.repeat(16)}$${'A'.repeat(86)}==`;
const PEM = { ca: 'ca', crl: 'crl', cert: 'cert', key: 'key' };
const CHOICES = {
  folder: '/etc/mosquitto/echolot',
  plugin: '/usr/lib/mosquitto_dynamic_security.so',
  user: 'mosquitto',
  clients: { host: '0.0.0.0', port: 8883 },
  certificates: { host: '0.0.0.0', port: 8884 },
  inner: { host: '127.0.0.1', port: 1884 },
};

function render(choices: typeof CHOICES, tls: typeof PEM | null): string {
  const input = { policy: createPolicy(), identities: [], models: ['sonar'] };
  const files = renderMosquitto({ ...input, ...choices, administrator: HASH, tls });
  return files.get(CONFIGURATION_FILE) ?? '';
}

describe('a configuration that is deployed', () => {
  it.each([PEM, null])("is what is rendered with its administrator's choices", (tls) => {
    const deployed = render(CHOICES, tls);
    const again = render(readChoices(deployed, tls !== null), tls);
    expect(compareConfigurations(deployed, again, 'x')).toEqual([]);
  });

  it.each<[string, string, string[]]>([
    [
      'allow_anonymous false',
      'allow_anonymous true',
      ['allow_anonymous true', 'allow_anonymous false'],
    ],
    ['sys_interval 10', 'sys_interval 10\nacl_file /etc/acl', ['acl_file /etc/acl']],
    ['require_certificate true', '', ['require_certificate true']],
    [
      'max_connections 10000\nuse_username_as_clientid true\n',
      'max_connections 10000\n',
      ['use_username_as_clientid true'],
    ],
    ['log_type error', 'listener 1883 0.0.0.0\nlog_type error', ['listener 1883 0.0.0.0']],
  ])('with %j as %j says which line is another', (line, other, expected) => {
    const original = render(CHOICES, PEM);
    const deployed = original.replace(line, other);
    expect(deployed).not.toBe(original);
    const again = render(readChoices(deployed, true), PEM);
    const lines = compareConfigurations(deployed, again, 'x').map(({ what }) => what);
    expect(lines).toEqual(expect.arrayContaining(expected));
  });

  it('tells of which listener a line is', () => {
    const [difference] = compareConfigurations('listener 1 a\nx y\n', 'listener 1 a\n', 'conf');
    expect(difference).toEqual({
      kind: 'other',
      where: 'conf',
      what: 'x y',
      detail: 'is deployed, not rendered (listener 1)',
    });
  });
});
