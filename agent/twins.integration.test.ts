// Two agents with one id throw each other out; one of them ends, says why, and leaves the other in peace.
import { afterEach, describe, expect, it } from 'vitest';
import { startAsking } from './adoption.fixture.ts';
import type { Agent } from './agent.ts';
import { type Serving, startServing } from './serving.fixture.ts';

let serving: Serving;

afterEach(() => serving.stop());

/** The agent that ended first, and why. */
async function firstToEnd(agents: readonly Agent[]): Promise<{ agent: Agent; error: unknown }> {
  return Promise.race(
    agents.map(async (agent) => {
      const error = await agent.failed.catch((reason: unknown) => reason);
      return { agent, error };
    }),
  );
}

describe.each([
  ['mosquitto', '5'],
  ['mosquitto', '3.1.1'],
  ['embedded', '3.1.1'],
] as const)('two agents with one id on %s with MQTT %s', (kind, protocol) => {
  it('part: one ends with 78 and names the id, the other goes on', async () => {
    serving = await startServing(kind);
    const twins = [
      await serving.startAgent('edge-1', { protocol }),
      await serving.startAgent('edge-1', { protocol }),
    ];
    const { agent, error } = await firstToEnd(twins);
    expect(error).toMatchObject({
      code: 'AGENT_ID_TAKEN',
      exitCode: 78,
      message: expect.stringContaining('edge-1'),
      remedy: expect.stringContaining('--agent-id'),
    });
    await agent.stop();
    await twins.find((twin) => twin !== agent)?.ready;
    const asking = await startAsking(serving);
    await asking.ask(20);
    await asking.allAnswered();
  });
});

describe('an agent', () => {
  it('whose broker restarts again and again does not take that for a twin', async () => {
    serving = await startServing('mosquitto', ['persistence true']);
    const agent = await serving.agent('edge-1');
    let failure: unknown = null;
    agent.failed.catch((error: unknown) => {
      failure = error;
    });
    for (let round = 0; round < 6; round += 1) {
      await serving.restartBroker();
      const asking = await startAsking(serving);
      await asking.untilOnline('edge-1');
    }
    expect(failure).toBeNull();
  });
});
