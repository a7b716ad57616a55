import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, makeFolder, runCli, startCli } from './run-cli.fixture.ts';

afterEach(cleanUp);

function setUp() {
  const store = join(makeFolder(), 'store');
  const env = { ECHOLOT_STORE: store };
  const echolot = (...args: string[]) => runCli(args, { env });
  return { store, echolot };
}

describe('echolot policy show', () => {
  it('prints every right, as a table and as lines of JSON', async () => {
    const { echolot } = setUp();
    const { code, stderr, stdout } = await echolot('policy', 'show', '--namespace', 'sea');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ROLE +MAY +TOPIC\nclient +publish +sea\/v1\/readings\/\{self\}\/\+\n/);
    const json = await echolot('policy', 'show', '--json', '--group', 'g');
    const rows = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toHaveLength(stdout.trimEnd().split('\n').length - 1);
    expect(rows).toContainEqual({
      role: 'predictor',
      verb: 'receive',
      filter: '$share/g/echolot/v1/readings/+/{model}',
    });
  });
});

describe('echolot policy explain', () => {
  it.each([
    ['dev-1', 'publish', 'echolot/v1/readings/dev-1/sonar', 0, 'may publish'],
    ['dev-1', 'publish', 'echolot/v1/readings/dev-2/sonar', 1, 'may not publish'],
    ['dev-1', 'subscribe', 'echolot/v1/replies/+/+', 1, 'may not subscribe'],
    ['dev-1', 'receive', 'echolot/v1/replies/dev-1/sonar', 0, 'client receive {root}/replies'],
  ])('%s %s %s ends with %i', async (name, verb, topic, code, text) => {
    const { echolot } = setUp();
    await echolot('identity', 'add', 'dev-1', '--role', 'client');
    const ended = await echolot('policy', 'explain', name, verb, topic);
    expect([ended.code, ended.stderr]).toEqual([code, '']);
    expect(ended.stdout).toContain(text);
  });

  it.each([
    [['nobody', 'publish', 'a'], 78, 'no identity "nobody"'],
    [['dev-1', 'eat', 'a'], 64, 'Allowed choices are publish, subscribe, receive'],
  ])('of %j says what is wrong', async (args, code, text) => {
    const { echolot } = setUp();
    const ended = await echolot('policy', 'explain', ...args);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(text);
  });
});

describe('a policy file', () => {
  const AUDITOR = {
    version: 1,
    roles: [{ name: 'auditor' }],
    rules: [{ role: 'auditor', verb: 'receive', filter: '{root}/replies/+/+' }],
  };

  function withFile(content: unknown) {
    const { echolot, store } = setUp();
    const path = join(makeFolder(), 'extra.json');
    writeFileSync(path, JSON.stringify(content));
    return { echolot, store, path };
  }

  it('gives roles that identities may have, and rights that are shown and explained', async () => {
    const { echolot, path } = withFile(AUDITOR);
    const add = ['identity', 'add', 'aud-1', '--role', 'auditor'];
    const refused = await echolot(...add);
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain('auditor is no role');
    expect((await echolot(...add, '--policy', path)).code).toBe(0);
    const shown = await echolot('policy', 'show', '--policy', path);
    expect(shown.stdout).toMatch(/^auditor +receive +echolot\/v1\/replies\/\+\/\+$/m);
    const ask = ['policy', 'explain', 'aud-1', 'subscribe', 'echolot/v1/replies/+/sonar'];
    expect((await echolot(...ask)).code).toBe(1);
    const explained = await echolot(...ask, '--policy', path);
    expect(explained.code).toBe(0);
    expect(explained.stdout).toContain('"auditor receive {root}/replies/+/+"');
  });

  it('is enforced by the broker', async () => {
    const { echolot, path, store } = withFile(AUDITOR);
    const add = ['identity', 'add', 'aud-1', '--role', 'auditor', '--policy', path];
    const password = (await echolot(...add)).stdout.trimEnd();
    const env = { ECHOLOT_STORE: store, ECHOLOT_POLICY: path };
    const broker = startCli(['broker', '--port', '0', '--ws-port', 'off'], { env });
    const [, port] = await broker.says(/"port":(\d+)/);
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      clientId: 'aud-1',
      username: 'aud-1',
      password,
    });
    const grants = await client.subscribeAsync('echolot/v1/replies/+/+');
    expect(grants.map(({ qos }) => qos)).toEqual([0]);
    await expect(client.subscribeAsync('echolot/v1/readings/+/+')).rejects.toThrow();
    await client.endAsync(true);
  });

  it.each([
    ['policy', 'show'],
    ['policy', 'explain', 'dev-1', 'publish', 'a'],
    ['policy', 'render', 'mosquitto', '--out', '/nowhere/out'],
    ['broker', '--port', '0', '--ws-port', 'off'],
    ['identity', 'add', 'dev-1', '--role', 'client'],
  ])('that opens everything is refused by %s %s', async (...args) => {
    const rule = { role: 'client', verb: 'publish', filter: '#' };
    const { echolot, path } = withFile({ version: 1, rules: [rule] });
    const { code, stderr, stdout } = await echolot(...args, '--policy', path);
    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toMatch(/error: .*extra\.json: \/rules\/0: # would open every namespace/);
    expect(stderr).toMatch(/^hint: /m);
  });
});
