// `echolot service` below a folder of its own: nothing of the machine is touched.
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, makeFolder, runCli } from './run-cli.fixture.ts';

afterEach(cleanUp);

const CREDENTIAL = 'etc/credstore/echolot-agent-edge-1.password';

function setUp() {
  const root = makeFolder();
  const service = (...args: string[]) => runCli(['service', ...args]);
  const where = ['--root', root, '--command', '/usr/bin/echolot'];
  return {
    root,
    service,
    installAgent: (...args: string[]) =>
      service('install', 'agent', '--agent-id', 'edge-1', ...where, ...args),
    installBroker: (...args: string[]) => service('install', 'broker', ...where, ...args),
    read: (path: string) => readFileSync(join(root, path), 'utf8'),
    uninstall: (...args: string[]) => service('uninstall', '--root', root, ...args),
  };
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

function passwordFile(text = 'a password'): string {
  const path = join(makeFolder(), 'edge-1.password');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

describe('echolot service install', () => {
  it('installs an agent: units, settings, credential, and links that start it', async () => {
    const { installAgent, read, root } = setUp();
    const url = 'mqtts://broker.example:8883';
    const given = ['--password-file', passwordFile(), '--broker-url', url];
    const { code, stderr, stdout } = await installAgent(...given);
    expect([code, stderr]).toEqual([0, '']);
    expect(read('etc/echolot/agent-edge-1.env')).toBe(`ECHOLOT_BROKER_URL=${url}\n`);
    expect(read(CREDENTIAL)).toBe('a password');
    expect(statSync(join(root, CREDENTIAL)).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, 'etc/credstore')).mode & 0o777).toBe(0o700);
    expect(read('etc/systemd/system/echolot-agent@.service')).toContain(
      'ExecStart=/usr/bin/echolot agent --agent-id %i',
    );
    expect(readdirSync(join(root, 'etc/systemd/system/echolot.target.wants'))).toEqual([
      'echolot-agent@edge-1.service',
    ]);
    expect(stdout).not.toContain('a password');
  });

  it('writes nothing twice, keeps what a person changed, and takes a new password', async () => {
    const { installAgent, read, root } = setUp();
    await installAgent('--password-file', passwordFile(), '--group', 'north');
    const settings = join(root, 'etc/echolot/agent-edge-1.env');
    writeFileSync(settings, `# mine\n${readFileSync(settings, 'utf8')}`);
    const before = filesOf(root).map((path) => [path, lstatSync(path).mtimeMs]);
    const again = await installAgent('--group', 'north');
    expect(again.code).toBe(0);
    expect(again.stdout).not.toMatch(/^write/m);
    expect(filesOf(root).map((path) => [path, lstatSync(path).mtimeMs])).toEqual(before);
    const changed = await installAgent('--password-file', passwordFile('another'));
    expect(changed.stdout).toContain(`write ${join(root, CREDENTIAL)} (secret, for root alone)`);
    expect(read(CREDENTIAL)).toBe('another');
    expect(read('etc/echolot/agent-edge-1.env')).toBe('# mine\nECHOLOT_GROUP=north\n');
  });

  it('makes the identity itself beside the broker, a new password where the old one is gone', async () => {
    const { installAgent, installBroker, read, root, uninstall } = setUp();
    await installBroker();
    const { code, stdout } = await installAgent();
    expect([code, stdout]).toEqual([0, expect.stringContaining('add edge-1 (predictor) to')]);
    const password = read(CREDENTIAL);
    expect(password).toMatch(/^\S{20,}\n$/);
    expect((await installAgent()).stdout).not.toContain('add edge-1');
    const store = join(root, 'var/lib/echolot-broker/store');
    const list = await runCli(['identity', 'list', '--json', '--store', store]);
    expect(JSON.parse(list.stdout)).toMatchObject({ name: 'edge-1', role: 'predictor' });
    await uninstall('edge-1');
    expect((await installAgent()).code).toBe(0);
    expect(read(CREDENTIAL)).not.toBe(password);
  });

  it('takes no name of another role', async () => {
    const { installAgent, installBroker, root } = setUp();
    await installBroker();
    const store = join(root, 'var/lib/echolot-broker/store');
    await runCli(['identity', 'add', 'edge-1', '--role', 'client', '--store', store]);
    const { code, stderr } = await installAgent();
    expect([code, stderr]).toEqual([78, expect.stringContaining('edge-1 is a client')]);
    expect(existsSync(join(root, CREDENTIAL))).toBe(false);
  });

  it('says what it would do, without the secret, and does nothing', async () => {
    const { installAgent, root } = setUp();
    const args = ['--password-file', passwordFile('hidden-word'), '--dry-run'];
    const { code, stdout } = await installAgent(...args);
    expect(code).toBe(0);
    expect(stdout).toContain(`would write ${join(root, CREDENTIAL)} (secret, for root alone)\n`);
    expect(stdout).not.toContain('hidden-word');
    expect(readdirSync(root)).toEqual([]);
  });

  it.each([
    [['--password-file', '/nowhere/x'], 'the file /nowhere/x of --password-file cannot be read'],
    [[], 'neither a password nor a certificate'],
    [['--model', '/home/me/pump'], '/home/me/pump of --model lies in a home'],
  ])('refuses %j, with a remedy and nothing written', async (args, message) => {
    const { installAgent, root } = setUp();
    const password = args[0] === '--model' ? ['--password-file', passwordFile()] : [];
    const { code, stderr } = await installAgent(...args, ...password);
    expect([code, stderr]).toEqual([78, expect.stringContaining(`error: `)]);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^hint: ./m);
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('echolot service uninstall', () => {
  it('leaves nothing but settings and data, and not even these with --purge', async () => {
    const { installAgent, installBroker, root, uninstall } = setUp();
    await installBroker('--tls-port', '8883');
    await installAgent();
    expect((await uninstall()).code).toBe(0);
    const left = filesOf(root).map((path) => path.slice(root.length + 1));
    for (const path of left) expect(path).toMatch(/^(etc\/echolot|var\/lib\/echolot-broker)\//);
    expect(left).toContain('etc/echolot/broker.env');
    expect((await uninstall('--purge')).code).toBe(0);
    expect(filesOf(root)).toEqual([]);
    expect((await uninstall('--dry-run')).stdout).toContain('systemctl');
  });
});

describe('echolot service status and logs', () => {
  /** A program that tells its arguments and ends with 3. */
  function fake(program: string): Record<string, string> {
    const folder = makeFolder();
    writeFileSync(join(folder, program), '#!/bin/sh\necho "$@" > "$0.args"\nexit 3\n');
    chmodSync(join(folder, program), 0o755);
    return { PATH: `${folder}:${process.env['PATH']}`, FAKE: join(folder, `${program}.args`) };
  }

  it('ask systemd, and end as its programs do', async () => {
    const systemctl = fake('systemctl');
    expect((await runCli(['service', 'status'], { env: systemctl })).code).toBe(3);
    expect(readFileSync(systemctl['FAKE'] ?? '', 'utf8')).toBe(
      'status --no-pager --lines=3 echolot.target echolot-broker.service echolot-agent@*.service\n',
    );
    const journalctl = fake('journalctl');
    const logs = ['service', 'logs', 'edge-1', '--follow', '--lines', '7'];
    expect((await runCli(logs, { env: journalctl })).code).toBe(3);
    expect(readFileSync(journalctl['FAKE'] ?? '', 'utf8')).toBe(
      '--no-pager --lines=7 --follow --unit=echolot-agent@edge-1.service\n',
    );
  });

  it('are for people where they want it', async () => {
    const folder = makeFolder();
    const time = 1_795_276_250_996;
    const detail = 'long '.repeat(1000);
    const line = JSON.stringify({ level: 40, time, msg: 'broker unreachable', detail });
    const entry = (MESSAGE: string | null) =>
      JSON.stringify({ MESSAGE, _SYSTEMD_UNIT: 'echolot-agent@edge-1.service' });
    // As journalctl does with a field over 4096 bytes.
    const script = `#!/bin/sh
echo "$@" >&2
case " $* " in *" --all "*) echo '${entry(line)}';; *) echo '${entry(null)}';; esac
exit 4
`;
    writeFileSync(join(folder, 'journalctl'), script, { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env['PATH']}` };
    const { code, stderr, stdout } = await runCli(['service', 'logs', 'edge-1', '--pretty'], {
      env,
    });
    expect(code).toBe(4);
    expect(stderr).toBe(
      '--no-pager --lines=50 --unit=echolot-agent@edge-1.service --output=json --all\n',
    );
    expect(stdout).toMatch(
      /^2026-\d\d-\d\d \S+ edge-1 warning broker unreachable detail="(long ){1000}"\n$/,
    );
    const missing = await runCli(['service', 'logs', '--pretty'], { env: { PATH: makeFolder() } });
    expect([missing.code, missing.stderr]).toEqual([69, expect.stringContaining('cannot be run')]);
  });

  it('say what is missing where there is no systemd', async () => {
    const { code, stderr } = await runCli(['service', 'status'], { env: { PATH: makeFolder() } });
    expect([code, stderr]).toEqual([69, expect.stringContaining('systemctl cannot be run')]);
  });
});

describe('echolot service restart', () => {
  /** A systemctl that lists three agents, one of them stopped, and notes what it restarts. */
  function scripted(restart: string) {
    const folder = makeFolder();
    const units = ['edge-1', 'edge-2', 'edge-3'].map(
      (name) =>
        `echolot-agent@${name}.service loaded ${name === 'edge-2' ? 'in' : ''}active dead x`,
    );
    const script = `#!/bin/sh
case "$1" in
list-units) cat <<'END'
${units.join('\n')}
END
;;
restart) echo "$2" >> "$0.restarted"; ${restart} ;;
esac
`;
    const path = join(folder, 'systemctl');
    writeFileSync(path, script, { mode: 0o755 });
    return {
      run: (...args: string[]) =>
        runCli(['service', 'restart', ...args], {
          env: { PATH: `${folder}:${process.env['PATH']}` },
        }),
      restarted: () =>
        existsSync(`${path}.restarted`) ? readFileSync(`${path}.restarted`, 'utf8') : '',
    };
  }

  it('restarts those that serve, one after the other', async () => {
    const { restarted, run } = scripted('exit 0');
    const dry = await run('--dry-run');
    expect([dry.code, restarted()]).toEqual([0, '']);
    expect(dry.stdout).toContain('would run systemctl restart echolot-agent@edge-1.service\n');
    const { code, stdout } = await run();
    expect(code).toBe(0);
    expect(restarted()).toBe('echolot-agent@edge-1.service\necholot-agent@edge-3.service\n');
    expect(stdout).toBe(
      'edge-2 is inactive: left as it is\nedge-1 is restarted and ready (1 of 2)\nedge-3 is restarted and ready (2 of 2)\n',
    );
  });

  it.each([
    ['exit 1', 1, 'edge-1 did not start; not restarted: edge-3'],
    ['exec sleep 60', 75, 'edge-1 is not ready yet; not restarted: edge-3'],
  ])('stops at one that does not come back (%s)', async (restart, code, message) => {
    const { restarted, run } = scripted(restart);
    const ended = await run('--timeout', '1');
    expect([ended.code, restarted()]).toEqual([code, 'echolot-agent@edge-1.service\n']);
    expect(ended.stderr).toContain(`error: ${message}\nhint: "echolot service logs edge-1"`);
  });

  it('takes names, and nothing that is none', async () => {
    const { restarted, run } = scripted('exit 0');
    for (const name of ['edge-2', 'edge-7']) {
      const { code, stderr } = await run('edge-1', name);
      expect([code, restarted()]).toEqual([69, '']);
      expect(stderr).toContain(`error: the agent ${name} does not run on this machine`);
    }
    expect((await run('edge-3', 'edge-1')).code).toBe(0);
    expect(restarted()).toBe('echolot-agent@edge-3.service\necholot-agent@edge-1.service\n');
    expect((await run('../x')).code).toBe(64);
    expect((await run('--timeout', '0')).code).toBe(64);
    const missing = await runCli(['service', 'restart'], { env: { PATH: makeFolder() } });
    expect([missing.code, missing.stderr]).toEqual([69, expect.stringContaining('cannot be run')]);
  });
});
