// The units as systemd itself reads them; nothing of the machine is changed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PACKAGE_ROOT } from './package-root.ts';
import { cleanUp, makeFolder } from './run-cli.fixture.ts';
import { renderUnit, type UnitFile } from './service-units.ts';

const MAX_EXPOSURE = 1.5;
const COMMAND = [process.execPath, join(PACKAGE_ROOT, 'dist', 'cli', 'echolot.js')] as const;

/** Each unit, and the file that systemd reads where the unit is a template. */
const UNITS: readonly { readonly unit: UnitFile; readonly file: string }[] = [
  { unit: 'echolot-agent@.service', file: 'echolot-agent@edge-1.service' },
  { unit: 'echolot-broker.service', file: 'echolot-broker.service' },
  { unit: 'echolot.target', file: 'echolot.target' },
];

beforeAll(() => {
  if (spawnSync('systemd-analyze', ['--version']).error) {
    throw new Error(
      'systemd-analyze is missing; it is in the package systemd: apt-get install systemd',
    );
  }
});

afterEach(cleanUp);

function writeUnits(): string {
  const folder = makeFolder();
  for (const { unit, file } of UNITS) writeFileSync(join(folder, file), renderUnit(unit, COMMAND));
  return folder;
}

function analyze(...args: string[]) {
  const { status, stderr, stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { status, stderr, stdout };
}

describe('systemd', () => {
  it('finds nothing wrong in the units', () => {
    const folder = writeUnits();
    const { status, stderr } = analyze('verify', ...UNITS.map(({ file }) => join(folder, file)));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.each(UNITS.slice(0, 2))('finds $unit exposed to 1.5 at most', ({ file }) => {
    const folder = writeUnits();
    const { stdout } = analyze('security', '--offline=true', '--no-pager', join(folder, file));
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    expect(exposure, stdout).toBeGreaterThan(0);
    expect(exposure, stdout).toBeLessThanOrEqual(MAX_EXPOSURE);
  });

  it('makes the users of the services from their fragment', () => {
    const root = makeFolder();
    const text = renderUnit('echolot.sysusers.conf', COMMAND);
    mkdirSync(join(root, 'etc', 'sysusers.d'), { recursive: true });
    writeFileSync(join(root, 'etc', 'sysusers.d', 'echolot.conf'), text);
    const dry = spawnSync('systemd-sysusers', [`--root=${root}`, '--dry-run'], {
      encoding: 'utf8',
    });
    const said = `${dry.stdout}${dry.stderr}`;
    expect(said).toContain("Creating user 'echolot-agent'");
    expect(said).toContain("Creating user 'echolot-broker'");
    expect(dry.status).toBe(0);
  });
});
