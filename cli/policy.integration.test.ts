import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, makeFolder, runCli } from './run-cli.fixture.ts';

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
