// For tests: the set-up script on a machine that is a folder. What it starts and asks notes what it was told.
import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../bus/mosquitto.fixture.ts';

const SCRIPT = fileURLToPath(new URL('setup.sh', import.meta.url));
export const FLAGS_SCRIPT = fileURLToPath(new URL('setup-flags.sh', import.meta.url));

const PLACES = {
  STATE: 'state',
  DEPLOYED: 'deployed',
  ETC: 'mosquitto',
  TRUSTED: 'ca.crt',
  SETTINGS: 'echolot.env',
  SYSTEMD: '.',
};

/** Identities are lines of a file, and a rendering says with which words it was asked for. */
const ECHOLOT = `#!/bin/bash
cd "$(dirname "$0")/.."
echo "\${ECHOLOT_GROUP:+ECHOLOT_GROUP=$ECHOLOT_GROUP }echolot $*" >> said
case "$1 $2" in
  'identity list') echo 'name role' && cat identities ;;
  'identity add') mkdir -p state/store && echo "$3 $5" >> identities && echo "secret of $3" ;;
  'policy render')
    mkdir -p state/rendered && cd state/rendered
    for file in ca.crt ca.crl broker.crt broker.key; do echo "$file" > "$file"; done
    for word in "$@"; do [[ $word =~ ^(.*):([0-9]+)$ ]] && echo "listener \${BASH_REMATCH[2]} \${BASH_REMATCH[1]}"; done > mosquitto.conf
    awk '{ print "\\"username\\": \\"" $1 "\\"" }' ../../identities > dynamic-security.json
    ;;
  'policy apply')
    while [ "$1" != --passwords ]; do shift; done
    cp "$2" told && [ ! -e refuses ]
    ;;
esac
`;

/** Fails to start anything again while there is the file \`refuses\`. */
const SYSTEMCTL = `#!/bin/bash
cd "$(dirname "$0")/.."
echo "systemctl $*" >> said
[ "$1" != restart ] || [ ! -e refuses ]
`;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly path?: string;
  readonly uid?: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

/** A fresh one; its ports are free. */
export class SetupMachine {
  readonly root = mkdtempSync(join(tmpdir(), 'echolot-setup-'));

  async prepare(): Promise<this> {
    chmodSync(this.root, 0o755);
    const ports = { INNER: await freePort(), CERTIFICATES: await freePort() };
    const values = [
      ...Object.entries(PLACES).map(([name, path]) => [name, this.at(path)] as const),
      ...Object.entries(ports),
    ];
    let text = readFileSync(SCRIPT, 'utf8');
    for (const [name, value] of values) {
      const line = new RegExp(`^readonly ${name}=.*$`, 'm');
      if (!line.test(text)) throw new Error(`the script has no ${name}`);
      text = text.replace(line, `readonly ${name}=${value}`);
    }
    this.write('setup.sh', text);
    copyFileSync(FLAGS_SCRIPT, this.at('setup-flags.sh'));
    mkdirSync(this.at('mosquitto', 'conf.d'), { recursive: true });
    mkdirSync(this.at('bin'));
    this.write('identities', '');
    for (const [name, script] of [
      ['echolot', ECHOLOT],
      ['systemctl', SYSTEMCTL],
      ['apt-get', '#!/bin/sh\n'],
    ] as const) {
      this.write(join('bin', name), script);
      chmodSync(this.at('bin', name), 0o755);
    }
    return this;
  }

  at(...path: string[]): string {
    return join(this.root, ...path);
  }

  write(path: string, text: string): void {
    writeFileSync(this.at(path), text);
  }

  read(path: string): string {
    return existsSync(this.at(path)) ? readFileSync(this.at(path), 'utf8') : '';
  }

  /** Runs the script. */
  run(args: readonly string[], { env = {}, path, uid }: RunOptions = {}): Promise<Ended> {
    const options = {
      env: { PATH: `${path ?? this.at('bin')}:${process.env['PATH']}`, ...env },
      ...(uid === undefined ? {} : { uid }),
    };
    return new Promise((resolve) => {
      execFile('bash', [this.at('setup.sh'), ...args], options, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
      });
    });
  }

  /** Runs it, and gives what was started and asked meanwhile; throws where it fails. */
  async said(args: readonly string[], options: RunOptions = {}): Promise<string> {
    rmSync(this.at('said'), { force: true });
    const { code, stderr, stdout } = await this.run(args, options);
    if (code !== 0) throw new Error(`it ended with ${code}: ${stdout}${stderr}`);
    return this.read('said');
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
