// Adoption on real brokers: what an agent that died had in hand and in its queue is answered by a peer.
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeStats } from '../schemas/encode.ts';
import { hasSession, QUICK, startAsking, startVictim } from './adoption.fixture.ts';
import { rendezvousHash } from './adoption.ts';
import { heldClassifier } from './held-classifier.fixture.ts';
import { Inbox, type Serving, startServing } from './serving.fixture.ts';
import { statusOf } from './status.fixture.ts';

let serving: Serving;
const victims: { die(): void }[] = [];

afterEach(async () => {
  for (const victim of victims.splice(0)) victim.die();
  await serving.stop();
});

async function victim(...args: Parameters<typeof startVictim>) {
  const started = await startVictim(...args);
  victims.push(started);
  return started;
}

async function adopter(
  id: string,
  more: Parameters<Serving['startAgent']>[2] = {},
  bus: Parameters<Serving['startAgent']>[1] = {},
) {
  const agent = await serving.startAgent(id, bus, { adoption: QUICK, ...more });
  await Promise.race([agent.ready, agent.failed]);
  return agent;
}

/** The first id of a row that is as wanted. */
function idWhere(isWanted: (id: string) => boolean): string {
  return Array.from({ length: 100 }, (_, index) => `rival-${index}`).find(isWanted) as string;
}

/** A log whose messages can be waited for. */
function logTo() {
  const messages: string[] = [];
  let wake = () => {};
  const write = (line: string) => {
    messages.push(JSON.parse(line).msg);
    wake();
  };
  const count = (text: string) => messages.filter((message) => message === text).length;
  return {
    log: pino({ level: 'info' }, { write }),
    count,
    async until(text: string): Promise<void> {
      while (count(text) === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

describe.each(['3.1.1', '5'] as const)('a peer on Mosquitto with MQTT %s', (protocol) => {
  it('answers what a dead agent had in hand and in its queue, and takes it out of the group', async () => {
    serving = await startServing('mosquitto');
    const peer = await adopter('edge-1', {}, { protocol });
    const asking = await startAsking(serving);
    const dead = await victim(serving, 'edge-9', { protocolVersion: protocol === '5' ? 5 : 4 });
    await asking.ask(60);
    dead.die();
    await asking.ask(20);
    await asking.allAnswered();
    const { adopter: by, epoch, readings } = await asking.heard('edge-9', 'finished');
    expect({ by, epoch, readings }).toEqual({ by: 'edge-1', epoch: 'first life', readings: 40 });
    expect(new Set(asking.announced().map(({ state }) => state))).toEqual(
      new Set(['started', 'finished']),
    );
    // The group has one member again.
    await asking.ask(20);
    await asking.allAnswered();
    expect(await hasSession(serving.url, 'edge-9')).toBe(protocol === '3.1.1');
    const stats = new Inbox(asking.operator);
    await asking.operator.subscribeAsync('echolot/v1/agents/edge-1/stats');
    await peer.stop();
    const counts = await stats.until((all) =>
      all.some(({ payload }) => decodeStats(payload)?.adoptions?.finished === 1),
    );
    const last = decodeStats(counts.at(-1)?.payload ?? Buffer.alloc(0));
    expect(last?.adoptions).toEqual({
      started: 1,
      finished: 1,
      stopped: 0,
      failed: 0,
      readings: 40,
    });
    expect(last).toMatchObject({ received: 100, answered: 100, inHand: 0 });
  });
});

describe('adoption on Mosquitto', () => {
  it('stops when the owner comes back in the middle, which then serves all that is left', async () => {
    serving = await startServing('mosquitto');
    const held = await heldClassifier();
    await adopter('edge-1', { classifiers: [held.classifier] });
    const asking = await startAsking(serving);
    const dead = await victim(serving, 'edge-9');
    await asking.ask(60);
    await asking.answeredBy('edge-1', 30);
    held.hold();
    dead.die();
    await asking.heard('edge-9', 'started');
    await held.asked();
    const owner = await serving.startAgent('edge-9', {}, { adoption: { graceMs: 0 } });
    await owner.ready;
    const { reason } = await asking.heard('edge-9', 'stopped');
    expect(reason).not.toBe('');
    await asking.ask(10);
    held.release();
    await asking.allAnswered();
    await asking.answeredBy('edge-9', 30);
    expect(new Set(asking.announced().map(({ state }) => state))).toEqual(
      new Set(['started', 'stopped']),
    );
  });

  it('is left to a rival that has precedence, and tried again when that does not come to it', async () => {
    serving = await startServing('mosquitto');
    const asking = await startAsking(serving);
    const absent = { agent: 'edge-9', epoch: 'first life' };
    const rival = idWhere((id) => rendezvousHash(id, absent) > rendezvousHash('edge-1', absent));
    await adopter('edge-1', { adoption: { ...QUICK, rivalMs: 60_000 } });
    const dead = await victim(serving, 'edge-9');
    await asking.ask(20);
    dead.die();
    await asking.heard('edge-9', 'started');
    await asking.announce(rival, absent);
    expect((await asking.heard('edge-9', 'stopped')).reason).toContain(rival);
    await asking.heardUntil((all) => {
      const own = all.filter(({ adopter: by }) => by === 'edge-1').map(({ state }) => state);
      return own.indexOf('started', own.indexOf('stopped')) > 0;
    });
  });

  it('is insisted on against a rival without precedence', async () => {
    serving = await startServing('mosquitto');
    const asking = await startAsking(serving);
    const absent = { agent: 'edge-9', epoch: 'first life' };
    const rival = idWhere((id) => rendezvousHash(id, absent) < rendezvousHash('edge-1', absent));
    await adopter('edge-1', { adoption: { ...QUICK, rivalMs: 1000 } });
    const dead = await victim(serving, 'edge-9');
    await asking.ask(20);
    dead.die();
    await asking.heard('edge-9', 'started');
    await asking.announce(rival, absent);
    await asking.allAnswered();
    await asking.heard('edge-9', 'finished');
    const own = asking.announced().filter(({ adopter: by }) => by === 'edge-1');
    expect(own.map(({ reason }) => reason)).toContain('we have precedence');
    expect(own.at(-1)?.state).toBe('finished');
  });

  it('by two that do not know of each other loses nothing', async () => {
    serving = await startServing('mosquitto');
    const asking = await startAsking(serving);
    const dead = await victim(serving, 'edge-9');
    await asking.ask(200);
    dead.die();
    const absent = { agent: 'edge-9', epoch: 'first life' };
    const hash = (id: string) => rendezvousHash(id, absent);
    const [first = '', second = ''] = ['edge-1', 'edge-2'].sort((one, other) =>
      hash(one) > hash(other) ? -1 : 1,
    );
    // The second in order waits for two graces: both are due at the same time, and look for no rival.
    const hasty = { quietMs: 200, rivalMs: 0 };
    await Promise.all([
      adopter(first, { adoption: { ...hasty, graceMs: 200 } }),
      adopter(second, { adoption: { ...hasty, graceMs: 100 } }),
    ]);
    await asking.allAnswered();
    await asking.heard('edge-9', 'finished');
  });

  it('does not follow from the late will of a former life', async () => {
    serving = await startServing('mosquitto');
    const asking = await startAsking(serving);
    await adopter('edge-1');
    await adopter('edge-2', { adoption: { graceMs: 0 } });
    const will = statusOf('edge-2', { state: 'offline', epoch: 'former life' });
    await asking.operator.publishAsync('echolot/v1/agents/edge-2/status', will, {
      qos: 1,
      retain: true,
    });
    // An absence that is real, and later, is the fence.
    const dead = await victim(serving, 'edge-9');
    dead.die();
    await asking.heard('edge-9', 'finished');
    expect(asking.announced().filter(({ agent }) => agent === 'edge-2')).toEqual([]);
  });

  it('follows where agent and broker died together, so that no will came', async () => {
    serving = await startServing('mosquitto', ['persistence true']);
    const first = await startAsking(serving);
    const dead = await victim(serving, 'edge-9', { will: false });
    await first.ask(20);
    dead.die();
    await serving.restartBroker();
    const peer = { ...QUICK, freshMs: 500 };
    await adopter('edge-1', { adoption: peer });
    const asking = await startAsking(serving);
    const { readings } = await asking.heard('edge-9', 'finished');
    expect(readings).toBe(20);
  });

  it('is given up, once and for all, where the broker gives everybody the id of its user', async () => {
    serving = await startServing('mosquitto', ['use_username_as_clientid true']);
    const asking = await startAsking(serving);
    const log = logTo();
    await adopter('edge-1', { log: log.log });
    // Nobody is there under this id; that is enough to be away.
    await asking.operator.publishAsync(
      'echolot/v1/agents/edge-9/status',
      statusOf('edge-9', { state: 'offline' }),
      { qos: 1, retain: true },
    );
    await log.until('adoption is off');
    await asking.ask(20);
    await asking.allAnswered();
    expect(log.count('adoption is off')).toBe(1);
    expect(log.count('adopting an agent that is away')).toBe(2);
  });
});

describe('adoption on the embedded broker', () => {
  it('finds nothing, for the group has it already, and harms nobody', async () => {
    serving = await startServing('embedded');
    await adopter('edge-1');
    const asking = await startAsking(serving);
    const dead = await victim(serving, 'edge-9', { protocolVersion: 4 });
    await asking.ask(60);
    dead.die();
    await asking.ask(20);
    await asking.allAnswered();
    expect((await asking.heard('edge-9', 'finished')).readings).toBe(0);
    const owner = await serving.agent('edge-9');
    await asking.ask(20);
    await asking.allAnswered();
    await owner.stop();
    await asking.ask(20);
    await asking.allAnswered();
  });
});
