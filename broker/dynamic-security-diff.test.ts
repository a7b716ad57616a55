// The difference between what is rendered and what a plugin says that it holds.
import { describe, expect, it } from 'vitest';
import { type Deployed, diffDynamicSecurity } from './dynamic-security-diff.ts';
import type { IdentityRecord } from './identity.ts';
import { createPolicy } from './policy.ts';
import { type DynamicSecurity, renderDynamicSecurity } from './render-dynamic-security.ts';

const HASH = `$7$1000$${'s'.repeat(16)}$${'h'.repeat(86)}==`;
const dev: IdentityRecord = { name: 'dev-1', role: 'client', password: HASH };
const edge: IdentityRecord = { name: 'edge-1', role: 'predictor', password: HASH };

function render(identities: readonly IdentityRecord[], models = ['sonar']): DynamicSecurity {
  return renderDynamicSecurity({ policy: createPolicy(), identities, models }, null);
}

/** What a plugin that was started on the rendering says. */
function deploy({ clients, defaultACLAccess, roles }: DynamicSecurity): Deployed {
  return {
    defaultACLAccess: { ...defaultACLAccess },
    roles,
    clients: clients.map(
      ({ password: _password, salt: _salt, iterations: _rounds, ...client }) => ({
        ...client,
        groups: [],
      }),
    ),
  };
}

function texts(
  wanted: DynamicSecurity,
  deployed: Deployed,
  passwords: readonly [string, string][] = [],
): string[] {
  const { changes } = diffDynamicSecurity(wanted, deployed, new Map(passwords));
  return changes.map(({ details, text }) => [text, ...details].join(' | '));
}

describe('the difference', () => {
  it('is nothing where the plugin holds what is rendered, in whatever order', () => {
    const { roles, ...rest } = deploy(render([dev, edge]));
    const turned = roles.map(({ acls, rolename }) => ({ rolename, acls: acls.toReversed() }));
    const deployed = { ...rest, roles: turned.toReversed() };
    expect(diffDynamicSecurity(render([dev, edge]), deployed, new Map())).toEqual({
      changes: [],
      notes: [],
    });
  });

  it('takes away an identity first, and gives a new one its role before it comes', () => {
    const other = { ...dev, name: 'dev-2' };
    const changes = texts(render([edge, other]), deploy(render([dev, edge])), [['dev-2', 'pw']]);
    expect(changes.map((text) => text.split(' |')[0])).toEqual([
      'deleteClient dev-1',
      'deleteRole echolot-dev-1',
      'createRole echolot-dev-2',
      'createClient dev-2',
    ]);
    expect(changes.join()).not.toContain('pw');
  });

  it('names every right that comes and goes', () => {
    const changes = texts(render([edge], ['lidar']), deploy(render([edge], ['sonar'])));
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatch(/^modifyRole echolot-edge-1 \| - publishClientSend .*sonar/);
    expect(changes[0]).toContain(
      '+ subscribeLiteral $share/predictors/echolot/v1/readings/+/lidar',
    );
    expect(changes[0]).not.toContain('agents');
  });

  it('mends what was widened by hand: defaults, rights, roles, groups and client ids', () => {
    const deployed = deploy(render([dev]));
    const [client] = deployed.clients;
    const [role] = deployed.roles;
    if (!client || !role) throw new Error('nothing is deployed');
    const wide = { acltype: 'subscribePattern', topic: '#', priority: 0, allow: true } as const;
    const { clientid: _, ...unbound } = client;
    const widened: Deployed = {
      defaultACLAccess: { ...deployed.defaultACLAccess, subscribe: true },
      roles: [{ ...role, acls: [...role.acls, wide] }],
      clients: [{ ...unbound, roles: [...client.roles, { rolename: 'all' }], groups: [{}] }],
    };
    expect(texts(render([dev]), widened)).toEqual([
      'setDefaultACLAccess | subscribe deny',
      'modifyRole echolot-dev-1 | - subscribePattern #',
      'modifyClient dev-1',
      'setClientId dev-1 | client id dev-1',
    ]);
  });

  it('leaves alone what Echolot did not make, and notes it', () => {
    const deployed = deploy(render([dev]));
    const stranger = { username: 'meter', roles: [{ rolename: 'meters' }], groups: [] };
    const more = { ...deployed, clients: [...deployed.clients, stranger] };
    expect(diffDynamicSecurity(render([dev]), more, new Map())).toEqual({
      changes: [],
      notes: ['meter is not of this store, and is left alone'],
    });
  });

  it('notes who cannot log in by password, and who is disabled', () => {
    const deployed = deploy(render([dev]));
    const disabled = deployed.clients.map((client) => ({ ...client, disabled: true }));
    const { notes } = diffDynamicSecurity(
      render([dev, edge]),
      { ...deployed, clients: disabled },
      new Map(),
    );
    expect(notes[0]).toMatch(/^edge-1 has no password on the broker/);
    expect(notes[1]).toMatch(/^dev-1 is disabled on the broker/);
  });

  it('sets the password that is given for somebody who is there', () => {
    const changes = texts(render([dev]), deploy(render([dev])), [['dev-1', 'pw']]);
    expect(changes).toEqual(['setClientPassword dev-1']);
  });
});
