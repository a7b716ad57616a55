import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const SCRIPTS = ['postinst', 'postrm', 'prerm'] as const;
type Script = (typeof SCRIPTS)[number];
const pathOf = (name: Script) => fileURLToPath(new URL(`scripts/${name}`, import.meta.url));

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

interface Machine {
  readonly hasSystemd?: boolean;
  /** Calls of these programs that end with this code, by what the arguments end with. */
  readonly fails?: Readonly<Record<string, number>>;
  /** Files that are there, below /etc, /run and /var. */
  readonly files?: Readonly<Record<string, string>>;
}

interface Ran {
  /** How each program was called. */
  readonly notes: string[];
  readonly stderr: string;
  readonly stdout: string;
  readonly has: (path: string) => boolean;
  readonly read: (path: string) => string;
}

/** Runs a script with programs that only note how they were called, and with /etc, /run and /var elsewhere. */
function runOn(machine: Machine, name: Script, args: readonly string[]): Ran {
  const { fails = {}, files = {}, hasSystemd = true } = machine;
  const folder = mkdtempSync(join(tmpdir(), 'echolot-scripts-'));
  folders.push(folder);
  const at = (path: string) => join(folder, path);
  const notes = at('notes');
  const failing = Object.entries(fails).map(([end, code]) => `*"${end}") exit ${code};;`);
  for (const program of [
    'systemctl',
    'systemd-sysusers',
    'systemd-tmpfiles',
    'deb-systemd-helper',
    'deb-systemd-invoke',
  ]) {
    const units =
      '*list-units*) echo "echolot-agent@a.service loaded"; echo "echolot-agent@b.service loaded";;';
    const answers = `case "$*" in ${[...failing, units].join(' ')} esac`;
    const text = `#!/bin/sh\necho "$(basename "$0") $*" >> ${notes}\n${answers}\n`;
    writeFileSync(at(program), text);
    chmodSync(at(program), 0o755);
  }
  for (const folderOf of ['/run', '/etc', '/var']) mkdirSync(at(folderOf));
  if (hasSystemd) mkdirSync(at('/run/systemd/system'), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  }
  const script = readFileSync(pathOf(name), 'utf8');
  const text = script.replaceAll(/(?<![a-z.])\/(etc|run|var)\//g, `${folder}/$1/`);
  const env = { PATH: `${folder}:${process.env['PATH']}` };
  const { status, stderr, stdout } = spawnSync('sh', ['-c', text, name, ...args], {
    encoding: 'utf8',
    env,
  });
  expect(status, stderr).toBe(0);
  return {
    notes: existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : [],
    stderr,
    stdout: stdout.replaceAll(folder, ''),
    has: (path) => existsSync(at(path)),
    read: (path) => readFileSync(at(path), 'utf8'),
  };
}

/** As `runOn`, where nothing is told on standard error. */
function run(name: Script, args: readonly string[], hasSystemd: boolean): string[] {
  const { notes, stderr } = runOn({ hasSystemd }, name, args);
  expect(stderr).toBe('');
  return notes;
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

  it('an upgrade goes no further where the new version does not start', () => {
    const fails = { 'try-restart echolot-agent@a.service': 1 };
    const { notes, stderr } = runOn({ fails }, 'postinst', ['configure', '0.9-1']);
    expect(changes(notes)).toEqual([
      'deb-systemd-invoke try-restart echolot-broker.service',
      'deb-systemd-invoke try-restart echolot-agent@a.service',
    ]);
    expect(stderr).toContain(
      'echolot: echolot-agent@a.service does not start; those after it run the old version\n',
    );
  });

  it('an upgrade goes on where one is only late, since its broker may be away', () => {
    const fails = { 'try-restart echolot-agent@a.service': 124 };
    const { notes, stderr } = runOn({ fails }, 'postinst', ['configure', '0.9-1']);
    expect(changes(notes).at(-1)).toBe('deb-systemd-invoke try-restart echolot-agent@b.service');
    expect(stderr).toBe('');
  });

  it('an upgrade that is broken off restarts nobody', () => {
    expect(changes(run('postinst', ['abort-upgrade', '1.0-1'], true))).toEqual([]);
  });

  it('a removal that is broken off starts again what it has stopped', () => {
    const stopped = runOn({}, 'prerm', ['remove']);
    const list = stopped.read('/run/echolot.stopped');
    expect(list).toBe('echolot-agent@a.service\necholot-agent@b.service\n');
    expect(stopped.notes[0]).toContain(' --state=active,activating ');
    const files = { '/run/echolot.stopped': list };
    const { has, notes } = runOn({ files }, 'postinst', ['abort-remove']);
    expect(changes(notes)).toEqual([
      'systemctl --system --no-block start echolot-agent@a.service echolot-agent@b.service',
    ]);
    expect(has('/run/echolot.stopped')).toBe(false);
    expect(changes(run('postinst', ['abort-remove'], true))).toEqual([]);
  });

  it('a removal is not broken off by a service that does not stop, and says so', () => {
    const fails = { 'stop echolot.target echolot-agent@*.service echolot-broker.service': 1 };
    const { stderr } = runOn({ fails }, 'prerm', ['remove']);
    expect(stderr).toContain('echolot: not every service could be stopped');
  });

  it('a removal stops agents and broker in one transaction, so that systemd orders them', () => {
    expect(changes(run('prerm', ['remove'], true))).toEqual([
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

  const OWN = {
    '/etc/echolot/agent-a.env': 'ECHOLOT_GROUP=north\n',
    '/etc/credstore/echolot-agent-a.password': 'secret',
    '/etc/systemd/system/echolot.target.wants/echolot-agent@a.service': '',
    '/etc/echolot/ca.crt': 'a certificate',
  };
  const kept = (ran: Ran) => Object.keys(OWN).filter((path) => ran.has(path));

  it('a purge takes settings and passwords', () => {
    const files = { ...OWN, '/var/lib/echolot/store/policy.json': '{}' };
    const ran = runOn({ files }, 'postrm', ['purge']);
    expect(kept(ran)).toEqual([]);
    expect(ran.has('/etc/echolot')).toBe(false);
    expect(ran.stdout).toContain('echolot: /var/lib/echolot is kept: ');
  });

  it("a purge leaves the authority to devices as long as Mosquitto's set-up is there", () => {
    const files = { ...OWN, '/var/lib/echolot-mosquitto/ca.crt': 'a certificate' };
    const ran = runOn({ files }, 'postrm', ['purge']);
    expect(kept(ran)).toEqual(['/etc/echolot/ca.crt']);
    expect(ran.stdout).toContain('echolot: /var/lib/echolot-mosquitto is kept: ');
  });

  it.each(['echolot-agent@.service', 'echolot-broker.service'])(
    'a purge takes nothing from services that were installed from a folder since: %s',
    (unit) => {
      const files = { ...OWN, [`/etc/systemd/system/${unit}`]: '[Unit]\n' };
      const ran = runOn({ files }, 'postrm', ['purge']);
      expect(kept(ran)).toEqual(Object.keys(OWN));
      expect(ran.notes).toEqual(['systemctl --system daemon-reload']);
      expect(ran.stdout).toContain('settings and passwords are kept');
    },
  );
});
