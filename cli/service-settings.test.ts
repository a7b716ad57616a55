import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergeAssignments } from './service-environment.ts';
import { readServiceEnvironment } from './service-settings.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'echolot-service-'));
  mkdirSync(join(root, 'etc/echolot'), { recursive: true });
  mkdirSync(join(root, 'etc/credstore'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const settings = (file: string, text: string) =>
  writeFileSync(join(root, 'etc/echolot', file), text);

describe('the environment of an installed agent', () => {
  it('is that of both files, the own one last, with what an installation wrote read back', () => {
    settings('echolot.env', '#ECHOLOT_RUNTIME=tfjs\nECHOLOT_GROUP=all\nECHOLOT_CA=/etc/ca.pem\n');
    const model = '/srv/my "model" $1';
    const own = mergeAssignments("ECHOLOT_PROTOCOL='5'\n", {
      ECHOLOT_GROUP: 'north',
      ECHOLOT_MODEL: model,
    });
    settings('agent-edge-1.env', own);
    const password = join(root, 'etc/credstore/echolot-agent-edge-1.password');
    writeFileSync(password, 'x');
    writeFileSync(join(root, 'etc/credstore/echolot-agent-edge-2.key'), 'x');
    expect(readServiceEnvironment('edge-1', root)).toEqual({
      ECHOLOT_AGENT_ID: 'edge-1',
      ECHOLOT_STATE_DIR: '/var/lib/echolot-agent/edge-1',
      ECHOLOT_PASSWORD_FILE: password,
      ECHOLOT_GROUP: 'north',
      ECHOLOT_CA: '/etc/ca.pem',
      ECHOLOT_PROTOCOL: '5',
      ECHOLOT_MODEL: model,
    });
  });
});
