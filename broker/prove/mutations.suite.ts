// The prover against a real Mosquitto whose rendered rights were changed, one rule at a time.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPolicy, expandRule } from '../policy.ts';
import { ensureProbes } from '../probe-store.ts';
import { PROBES } from '../probes.ts';
import { RIGHTS_FILE } from '../render-mosquitto.ts';
import { type RenderedMosquitto, startRenderedMosquitto } from '../rendered-mosquitto.fixture.ts';
import { compareDeployed } from './deployed.ts';
import type { Judgement } from './judge.ts';
import { differenceLines, findingLines } from './matrix.ts';
import { proofOf } from './prove.fixture.ts';
import { makeStore, removeStores } from './store.fixture.ts';

const policy = createPolicy();
const RENDERING = { policy, models: ['sonar'] };

interface Acl {
  acltype: string;
  topic: string;
}

/** One change of one rule: its filter becomes another one, or it goes (`null`). */
interface Mutation {
  readonly probe: string;
  readonly acltype: string;
  readonly topic: string;
  readonly to: string | null;
}

/** Every rule of every probe removed, and with each of its levels opened. */
export function everyMutation(): Mutation[] {
  return PROBES.flatMap((probe) =>
    policy.rules
      .filter(({ role }) => role === probe.role)
      .flatMap((rule) =>
        expandRule(policy, probe, rule).flatMap((filter) => {
          const delivered = filter.replace(/^\$share\/[^/]+\//, '');
          const acls =
            rule.verb === 'publish'
              ? [{ acltype: 'publishClientSend', topic: filter }]
              : [
                  { acltype: rule.exact ? 'subscribeLiteral' : 'subscribePattern', topic: filter },
                  { acltype: 'publishClientReceive', topic: delivered },
                ];
          return acls.flatMap((acl) =>
            [null, ...widened(acl.topic)].map((to) => ({ probe: probe.name, ...acl, to })),
          );
        }),
      ),
  );
}

function widened(filter: string): string[] {
  const levels = filter.split('/');
  const first = filter.startsWith('$share/') ? 2 : 0;
  return levels.flatMap((level, index) => {
    if (index < first || level === '#' || level.startsWith('$')) return [];
    const below = [...levels.slice(0, index), '#'].join('/');
    return level === '+' ? [below] : [levels.with(index, '+').join('/'), below];
  });
}

/** What nobody could ever be sent, since their subscriptions are narrower, no attempt can show. */
const isHidden = ({ acltype, to }: Mutation) => acltype === 'publishClientReceive' && to !== null;

export function describeMutations(mutations: readonly Mutation[], timeoutMs: number): void {
  describe('rights of which one rule was changed', () => {
    let store: string;
    let mosquitto: RenderedMosquitto;
    let path: string;
    let original: string;

    beforeAll(async () => {
      store = await makeStore();
      await ensureProbes(store);
      mosquitto = await startRenderedMosquitto(store);
      await mosquitto.end();
      path = join(mosquitto.folder, RIGHTS_FILE);
      original = await readFile(path, 'utf8');
    });

    afterAll(async () => {
      await mosquitto.stop();
      await removeStores();
    });

    it.each(mutations)(
      '($probe: $acltype $topic to $to) are found out by its topic',
      async (mutation) => {
        await writeFile(path, mutate(original, mutation));
        const { differences } = await compareDeployed(mosquitto.folder, store, RENDERING);
        const lines = differenceLines(differences);
        expect(lines.join('\n')).toContain(`echolot-${mutation.probe}: ${mutation.topic}: `);
        if (isHidden(mutation)) return;
        await mosquitto.start();
        let findings: Judgement[];
        try {
          ({ findings } = await proofOf(mosquitto.innerUrl, store, { patienceMs: 2000 }));
        } finally {
          await mosquitto.end();
        }
        const named = findingLines(findings).filter((line) => line.includes(mutation.topic));
        expect(named).not.toEqual([]);
      },
      timeoutMs,
    );
  });
}

function mutate(original: string, { acltype, probe, to, topic }: Mutation): string {
  const rights = JSON.parse(original) as { roles: { rolename: string; acls: Acl[] }[] };
  const role = rights.roles.find(({ rolename }) => rolename === `echolot-${probe}`);
  const index = role?.acls.findIndex((acl) => acl.acltype === acltype && acl.topic === topic) ?? -1;
  if (!role || index < 0) throw new Error(`no ${acltype} ${topic} is rendered for ${probe}`);
  if (to === null) role.acls.splice(index, 1);
  // A wildcard means something in a pattern alone.
  else role.acls[index] = { ...role.acls[index], acltype: asPattern(acltype), topic: to };
  return JSON.stringify(rights);
}

function asPattern(acltype: string): string {
  return acltype === 'subscribeLiteral' ? 'subscribePattern' : acltype;
}
