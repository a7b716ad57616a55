import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const SCRIPTS = ['postinst', 'postrm', 'prerm'] as const;
type Script = (typeof SCRIPTS)[number];
const pathOf = (name: Script) => fileURLToPath(new URL(`scripts/${name}`, import.meta.url));

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Runs a script with programs that only note how they were called, and with /etc and /run elsewhere. */
function run(name: Script, args: readonly string[], hasSystemd: boolean): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'echolot-scripts-'));
  folders.push(folder);
  const notes = join(folder, 'notes');
  for (const program of [
    'systemctl',
    'systemd-sysusers',
    'systemd-tmpfiles',
    'deb-systemd-helper',
    'deb-systemd-invoke',
  ]) {
    const units =
      'case "$*" in *list-units*) echo "echolot-agent@a.service loaded"; echo "echolot-agent@b.service loaded";; esac';
    const text = `#!/bin/sh\necho "$(basename "$0") $*" >> ${notes}\n${units}\n`;
    writeFileSync(join(folder, program), text);
    chmodSync(join(folder, program), 0o755);
  }
  const text = readFileSync(pathOf(name), 'utf8')
    .replaceAll('/run/systemd/system', hasSystemd ? folder : '/nowhere')
    .replaceAll(/\/(etc|var)\//g, `${folder}/$1/`);
  const env = { PATH: `${folder}:${process.env['PATH']}` };
  const { status, stderr } = spawnSync('sh', ['-c', text, name, ...args], {
    encoding: 'utf8',
    env,
  });
  expect([status, stderr]).toEqual([0, '']);
  return existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : [];
}

const changes = (notes: readonly string[]) =>
  notes.filter((note) => /\b(start|stop|restart|try-restart)\b/.test(note));

describe('the scripts of the package', () => {
  it.each(SCRIPTS)('%s is one that sh can read, and stops at the first error', (name) => {
    expect(spawnSync('sh', ['-n', pathOf(name)]).status).toBe(0);
    expect(readFileSync(pathOf(name), 'utf8')).toMatch(/^#!\/bin\/sh\n#.*\nset -e\n/);
  });

  it('an installation makes users and folders, and starts nothing', () => {
    const notes = run('postinst', ['configure', ''], true);
    expect(notes).toContain('systemd-sysusers echolot.conf');
    expect(notes).toContain('systemd-tmpfiles --create echolot.conf');
    expect(notes).toContain('deb-systemd-helper enable echolot.target');
    expect(notes).toContain('systemctl --system daemon-reload');
    expect(changes(notes)).toEqual([]);
  });

  it('an upgrade restarts what runs, one agent after another', () => {
    expect(changes(run('postinst', ['configure', '0.9-1'], true))).toEqual([
      'deb-systemd-invoke try-restart echolot-broker.service',
      'deb-systemd-invoke try-restart echolot-agent@a.service',
      'deb-systemd-invoke try-restart echolot-agent@b.service',
    ]);
    expect(run('prerm', ['upgrade', '1.0-1'], true)).toEqual([]);
  });

  it('a removal stops agents and broker in one transaction, so that systemd orders them', () => {
    expect(run('prerm', ['remove'], true)).toEqual([
      'deb-systemd-invoke stop echolot.target echolot-agent@*.service echolot-broker.service',
    ]);
  });

  it('nobody asks systemd where it does not run', () => {
    const calls = [
      ...run('postinst', ['configure', '0.9-1'], false),
      ...run('prerm', ['remove'], false),
      ...run('postrm', ['remove'], false),
    ];
    expect(calls.filter((note) => /^(systemctl|deb-systemd-invoke)/.test(note))).toEqual([]);
  });

  it('only a purge takes the state of the target with it', () => {
    expect(run('postrm', ['remove'], true)).toEqual(['systemctl --system daemon-reload']);
    expect(run('postrm', ['purge'], true)).toContain('deb-systemd-helper purge echolot.target');
  });
});
