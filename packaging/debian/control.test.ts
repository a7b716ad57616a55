import { describe, expect, it } from 'vitest';
import { renderChangelog, renderControl, renderCopyright } from './control.ts';
import { renderManPage } from './man-page.ts';
import { maintainerOf } from './source.ts';

const FACTS = {
  version: '1.2.3-1',
  architecture: 'arm64',
  maintainer: 'A Builder <builder@example.org>',
  installedKib: 64_000,
} as const;

describe('control', () => {
  it('has each field once, and a description that Debian can read', () => {
    const lines = renderControl(FACTS).split('\n');
    const fields = lines.filter((line) => /^[A-Z]/.test(line));
    expect(fields.slice(0, 5)).toEqual([
      'Package: echolot',
      'Version: 1.2.3-1',
      'Architecture: arm64',
      'Maintainer: A Builder <builder@example.org>',
      'Installed-Size: 64000',
    ]);
    const names = fields.map((line) => line.split(':')[0]);
    expect(new Set(names).size).toBe(names.length);
    expect(lines.at(-1)).toBe('');
    const prose = lines.slice(lines.findIndex((line) => line.startsWith('Description:')) + 1, -1);
    for (const line of prose) expect(line).toMatch(/^ (\.|\S.{0,78})$/);
  });

  it('asks for the Node that package.json asks for', async () => {
    const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
    const needed = manifest.engines.node.replace('>=', '>= ');
    expect(renderControl(FACTS)).toContain(`Depends: nodejs (${needed}), `);
  });
});

describe('the changelog', () => {
  it('is one entry, dated as Debian Policy asks', () => {
    expect(renderChangelog(FACTS, 1_700_000_000).split('\n')).toEqual([
      'echolot (1.2.3-1) unstable; urgency=medium',
      '',
      '  * What has changed is in changelog.gz beside this file.',
      '',
      ' -- A Builder <builder@example.org>  Tue, 14 Nov 2023 22:13:20 +0000',
      '',
    ]);
  });
});

describe('copyright', () => {
  it('names every module, its terms and where they are', () => {
    const own = { name: 'ws', version: '8.0.0', license: 'MIT', author: 'Somebody' };
    const modules = [
      { ...own, licenseFile: '/usr/lib/echolot/node_modules/ws/LICENSE' },
      { ...own, name: 'bare', author: null, licenseFile: null },
    ];
    const text = renderCopyright(modules, 1_700_000_000);
    expect(text).toContain('Copyright 2023 the authors of Echolot');
    expect(text).toContain(
      'ws 8.0.0\n  Copyright: Somebody\n  License: MIT, in /usr/lib/echolot/node_modules/ws/LICENSE\n',
    );
    expect(text).toContain('bare 8.0.0\n  Copyright: the authors of bare\n  License: MIT\n');
  });
});

describe('the maintainer', () => {
  it('is whom Debian has in the environment, and nobody where it is half there', () => {
    const env = { DEBFULLNAME: 'A Builder', DEBEMAIL: 'builder@example.org' };
    expect(maintainerOf(env)).toBe('A Builder <builder@example.org>');
    expect(maintainerOf({ DEBFULLNAME: 'A Builder' })).toMatch(/\.invalid>$/);
  });
});

describe('the manual page', () => {
  it('takes the help to the letter, whatever it means to troff', () => {
    const page = renderManPage(".dot at the start\n--flag 'x' \\n\n'quote", '1.2.3');
    expect(page).toContain("\n\\&.dot at the start\n\\-\\-flag 'x' \\en\n\\&'quote\n.fi\n");
    expect(page.split('\n')[0]).toBe('.TH ECHOLOT 1 "" "echolot 1.2.3" "User Commands"');
  });
});
