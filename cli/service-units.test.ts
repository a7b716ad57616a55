import { describe, expect, it } from 'vitest';
import { isPackaged, renderUnit, UNIT_FILES, type UnitFile } from './service-units.ts';

const SERVICES = ['echolot-agent@.service', 'echolot-broker.service'] as const;

function directives(name: UnitFile): string[] {
  return renderUnit(name, ['/usr/bin/echolot'])
    .split('\n')
    .filter((line) => !line.startsWith('#'));
}

describe('the units', () => {
  it('are those of a package where Echolot lies where Debian puts it', () => {
    expect([isPackaged('/usr/lib/echolot'), isPackaged('/opt/echolot'), isPackaged()]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('start what they are told, with words that systemd takes literally', () => {
    const unit = renderUnit('echolot-agent@.service', [
      '/opt/node',
      '/opt/100% "my" $1/echolot.js',
    ]);
    expect(unit).toContain(
      'ExecStart=/opt/node "/opt/100%% \\"my\\" $$1/echolot.js" agent --agent-id %i\n',
    );
  });

  it.each(SERVICES)('%s is not started again for what a person must mend', (name) => {
    expect(directives(name)).toContain('RestartPreventExitStatus=64 70 77 78');
    expect(directives(name)).toContain('Restart=always');
  });

  it.each(SERVICES)('%s leaves its children alive until it has drained', (name) => {
    expect(directives(name)).toContain('KillMode=mixed');
  });

  it('say in a comment why what they leave off is off', () => {
    for (const name of SERVICES) {
      const unit = renderUnit(name, ['/usr/bin/echolot']);
      expect(unit).toMatch(/^# - MemoryDenyWriteExecute=yes .*V8/m);
      expect(directives(name).join('\n')).not.toContain('MemoryDenyWriteExecute');
    }
  });

  it('take every optional credential of an agent from the store of systemd', () => {
    const credentials = directives('echolot-agent@.service').flatMap(
      (line) => /^LoadCredential=(.*)$/.exec(line)?.[1] ?? [],
    );
    // A name without a slash is looked up in /etc/credstore, and may be missing.
    expect(credentials).toEqual(
      ['password', 'ca', 'cert', 'key', 'model-key'].map((id) => `${id}:echolot-agent-%i.${id}`),
    );
  });

  it('stop agents before the broker of the same machine', () => {
    expect(directives('echolot-agent@.service').join('\n')).toMatch(/^After=.*echolot-broker/m);
  });

  it('belong to folders of the administrator, each to one', () => {
    expect(new Set(Object.values(UNIT_FILES)).size).toBe(Object.keys(UNIT_FILES).length);
  });
});
