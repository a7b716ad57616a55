// The texts that dpkg and its readers ask of a package: control, changelog, copyright.
import type { Architecture } from './architectures.ts';

export interface PackageFacts {
  readonly version: string;
  readonly architecture: Architecture;
  /** `Name <address>`. */
  readonly maintainer: string;
  /** Of the files, in KiB. */
  readonly installedKib: number;
}

/** What the compiled modules ask of Debian's libraries is held by a test that reads them. */
const DEPENDS = [
  // Debian 13 has it; on Debian 12 it comes from NodeSource, under the same name.
  'nodejs (>= 20.19)',
  'libc6 (>= 2.28)',
  'libgcc-s1',
  'libstdc++6 (>= 7)',
  'systemd | systemd-standalone-sysusers',
  'systemd | systemd-standalone-tmpfiles',
];

/** The file `control`. */
export function renderControl(facts: PackageFacts): string {
  return [
    'Package: echolot',
    `Version: ${facts.version}`,
    `Architecture: ${facts.architecture}`,
    `Maintainer: ${facts.maintainer}`,
    `Installed-Size: ${facts.installedKib}`,
    `Depends: ${DEPENDS.join(', ')}`,
    'Recommends: ca-certificates',
    'Suggests: mosquitto, mosquitto-clients',
    'Section: net',
    'Priority: optional',
    'Description: classifies sensor readings over MQTT, with nothing but a broker',
    ' Devices publish readings to an MQTT broker. Stateless predictor agents on',
    ' edge boxes or in the cloud subscribe as a shared group, classify with an',
    " ONNX or TensorFlow.js model, and publish each answer to the asking client's",
    ' own reply topic.',
    ' .',
    ' This package has the command echolot, the agent and an embedded broker as',
    ' systemd services, and the sonar model (mine or rock). It starts nothing:',
    ' "echolot service install agent --agent-id NAME" does.',
    '',
  ].join('\n');
}

/**
 * The file `changelog.Debian`: one entry, which points at ours.
 * @param seconds when, since 1970
 */
export function renderChangelog(
  { maintainer, version }: Pick<PackageFacts, 'maintainer' | 'version'>,
  seconds: number,
): string {
  // RFC 5322, as Debian Policy 4.4 asks.
  const date = new Date(seconds * 1000).toUTCString().replace('GMT', '+0000');
  return [
    `echolot (${version}) unstable; urgency=medium`,
    '',
    '  * What has changed is in changelog.gz beside this file.',
    '',
    ` -- ${maintainer}  ${date}`,
    '',
  ].join('\n');
}

/** A package of node_modules that is shipped. */
export interface Module {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly author: string | null;
  /** Where its licence lies on the machine; `null` where it ships none. */
  readonly licenseFile: string | null;
}

/**
 * The file `copyright`: who made what is in the package, and under which terms.
 * @param seconds of the commit, since 1970
 */
export function renderCopyright(modules: readonly Module[], seconds: number): string {
  const own = [
    'Echolot is built from its own sources and the packages of npm that it needs.',
    '',
    `Echolot itself: Copyright ${new Date(seconds * 1000).getUTCFullYear()} the authors of Echolot.`,
    'License: Apache-2.0, which is in /usr/share/common-licenses/Apache-2.0.',
    '',
    'The sonar data and the models trained on it: see /usr/lib/echolot/models/sonar/DATA.md.',
    '',
    'The packages of npm, below /usr/lib/echolot/node_modules:',
  ];
  return [...own, ...modules.flatMap(describe), ''].join('\n');
}

function describe({ author, license, licenseFile, name, version }: Module): string[] {
  return [
    '',
    `${name} ${version}`,
    `  Copyright: ${author ?? `the authors of ${name}`}`,
    `  License: ${license}${licenseFile === null ? '' : `, in ${licenseFile}`}`,
  ];
}
