// The tree of the package, as it will lie on a machine: files, their modes and dates, and dpkg's own.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Architecture } from './architectures.ts';
import { renderChangelog, renderCopyright } from './control.ts';
import { writeDpkgFiles } from './dpkg-files.ts';
import { listModules } from './modules.ts';
import { renderManPage, renderSetupPage } from './man-page.ts';
import { isShipped } from './shipped-modules.ts';
import { copyTree, normalise } from './tree.ts';

/** In the commit: the maintainer scripts, and what lintian is told. */
const OWN = 'packaging/debian';
/** On the machine; `echolot service install` knows it, too. */
const HOME = 'usr/lib/echolot';
const SETTINGS = 'etc/echolot/echolot.env';
/** Beside the code: what it reads. */
const READ_AT_RUN_TIME = [
  'package.json',
  'models/sonar',
  'models/sonar-baseline',
  'schemas/json-schema',
  'systemd',
];
const SCRIPTS = /^DEBIAN\/(postinst|prerm|postrm)$/;

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
}

/** The script that sets up Mosquitto, what it reads, and examples of bridges. */
const MOSQUITTO = 'packaging/mosquitto';
const isForUsers = (path: string) => /^setup(-flags)?\.sh$|\.(conf|json)$/.test(path);

/** What is compiled and installed already, and is to be packaged. */
export interface Parts {
  /** The files of the commit. */
  readonly source: string;
  /** The compiled code. */
  readonly dist: string;
  /** For this architecture. */
  readonly modules: string;
  /** What `echolot --help` prints. */
  readonly help: string;
  readonly architecture: Architecture;
  readonly version: string;
  readonly maintainer: string;
  readonly seconds: number;
}

/** Fills an empty folder. */
export function stage(folder: string, parts: Parts): void {
  const at = (path: string) => join(folder, path);
  const copy = (path: string, to: string) => copyTree(join(parts.source, path), at(to));
  copyTree(parts.dist, at(`${HOME}/dist`), (path) => !path.endsWith('.d.ts'));
  copyTree(parts.modules, at(`${HOME}/node_modules`), (path) =>
    isShipped(path, parts.architecture),
  );
  for (const path of READ_AT_RUN_TIME) copy(path, `${HOME}/${path}`);
  const { bin } = JSON.parse(readFileSync(at(`${HOME}/package.json`), 'utf8')) as Manifest;
  const programs = new Set(Object.values(bin).map((path) => `${HOME}/${path}`));
  for (const path of programs) useNodeOfDebian(at(path));
  mkdirSync(at('usr/bin'), { recursive: true });
  symlinkSync('../lib/echolot/dist/cli/echolot.js', at('usr/bin/echolot'));
  copyTree(join(parts.source, MOSQUITTO), at(`${HOME}/${MOSQUITTO}`), isForUsers);
  mkdirSync(at('usr/sbin'), { recursive: true });
  symlinkSync(`../lib/echolot/${MOSQUITTO}/setup.sh`, at('usr/sbin/echolot-mosquitto-setup'));
  for (const unit of ['echolot-agent@.service', 'echolot-broker.service', 'echolot.target']) {
    copy(`systemd/${unit}`, `usr/lib/systemd/system/${unit}`);
  }
  copy('systemd/echolot.sysusers.conf', 'usr/lib/sysusers.d/echolot.conf');
  copy('systemd/echolot.tmpfiles.conf', 'usr/lib/tmpfiles.d/echolot.conf');
  copy('systemd/echolot.env', SETTINGS);
  copy(`${OWN}/lintian-overrides`, 'usr/share/lintian/overrides/echolot');
  document(folder, parts);
  const scripts = join(parts.source, OWN, 'scripts');
  writeDpkgFiles(folder, parts, { conffiles: [SETTINGS], scripts });
  normalise(folder, parts.seconds, (path) => {
    return programs.has(path) || SCRIPTS.test(path) || path === `${HOME}/${MOSQUITTO}/setup.sh`;
  });
}

/** /usr/share/doc and the manual pages. */
function document(folder: string, { help, maintainer, seconds, source, version }: Parts): void {
  const docs = join(folder, 'usr/share/doc/echolot');
  mkdirSync(docs, { recursive: true });
  const compress = (text: string | Buffer) => gzipSync(text, { level: 9 });
  const shipped = listModules(join(folder, HOME, 'node_modules'), `/${HOME}/node_modules`);
  writeFileSync(join(docs, 'copyright'), renderCopyright(shipped, seconds));
  writeFileSync(
    join(docs, 'changelog.Debian.gz'),
    compress(renderChangelog({ maintainer, version }, seconds)),
  );
  writeFileSync(join(docs, 'changelog.gz'), compress(readFileSync(join(source, 'CHANGELOG.md'))));
  copyTree(join(source, 'README.md'), join(docs, 'README.md'));
  copyTree(join(source, 'docs'), docs);
  const setup = execFileSync('bash', [join(source, MOSQUITTO, 'setup.sh'), '--help'], {
    encoding: 'utf8',
  });
  for (const [page, text] of [
    ['man1/echolot.1.gz', renderManPage(help, version)],
    ['man8/echolot-mosquitto-setup.8.gz', renderSetupPage(setup, version)],
  ] as const) {
    const path = join(folder, 'usr/share/man', page);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, compress(text));
  }
}

/** Commands run on the Node of the package that is depended on, whatever a PATH has. */
function useNodeOfDebian(script: string): void {
  writeFileSync(script, readFileSync(script, 'utf8').replace(/^#!.*/, '#!/usr/bin/node'));
}
