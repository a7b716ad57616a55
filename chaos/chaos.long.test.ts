// Twenty seeds of one minute on each broker, two at a time: zero lost, zero wrong, zero told twice.
import { afterAll, describe, expect, it } from 'vitest';
import { cleanUp, runCli } from '../cli/run-cli.fixture.ts';

afterAll(cleanUp);

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);

describe.each(SEEDS)('seed %i', (seed) => {
  it.concurrent.each(['mosquitto', 'embedded'])(
    'loses nothing on %s',
    async (broker) => {
      const args = ['chaos', '--seed', String(seed), '--minutes', '1', '--broker', broker];
      const { code, stderr, stdout } = await runCli(args);
      console.log(stdout);
      expect(code, `${stdout}\n${stderr}`).toBe(0);
    },
    300_000,
  );
});
