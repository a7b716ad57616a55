import { describe, expect, it } from 'vitest';
import { mergeAssignments, renderEnvironmentFile } from './service-environment.ts';
import { KINDS, SETTINGS } from './settings.ts';

describe('the environment file of the services', () => {
  it('is the one in systemd/; after a change of settings run this test once with -u', async () => {
    await expect(renderEnvironmentFile()).toMatchFileSnapshot('../systemd/echolot.env');
  });

  it('has every setting of an agent and of the broker once, and sets none', () => {
    const lines = renderEnvironmentFile().split('\n');
    const variables = [...new Set([...KINDS.agent, ...KINDS.broker])].map(
      (name) => SETTINGS[name].env,
    );
    const found = lines.flatMap((line) => /^#(ECHOLOT_[A-Z_]+)=/.exec(line)?.[1] ?? []);
    expect(found.toSorted()).toEqual([...variables].toSorted());
    expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
  });
});

describe('mergeAssignments', () => {
  it('sets anew, adds, takes out, and keeps what else a person wrote', () => {
    const text = '# mine\nECHOLOT_GROUP=a\nECHOLOT_RUNTIME=tfjs\nOTHER=1\n';
    const values = { ECHOLOT_GROUP: 'b', ECHOLOT_RUNTIME: null, ECHOLOT_MODEL: '/srv/my model' };
    expect(mergeAssignments(text, values)).toBe(
      '# mine\nOTHER=1\nECHOLOT_GROUP=b\nECHOLOT_MODEL="/srv/my model"\n',
    );
  });

  it('gives the same text when it is done again', () => {
    const values = { ECHOLOT_MODEL: '/a "b" $c' };
    const once = mergeAssignments('', values);
    expect(once).toBe('ECHOLOT_MODEL="/a \\"b\\" \\$c"\n');
    expect(mergeAssignments(once, values)).toBe(once);
  });
});
