import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSettings, unknownVariables } from './config.ts';
import { CliError } from './errors.ts';
import { SETTINGS } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'echolot-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function settingsFile(content: unknown): string {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function failure(work: () => unknown): CliError {
  try {
    work();
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('precedence', () => {
  const config = settingsFile({ port: 1001, host: 'from-file', namespace: 'file' });

  it('takes a flag over the environment over the file over the default', () => {
    const env = { ECHOLOT_CONFIG: config, ECHOLOT_PORT: '1002', ECHOLOT_NAMESPACE: 'env' };
    const settings = loadSettings('broker', { flags: { port: '1003' }, env });
    expect(settings).toMatchObject({
      port: 1003,
      namespace: 'env',
      host: 'from-file',
      wsPort: 9001,
    });
  });

  it('takes the file named by the flag over the one named by the environment', () => {
    const other = settingsFile({ port: 7 });
    const env = { ECHOLOT_CONFIG: config };
    expect(loadSettings('broker', { flags: { config: other }, env }).port).toBe(7);
  });

  it('treats an empty variable as none', () => {
    expect(loadSettings('broker', { flags: {}, env: { ECHOLOT_PORT: '' } }).port).toBe(1883);
  });

  it('keeps the identities where XDG_STATE_HOME says, else below the home folder', () => {
    const env = { XDG_STATE_HOME: '/var/state' };
    expect(loadSettings('store', { flags: {}, env }).store).toBe('/var/state/echolot');
    const fallback = loadSettings('store', { flags: {}, env: {} }).store;
    expect(fallback).toMatch(/\/\.local\/state\/echolot$/);
  });

  it('keeps what an agent computes where systemd gives it a folder, else beside the identities', () => {
    const env = { XDG_STATE_HOME: '/var/state', STATE_DIRECTORY: '/var/lib/echolot:/other' };
    expect(loadSettings('agent', { flags: {}, env }).stateDir).toBe('/var/lib/echolot');
    const { stateDir } = loadSettings('agent', { flags: {}, env: { ...env, STATE_DIRECTORY: '' } });
    expect(stateDir).toBe('/var/state/echolot');
  });

  it.each(['0', '1.5', '3601', 'soon'])('refuses a time-out of %s for a run', (text) => {
    const env = { ECHOLOT_INFERENCE_TIMEOUT: text };
    expect(() => loadSettings('agent', { flags: {}, env })).toThrow('from 1 to 3600');
  });

  it.each(['0', '65', '1.5', 'all'])('refuses %s workers', (text) => {
    const env = { ECHOLOT_WORKERS: text };
    expect(() => loadSettings('agent', { flags: {}, env })).toThrow('from 1 to 64, or auto');
  });

  it('says less at a terminal than in a service, unless told otherwise', () => {
    const none = { flags: {}, env: {} };
    expect(loadSettings('client', none).logLevel).toBe('warn');
    expect(loadSettings('agent', none).logLevel).toBe('info');
    const env = { ECHOLOT_LOG_LEVEL: 'debug' };
    expect(loadSettings('client', { flags: {}, env }).logLevel).toBe('debug');
  });

  it('gives a frozen object with the settings of its kind alone', () => {
    const settings = loadSettings('store', { flags: { port: 'x' }, env: { ECHOLOT_PORT: 'x' } });
    expect(Object.keys(settings)).toEqual(['store']);
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it('reads nothing from the process itself', () => {
    process.env['ECHOLOT_PORT'] = '4242';
    try {
      expect(loadSettings('broker', { flags: {}, env: {} }).port).toBe(1883);
    } finally {
      delete process.env['ECHOLOT_PORT'];
    }
  });
});

describe('formats', () => {
  it.each([
    ['port', '1883abc'],
    ['port', '65536'],
    ['port', '-1'],
    ['port', '1e3'],
    ['port', ' 1883'],
    ['port', 'no'],
    ['wsPort', 'no'],
    ['namespace', 'a/b'],
    ['namespace', '+'],
    ['host', 'a b'],
    ['logLevel', 'loud'],
    ['group', ''],
  ])('refuses %s = %j given by a flag with exit 64', (name, value) => {
    const error = failure(() => loadSettings('broker', { flags: { [name]: value }, env: {} }));
    expect(error.exitCode).toBe(64);
    expect(error.message).toContain(`${SETTINGS[name as keyof typeof SETTINGS].flag}: expected`);
    expect(error.message).toContain(value);
  });

  it.each([
    'http://broker',
    'broker:1883',
    'mqtt://',
    'mqtt://user:secret@broker',
    'mqtts://user@broker',
    'mqtt://:secret@broker',
  ])('refuses the broker address %s', (brokerUrl) => {
    const error = failure(() => loadSettings('client', { flags: { brokerUrl }, env: {} }));
    expect(error.message).toContain('--broker-url: expected mqtt://HOST:PORT');
  });

  it.each(['mqtt://broker', 'mqtts://[::1]:8883', 'ws://broker/mqtt', 'wss://broker:443'])(
    'takes the broker address %s',
    (brokerUrl) => {
      expect(loadSettings('client', { flags: { brokerUrl }, env: {} }).brokerUrl).toBe(brokerUrl);
    },
  );

  it('turns off the WebSocket port by the word alone', () => {
    expect(loadSettings('broker', { flags: {}, env: { ECHOLOT_WS_PORT: 'off' } }).wsPort).toBe(
      'off',
    );
  });

  it('names the variable that is wrong, with exit 78', () => {
    const error = failure(() =>
      loadSettings('broker', { flags: {}, env: { ECHOLOT_PORT: '1883abc' } }),
    );
    expect(error.exitCode).toBe(78);
    expect(error.message).toBe(
      'ECHOLOT_PORT: expected a port from 0 to 65535 (0 takes a free one), got "1883abc"',
    );
  });

  it('names the file and the key that are wrong, with exit 78', () => {
    const config = settingsFile({ port: true });
    const error = failure(() => loadSettings('broker', { flags: { config }, env: {} }));
    expect(error.exitCode).toBe(78);
    expect(error.message).toContain(`"port" in ${config}: expected a port`);
  });

  it('refuses null for what must have a value', () => {
    const config = settingsFile({ port: null });
    const error = failure(() => loadSettings('broker', { flags: { config }, env: {} }));
    expect(error.message).toContain('expected a port');
  });

  it('names everything that is wrong at once', () => {
    const env = { ECHOLOT_PORT: 'x', ECHOLOT_HOST: 'a b' };
    const { message } = failure(() => loadSettings('broker', { flags: {}, env }));
    expect(message).toContain('ECHOLOT_PORT');
    expect(message).toContain('ECHOLOT_HOST');
  });
});

describe('the settings file', () => {
  it('may hold settings of other processes', () => {
    const config = settingsFile({ port: 5, clientId: 'dev-1' });
    expect(loadSettings('broker', { flags: { config }, env: {} }).port).toBe(5);
  });

  it('is refused with a name that no process knows, and the nearest is offered', () => {
    const config = settingsFile({ prot: 5 });
    const error = failure(() => loadSettings('broker', { flags: { config }, env: {} }));
    expect(error.message).toContain('unknown setting "prot"');
    expect(error.remedy).toBe('Did you mean "port"?');
    expect(error.exitCode).toBe(78);
  });

  it.each(['', 'no json', '[1]', 'null'])('is refused where it holds %j', (content) => {
    const config = settingsFile(content);
    const error = failure(() => loadSettings('broker', { flags: { config }, env: {} }));
    expect(error.message).toContain(config);
    expect(error.exitCode).toBe(78);
  });

  it('is refused where it is missing', () => {
    const config = join(folder, 'missing.json');
    const error = failure(() => loadSettings('broker', { flags: { config }, env: {} }));
    expect(error.message).toContain('ENOENT');
  });
});

describe('unknown variables', () => {
  it('are found, with the name that was meant', () => {
    const env = {
      ECHOLOT_BROKER_URI: 'x',
      ECHOLOT_PORT: '1',
      ECHOLOT_SOMETHING_VERY_DIFFERENT: 'x',
      PATH: '',
    };
    expect(unknownVariables(env)).toEqual([
      { name: 'ECHOLOT_BROKER_URI', meant: 'ECHOLOT_BROKER_URL' },
      { name: 'ECHOLOT_SOMETHING_VERY_DIFFERENT', meant: null },
    ]);
  });
});
