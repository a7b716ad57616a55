import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkClock, checkDisk, checkLibraries, checkNode } from './doctor-machine.ts';

describe('the doctor, of Node', () => {
  it.each([
    ['18.20.4', 'failed'],
    ['20.9.0', 'failed'],
    ['20.19.0', 'warning'],
    ['22.12.0', 'ok'],
    ['24.1.0', 'ok'],
    ['100.0.0', 'ok'],
  ])('%s: %s', (version, result) => {
    expect(checkNode(version)).toMatchObject({ check: 'node', result });
  });
});

describe('the doctor, of libraries', () => {
  it.each([
    ['a clone', false, 'Install again on this machine ("npm ci"); '],
    [
      "Debian's package",
      true,
      'Install again on this machine ("apt-get install --reinstall echolot"); ',
    ],
  ])('names one that cannot be loaded, why, and what to do with %s', async (_, isDebian, how) => {
    const load = async (name: string) => {
      if (name === 'classic-level') throw new Error('wrong ELF class');
    };
    expect(await checkLibraries(load, isDebian)).toMatchObject({
      result: 'failed',
      detail: 'classic-level cannot be loaded: wrong ELF class',
      remedy: expect.stringContaining(how),
    });
  });

  it('finds those of this machine in order', async () => {
    expect((await checkLibraries()).result).toBe('ok');
  });
});

describe('the doctor, of the clock', () => {
  const now = Date.now();

  it('is content with one that nobody contradicts', () => {
    expect(checkClock(now, [now - 30_000, now + 1000], 'yes').result).toBe('ok');
    expect(checkClock(now, [], '').result).toBe('ok');
  });

  it('sees one that is before the installation', () => {
    expect(checkClock(0, [], 'yes')).toMatchObject({
      result: 'failed',
      detail: expect.stringContaining('1970-01-01'),
    });
  });

  it('sees one that is behind what another agent has written', () => {
    expect(checkClock(now, [now - 5000, now + 120_000], 'yes')).toMatchObject({
      result: 'failed',
      detail: expect.stringContaining('120 s later'),
    });
  });

  it('warns of one that nobody keeps', () => {
    expect(checkClock(now, [], 'no')).toMatchObject({ result: 'warning' });
  });
});

describe('the doctor, of the disk', () => {
  it('takes a folder that is still to be made', () => {
    const folder = join(tmpdir(), 'echolot-not-yet', 'made');
    expect(checkDisk(folder)).toMatchObject({
      check: 'disk',
      detail: expect.stringMatching(/^\d+ MiB free for /),
    });
  });

  it('does not take a place where nothing can be written', () => {
    expect(checkDisk('/proc/echolot')).toMatchObject({ check: 'disk', result: 'failed' });
  });
});
