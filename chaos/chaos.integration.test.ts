// One seed of chaos on each broker, through the built command: nothing lost, nothing wrong, nothing told twice.
import { afterAll, describe, expect, it } from 'vitest';
import { cleanUp, runCli, startCli } from '../cli/run-cli.fixture.ts';
import type { ChaosReport } from './report.ts';

// Not after each: two run at once.
afterAll(cleanUp);

const SEED = '5';
const MINUTES = '0.4';

describe('echolot chaos', () => {
  it.concurrent.each(['mosquitto', 'embedded'])(
    'finds no reading lost, wrong or told twice on %s',
    async (broker) => {
      const args = ['chaos', '--seed', SEED, '--minutes', MINUTES, '--broker', broker, '--json'];
      const { code, stderr, stdout } = await runCli(args);
      expect(code, `${stdout}\n${stderr}`).toBe(0);
      const { faults, missing, verdict } = JSON.parse(stdout) as ChaosReport;
      expect(verdict.failures).toEqual([]);
      expect(verdict.predictions).toBeGreaterThan(verdict.handed / 2);
      const undone = faults.filter(({ done }) => done === 0).map(({ kind }) => kind);
      const withoutDisks = ['full-outbox', 'full-broker'];
      expect(undone).toEqual(missing.length > 0 ? withoutDisks : []);
    },
    240_000,
  );

  it('prints the plan of a seed and does nothing', async () => {
    const args = ['chaos', '--seed', SEED, '--minutes', '0.5', '--plan'];
    const [one, other] = await Promise.all([runCli(args), runCli(args)]);
    expect(one).toEqual(other);
    expect(one.code).toBe(0);
    expect(one.stdout).toMatch(/^plan of seed 5: \d+ steps in 30\.0 s\n.*kill-broker/s);
  });

  it.each([
    ['at its start', /^starting embedded/m],
    ['under way', /of 60 s: \d+ told/],
  ])('is stopped by Ctrl-C %s, and judges nothing', async (_, moment) => {
    const cli = startCli(['chaos', '--seed', SEED, '--broker', 'embedded']);
    await cli.says(moment);
    cli.kill('SIGINT');
    const { code, stderr, stdout } = await cli.ended;
    expect(code).toBe(75);
    expect(stderr).toContain('the run was stopped: nothing was judged');
    expect(stdout).toBe('');
  });

  it('refuses a length that is none', async () => {
    const { code, stderr } = await runCli(['chaos', '--minutes', 'many']);
    expect(code).toBe(64);
    expect(stderr).toContain('Expected minutes, from 0.2 to 1440.');
  });
});
