import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../bus/mosquitto.fixture.ts';
import { packageVersion } from './package-root.ts';
import { cleanUp, makeFolder, runCli } from './run-cli.fixture.ts';

afterEach(cleanUp);

const COMMANDS =
  'up broker agent classify outbox replay watch identity model policy service doctor chaos'.split(
    ' ',
  );

describe('help', () => {
  it('is given on standard output, with every command and examples', async () => {
    const { code, stderr, stdout } = await runCli(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    expect(stdout).toContain('Examples:');
  });

  it.each(COMMANDS)('of %s has examples', async (command) => {
    const { code, stdout } = await runCli([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: echolot ${command}`);
    expect(stdout).toContain('Examples:');
  });

  it('names the variable and the default of a flag', async () => {
    const { stdout } = await runCli(['agent', '--help']);
    const text = stdout.replace(/\s+/g, ' ');
    expect(text).toContain('env ECHOLOT_BROKER_URL, default mqtt://127.0.0.1:1883');
  });

  it('prints the version', async () => {
    expect(await runCli(['--version'])).toMatchObject({ code: 0, stdout: `${packageVersion()}\n` });
  });
});

describe('a wrong command line', () => {
  it('is one with a flag that would have no effect', async () => {
    const args = [
      'up',
      '--demo',
      '--port',
      '0',
      '--inference',
      'process',
      '--data-dir',
      'x',
      '--pretty',
    ];
    const { code, stderr, stdout } = await runCli(args);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(
      'error: --data-dir, --inference, --pretty cannot be given with --demo',
    );
  });

  it.each([
    [['brokre'], 'Did you mean broker?'],
    [['broker', '--prot', '1'], 'Did you mean --port?'],
    [['broker', 'extra'], 'too many arguments'],
    [['identity', 'rotate'], "missing required argument 'name'"],
    [['identity', 'add', 'a', '--role', 'king'], 'known are client, predictor'],
    [['agent', '--keep-session', '--leave'], 'cannot be used with'],
    [
      ['model', 'pack', '--onnx', 'x', '--labels', 'a,b', '--version', '1.0.1'],
      "unknown option '--version'",
    ],
  ])('ends %j with exit 64 and says why', async (args, why) => {
    const { code, stderr, stdout } = await runCli(args);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toContain(why);
    expect(stderr).toMatch(/^hint: see echolot .*--help$/m);
  });

  it('that names no command shows the help on standard error, with exit 64', async () => {
    const { code, stderr, stdout } = await runCli([]);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('Usage: echolot');
  });

  it('with a wrong value names the flag', async () => {
    const { code, stderr } = await runCli(['broker', '--port', '1883abc']);
    expect(code).toBe(64);
    expect(stderr).toContain('error: --port: expected a port from 0 to 65535');
    expect(stderr).toContain('hint: ');
  });
});

describe('the environment', () => {
  it('with a wrong value ends a command with exit 78 and names the variable', async () => {
    const { code, stderr } = await runCli(['agent'], { env: { ECHOLOT_PROTOCOL: '4' } });
    expect(code).toBe(78);
    expect(stderr).toContain('ECHOLOT_PROTOCOL: expected one of auto, 3.1.1, 5, got "4"');
  });

  it('with an unknown variable of ours is warned of, once, with the nearest name', async () => {
    const env = { ECHOLOT_BROKER_URI: 'mqtt://x', ECHOLOT_STORE: makeFolder() };
    const { code, stderr } = await runCli(['identity', 'list'], { env });
    expect(code).toBe(0);
    const warning =
      'warning: unknown variable ECHOLOT_BROKER_URI; did you mean ECHOLOT_BROKER_URL?';
    expect(stderr.split(warning)).toHaveLength(2);
  });
});

describe('an agent', () => {
  it('ends with exit 70 where the model folder is missing', async () => {
    const model = join(makeFolder(), 'nothing');
    const { code, stderr } = await runCli(['agent', '--agent-id', 'a', '--model', model]);
    expect(code).toBe(70);
    expect(stderr).toContain(`error: the bundle ${model} is refused`);
    expect(stderr).toContain('hint: ');
  });

  it('ends with exit 78 where the password file is missing or empty', async () => {
    const path = join(makeFolder(), 'password');
    const args = ['agent', '--agent-id', 'a', '--password-file', path];
    const missing = await runCli(args);
    expect(missing.code).toBe(78);
    expect(missing.stderr).toContain(`the file ${path} of --password-file cannot be read (ENOENT)`);
    writeFileSync(path, '\n', { mode: 0o600 });
    const empty = await runCli(args);
    expect(empty.code).toBe(78);
    expect(empty.stderr).toContain(`the password file ${path} is empty`);
  });
});

describe('classify', () => {
  it('ends with exit 69 where there is no broker', async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    const args = ['classify', '--client-id', 'dev-1', '--broker-url', url, '0.1', '0.2'];
    const { code, stderr, stdout } = await runCli(args);
    expect([code, stdout]).toEqual([69, '']);
    expect(stderr).toContain('error: NOT_CONNECTED');
  });

  it.each([
    ['--file', '/nowhere/reading.json'],
    ['--csv', '/nowhere/in.csv', '--out', '/nowhere/out.csv'],
  ])('ends with exit 78 where a file is missing: %s', async (...flags) => {
    const { code, stderr } = await runCli(['classify', '--client-id', 'dev-1', ...flags]);
    expect(code).toBe(78);
    expect(stderr).toMatch(/nowhere.*\nhint: /);
  });

  it('asks who is asking', async () => {
    const { code, stderr } = await runCli(['classify', '0.1']);
    expect(code).toBe(64);
    expect(stderr).toContain('nobody is named as who asks');
    expect(stderr).toContain('--client-id');
  });

  it('says which value is no number, before it asks a broker', async () => {
    const { code, stderr } = await runCli(['classify', '--client-id', 'dev-1', '0.1', 'O.2']);
    expect(code).toBe(1);
    expect(stderr).toContain('error: VALUES_NOT_NUMBERS: expected a number as value 1, got "O.2"');
  });

  it('warns of a password file that others may read', async () => {
    const path = join(makeFolder(), 'password');
    writeFileSync(path, 'secret\n');
    chmodSync(path, 0o644);
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    const args = ['--client-id', 'dev-1', '--broker-url', url, '--password-file', path, '0.1'];
    const { stderr } = await runCli(['classify', ...args]);
    expect(stderr).toContain('warning: others may read the password file');
    expect(stderr).not.toContain('secret');
  });
});
