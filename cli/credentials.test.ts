import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSettings } from './config.ts';
import { CREDENTIALS } from './credentials.ts';
import { renderUnit } from './service-units.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'echolot-credentials-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a credential of systemd', () => {
  it('is used where neither flag nor variable says otherwise', () => {
    for (const name of ['password', 'ca']) writeFileSync(join(folder, name), 'x');
    const env = { CREDENTIALS_DIRECTORY: folder, ECHOLOT_CA: '/etc/ca.pem' };
    const settings = loadSettings('agent', { flags: {}, env });
    expect(settings).toMatchObject({
      passwordFile: join(folder, 'password'),
      ca: '/etc/ca.pem',
      key: null,
    });
    const typed = loadSettings('agent', { flags: { passwordFile: './mine' }, env });
    expect(typed.passwordFile).toBe('./mine');
  });

  it('goes before the file of settings, as the variables do', () => {
    writeFileSync(join(folder, 'password'), 'x');
    const file = join(folder, 'settings.json');
    writeFileSync(file, JSON.stringify({ passwordFile: '/etc/other' }));
    const env = { CREDENTIALS_DIRECTORY: folder, ECHOLOT_CONFIG: file };
    const { passwordFile } = loadSettings('agent', { flags: {}, env });
    expect(passwordFile).toBe(join(folder, 'password'));
  });

  it('is nothing to a process that was handed none', () => {
    expect(loadSettings('agent', { flags: {}, env: {} }).passwordFile).toBeNull();
  });

  it('has the name by which the unit loads it', () => {
    const unit = renderUnit('echolot-agent@.service', ['/usr/bin/echolot']);
    const loaded = [...unit.matchAll(/^LoadCredential=([^:]+):/gm)].map(([, name]) => name);
    expect(loaded).toEqual(Object.values(CREDENTIALS));
  });
});
