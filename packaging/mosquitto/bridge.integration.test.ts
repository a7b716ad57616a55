// The bridges that ship, between two real Mosquittos: every reading is answered once, also after an outage.
import { afterEach, describe, expect, it } from 'vitest';
import { VALUES } from '../../agent/serving.fixture.ts';
import { createClient } from '../../devices/client.ts';
import { type Site, startSite } from './bridge.fixture.ts';

const R = 'echolot/v1';
const REPLIES = `${R}/replies/buoy-7/+`;

let site: Site | null = null;

afterEach(async () => {
  await site?.stop();
  site = null;
});

async function start(...args: Parameters<typeof startSite>): Promise<Site> {
  site = await startSite(...args);
  return site;
}

const reading = (id: string) => JSON.stringify({ id, values: VALUES });

async function device(at: Site, name = 'buoy-7') {
  const { client, inbox } = await at.connect('edge', name, `${R}/replies/${name}/+`);
  return {
    inbox,
    publish: (id: string) =>
      client.publishAsync(`${R}/readings/${name}/sonar`, reading(id), { qos: 1 }),
  };
}

/** The ids and agents of answers, in the order in which they came. */
const answers = (messages: readonly { readonly payload: Buffer }[]) =>
  messages.map(({ payload }) => {
    const { agent, id, label } = JSON.parse(payload.toString()) as Record<string, string>;
    expect(['metal', 'rock']).toContain(label);
    return `${agent} ${id}`;
  });

const named = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `r-${from + i}`);
const by = (agent: string, ids: readonly string[]) => ids.map((id) => `${agent} ${id}`);

describe.each(['mqttv311', 'mqttv50'])('a bridge to agents at the centre, over %s', (version) => {
  const speaking = (bridge: string) => bridge.replace('mqttv311', version);

  it('has a device at the edge answered, and shows it who serves', async () => {
    const at = await start('bridge-to-agents', speaking);
    await at.serve('central', 'central-1');
    const client = createClient({
      url: at.edge.clientsUrl,
      clientId: 'buoy-7',
      password: at.password('buoy-7'),
    });
    const result = await client.classify(VALUES, { timeoutMs: 20_000 });
    await client.close();
    expect(result).toMatchObject({ ok: true, prediction: { agent: 'central-1' } });
  });

  it('keeps readings while the centre is away, also over a restart of the edge, and answers each once', async () => {
    const at = await start('bridge-to-agents', speaking);
    await at.serve('central', 'central-1');
    const { inbox, publish } = await device(at);
    await publish('before');
    await inbox.until(({ length }) => length === 1);
    await at.central.end();
    for (const id of named(20)) await publish(id);
    await at.edge.end();
    await at.edge.start();
    await at.central.start();
    const ids = ['before', ...named(20)];
    await inbox.until(({ length }) => length >= ids.length);
    await publish('after');
    const all = await inbox.until(({ length }) => length > ids.length);
    expect(answers(all)).toEqual(by('central-1', [...ids, 'after']));
  });
});

describe('the identity of a bridge', () => {
  it('lets no device through that its role does not name, whatever its configuration says', async () => {
    const wide = (bridge: string) => bridge.replaceAll('/buoy-7/+', '/+/sonar');
    const at = await start('bridge-to-agents', wide);
    const seen = await at.connect('central', 'op-1', `${R}/readings/+/+`);
    await (await device(at, 'buoy-8')).publish('foreign');
    await (await device(at)).publish('own');
    const [first] = await seen.inbox.until(({ length }) => length > 0);
    expect(first?.topic).toBe(`${R}/readings/buoy-7/sonar`);
  });
});

describe('a bridge upwards', () => {
  it('leaves readings to the agent at the edge and shows the centre what it does', async () => {
    const at = await start('bridge-upwards');
    await at.serve('central', 'central-1');
    const watching = await at.connect('central', 'op-1', `${R}/+/+/+`);
    await at.serve('edge', 'edge-1');
    const { inbox, publish } = await device(at);
    for (const id of named(10)) await publish(id);
    const all = await inbox.until(({ length }) => length >= 10);
    expect(answers(all)).toEqual(by('edge-1', named(10)));
    const seen = await watching.inbox.until(
      (messages) =>
        messages.filter(({ topic }) => topic === `${R}/replies/buoy-7/sonar`).length === 10 &&
        messages.some(({ topic }) => topic === `${R}/agents/edge-1/status`),
    );
    expect(seen.filter(({ topic }) => topic.includes('/readings/buoy-7/'))).toEqual([]);
    // Kept at the centre, for whoever comes to watch later.
    const later = await at.connect('central', 'op-2', `${R}/agents/edge-1/status`);
    const [status] = await later.inbox.until(({ length }) => length > 0);
    expect(status?.retain).toBe(true);
  });

  it('lets the edge serve on while the centre is away', async () => {
    const at = await start('bridge-upwards');
    await at.serve('edge', 'edge-1');
    const watching = await at.connect('central', 'op-1', REPLIES);
    await at.central.end();
    const { inbox, publish } = await device(at);
    await publish('alone');
    expect(answers(await inbox.until(({ length }) => length > 0))).toEqual(['edge-1 alone']);
    await at.central.start();
    const seen = await watching.inbox.until(({ length }) => length > 0);
    expect(answers(seen)).toEqual(['edge-1 alone']);
  });
});

describe('readings that are bridged beside an agent of the edge', () => {
  it('are answered twice: a share group ends at its broker', async () => {
    const at = await start('bridge-to-agents');
    await at.serve('central', 'central-1');
    await at.serve('edge', 'edge-1');
    const { inbox, publish } = await device(at);
    await publish('one');
    const all = answers(await inbox.until(({ length }) => length >= 2));
    expect(all.toSorted()).toEqual(['central-1 one', 'edge-1 one']);
  });
});
