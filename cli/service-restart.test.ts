import { describe, expect, it } from 'vitest';
import { chooseAgents, type RestartOutcome, readAgents, restartInTurn } from './service-restart.ts';

const LIST = `  echolot-agent@edge-1.service loaded active     running      Echolot agent edge-1
echolot-agent@edge-2.service loaded failed     failed       Echolot agent edge-2
echolot-agent@edge-3.service loaded activating auto-restart Echolot agent edge-3
echolot-agent@edge-4.service loaded active     running      Echolot agent edge-4
`;

function choose(named: readonly string[], list = LIST) {
  const said: string[] = [];
  return { names: chooseAgents(named, readAgents(list), (line) => said.push(line)), said };
}

function restart(names: readonly string[], outcomes: Record<string, RestartOutcome> = {}) {
  const said: string[] = [];
  const units: string[] = [];
  const work = () =>
    restartInTurn(names, {
      say: (line) => said.push(line),
      restart(unit) {
        units.push(unit);
        return outcomes[unit] ?? 'ready';
      },
    });
  return { said, units, work };
}

describe('a rolling restart', () => {
  it('is of the agents that serve, and says which it leaves alone', () => {
    expect(choose([])).toEqual({
      names: ['edge-1', 'edge-4'],
      said: ['edge-2 is failed: left as it is', 'edge-3 is activating: left as it is'],
    });
  });

  it('is of those that were named, each once, also of one that has failed', () => {
    expect(choose(['edge-2', 'edge-1', 'edge-2'])).toEqual({
      names: ['edge-2', 'edge-1'],
      said: [],
    });
  });

  it.each([
    ['edge-9', LIST, 'edge-1, edge-2, edge-3, edge-4'],
    [
      'edge-1',
      LIST.replace('edge-1.service loaded active  ', 'edge-1.service loaded inactive'),
      'edge-2, edge-3, edge-4',
    ],
    ['edge-1', '', 'none'],
  ])('starts nobody that does not run: %s', (name, list, running) => {
    expect(() => choose(['edge-4', name].slice(list === '' ? 1 : 0), list)).toThrow(
      expect.objectContaining({
        message: `the agent ${name} does not run on this machine, so nothing was restarted`,
        remedy: expect.stringContaining(`Those that run: ${running}. `) as string,
        exitCode: 69,
      }) as Error,
    );
  });

  it.each(['', LIST.replaceAll(' active ', ' inactive ')])('of nobody is an error', (list) => {
    expect(() => choose([], list)).toThrow('no agent serves on this machine');
  });

  it('is in turn', () => {
    const { said, units, work } = restart(['edge-1', 'edge-4']);
    work();
    expect(units).toEqual(['echolot-agent@edge-1.service', 'echolot-agent@edge-4.service']);
    expect(said).toEqual([
      'edge-1 is restarted and ready (1 of 2)',
      'edge-4 is restarted and ready (2 of 2)',
    ]);
  });

  it.each([
    ['failed', 1, 'b did not start; not restarted: c, d'],
    ['late', 75, 'b is not ready yet; not restarted: c, d'],
  ] as const)('goes no further where one is %s', (outcome, exitCode, message) => {
    const { said, units, work } = restart(['a', 'b', 'c', 'd'], {
      'echolot-agent@b.service': outcome,
    });
    expect(work).toThrow(expect.objectContaining({ message, exitCode }) as Error);
    expect([units.length, said.length]).toEqual([2, 1]);
  });
});
