// The prover on brokers that keep to the policy, and on brokers that do not.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import mqtt from 'mqtt';
import { startMosquitto } from '../../bus/mosquitto.fixture.ts';
import { certificatePaths, ensureAuthority, ensureServerCertificate } from '../certificates.ts';
import { createPolicy } from '../policy.ts';
import { ensureProbes } from '../probe-store.ts';
import { PROBE_MODEL } from '../probes.ts';
import { startRenderedMosquitto } from '../rendered-mosquitto.fixture.ts';
import { startRunningBroker } from '../running-broker.fixture.ts';
import { makeStore, removeStores } from './store.fixture.ts';
import { proofOf, told } from './prove.fixture.ts';

const disposals: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).toReversed()) await dispose();
  await removeStores();
});

async function embedded(more?: Parameters<typeof startRunningBroker>[0]) {
  const running = await startRunningBroker(more);
  disposals.push(() => running.dispose());
  return { running, store: join(running.folder, 'store') };
}

async function rendered({ certificates = false } = {}) {
  const store = await makeStore();
  await ensureProbes(store);
  if (certificates) await ensureAuthority(store);
  const mosquitto = await startRenderedMosquitto(store);
  disposals.push(() => mosquitto.stop());
  return { mosquitto, store };
}

describe('the embedded broker', () => {
  it('is proved without a leak, also where a predictor wants the id of a client', async () => {
    const { running, store } = await embedded();
    const { broker, findings, judgements } = await proofOf(running.url, store);
    expect(told(findings)).toEqual([]);
    expect(judgements.length).toBeGreaterThan(700);
    expect(broker).toEqual({ protocol: '3.1.1', isMosquitto: false, version: null });
    const limits = judgements.filter(({ verdict }) => verdict === 'limit');
    expect(told(limits)).toEqual([]);
  });

  it('is proved under another namespace and group', async () => {
    const names = { namespace: 'sea', group: 'hydrophones' };
    const { running, store } = await embedded(names);
    const { findings, judgements } = await proofOf(running.url, store, {
      policy: createPolicy(names),
    });
    expect(told(findings)).toEqual([]);
    expect(judgements.some(({ attempt }) => attempt.topic.startsWith('sea/v1/'))).toBe(true);
  });

  it('is proved by certificates over TLS', async () => {
    const store = await makeStore();
    await ensureAuthority(store);
    const { certificate: cert, key } = await ensureServerCertificate(store);
    const { ca, crl } = certificatePaths(store);
    const tls = { cert, key, ca, crl, port: 0, wsPort: null };
    const { running } = await embedded({ store, tls });
    const url = `mqtts://localhost:${running.broker.tlsPort}`;
    expect(told((await proofOf(url, store, { by: 'certificate' })).findings)).toEqual([]);
  });

  it.each([
    ['publish', '{root}/replies/+/+', `echolot/v1/replies/policy-probe-client-2/${PROBE_MODEL}`],
    ['receive', '{root}/replies/+/+', 'echolot/v1/replies/policy-probe-client-2/+'],
    ['receive', '{root}/readings/#', 'echolot/v1/readings/+/+'],
    ['publish', '{root}/agents/+/status', 'echolot/v1/agents/policy-probe-predictor/status'],
  ] as const)('that lets clients %s %s is found out', async (verb, filter, topic) => {
    const rule = { role: 'client', verb, filter };
    const { running, store } = await embedded({ extension: { roles: [], rules: [rule] } });
    const { findings } = await proofOf(running.url, store);
    expect(
      findings.every(({ attempt, verdict }) => attempt.role === 'client' && verdict === 'LEAK'),
    ).toBe(true);
    expect(findings.map(({ attempt }) => attempt.topic)).toContain(topic);
    if (verb === 'publish') {
      const kinds = new Set(findings.map(({ attempt }) => attempt.kind));
      expect(kinds).toContain('will');
    }
  });

  it('that denies a right is found out', async () => {
    const { running, store } = await embedded();
    const rule = { role: 'client', verb: 'publish', filter: '{root}/alerts/{self}' } as const;
    const policy = createPolicy();
    const { findings } = await proofOf(running.url, store, {
      policy: { ...policy, rules: [...policy.rules, rule] },
      patienceMs: 1000,
    });
    expect(new Set(told(findings))).toEqual(
      new Set(
        [1, 2].map(
          (each) => `BLOCKED client publish echolot/v1/alerts/policy-probe-client-${each}`,
        ),
      ),
    );
  });
});

describe('a rendered Mosquitto', () => {
  it.each(['3.1.1', '5'] as const)('is proved without a leak over MQTT %s', async (protocol) => {
    const { mosquitto, store } = await rendered();
    const { broker, findings, judgements } = await proofOf(mosquitto.innerUrl, store, { protocol });
    expect(told(findings)).toEqual([]);
    expect(broker.version).toMatch(/^mosquitto version 2/);
    const limits = judgements.filter(({ verdict }) => verdict === 'limit');
    expect(limits.map(({ attempt }) => [attempt.kind, attempt.role])).toEqual(
      Array.from({ length: 4 }, () => ['take-over', 'predictor']),
    );
  });

  it.each([
    ['password', 'clientsUrl'],
    ['certificate', 'certificatesUrl'],
  ] as const)('is proved over TLS by %s', async (by, listener) => {
    const { mosquitto, store } = await rendered({ certificates: true });
    for (const protocol of ['3.1.1', '5'] as const) {
      const { findings } = await proofOf(mosquitto[listener], store, { by, protocol });
      expect(told(findings)).toEqual([]);
    }
  });

  it('is proved where predictors need both certificate and password', async () => {
    const store = await makeStore();
    await ensureProbes(store);
    await ensureAuthority(store);
    const mosquitto = await startRenderedMosquitto(store, { innerHost: '0.0.0.0' });
    disposals.push(() => mosquitto.stop());
    const { findings } = await proofOf(mosquitto.innerUrl, store, { by: 'both' });
    expect(told(findings)).toEqual([]);
  });

  it('is left as it was: nothing retained, and no change of the rights', async () => {
    const { mosquitto, store } = await rendered();
    const path = join(mosquitto.folder, 'dynamic-security.json');
    const before = await readFile(path, 'utf8');
    await proofOf(mosquitto.innerUrl, store);
    expect(await readFile(path, 'utf8')).toBe(before);
    const name = 'policy-probe-operator';
    const password = await readFile(join(store, 'probes', `${name}.password`), 'utf8');
    const login = { clientId: name, username: name, password: password.trimEnd() };
    const client = await mqtt.connectAsync(mosquitto.innerUrl, login);
    const topics: string[] = [];
    const fence = `echolot/v1/truth/${name}/fence`;
    const isThere = new Promise<void>((resolve) => {
      client.on('message', (topic) => (topic === fence ? resolve() : topics.push(topic)));
    });
    const own = ['echolot/v1/+/+/policy-probe', 'echolot/v1/models/policy-probe/#'];
    const people = ['client-1', 'client-2', 'predictor', 'operator', 'registrar'];
    const filters = people.map((each) => `echolot/v1/+/policy-probe-${each}/#`);
    for (const filter of [...own, ...filters]) await client.subscribeAsync(filter, { qos: 1 });
    await client.publishAsync(fence, 'fence', { qos: 1 });
    await isThere;
    expect(topics).toEqual([]);
    await client.endAsync();
  });
});

describe('a Mosquitto that lets everybody do everything', () => {
  it('leaks everything', async () => {
    const store = await makeStore();
    await ensureProbes(store);
    const mosquitto = await startMosquitto();
    disposals.push(() => mosquitto.stop());
    const { findings, judgements } = await proofOf(mosquitto.url, store);
    const denied = judgements.filter(({ attempt }) => attempt.expected === 'denied');
    const safe = denied.filter(({ verdict }) => verdict !== 'LEAK' && verdict !== 'limit');
    // It has no topic of commands, is alone to publish its version, and follows no response topic; a
    // last will on a topic where no probe may watch is not seen.
    const kinds = new Set(safe.map(({ attempt }) => attempt.kind));
    expect([...kinds].toSorted()).toEqual(['command', 'publish', 'response-topic', 'will']);
    expect(findings.every(({ verdict }) => verdict === 'LEAK')).toBe(true);
  });
});

describe('a Mosquitto without the plugin, on the rendered ACL file', () => {
  it('lets everybody join the group, and the proof shows what is taken from it', async () => {
    const { mosquitto, store } = await rendered();
    const config = ['acl', 'password'].map((name) => {
      return `${name}_file ${join(mosquitto.folder, name === 'acl' ? 'acl' : 'passwords')}`;
    });
    const other = await startMosquitto({ config, anonymous: false });
    disposals.push(() => other.stop());
    const { findings } = await proofOf(other.url, store, { protocol: '3.1.1' });
    const kinds = new Set(findings.map(({ attempt, verdict }) => `${verdict} ${attempt.kind}`));
    expect([...kinds].toSorted()).toEqual(['LEAK subscribe', 'LEAK take-over']);
    const share = `$share/policy-probes/echolot/v1/readings/+/${PROBE_MODEL}`;
    const joined = findings.filter(({ attempt }) => attempt.topic === share);
    expect(joined.map(({ attempt }) => attempt.role)).toEqual([
      'client',
      'client',
      'operator',
      'registrar',
    ]);
    for (const { detail } of joined) expect(detail).toMatch(/^3 of 6 readings were taken/);
  });
});

describe('a proof', () => {
  it('says so where the probes are not let in, or nobody is there', async () => {
    const store = await makeStore();
    const { running } = await embedded();
    await expect(proofOf(running.url, store)).rejects.toMatchObject({
      code: 'BROKER_REFUSED',
      exitCode: 77,
    });
    await expect(proofOf('mqtt://127.0.0.1:1', store)).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
      exitCode: 69,
    });
    await expect(proofOf(running.url, store, { by: 'certificate' })).rejects.toMatchObject({
      code: 'PROBE_CERTIFICATE_MISSING',
    });
  });

  it('ends with an error where the broker goes away meanwhile', async () => {
    const { mosquitto, store } = await rendered();
    let made = 0;
    const kill = () => {
      made += 1;
      if (made === 20) void mosquitto.end('SIGKILL');
    };
    const proof = proofOf(mosquitto.innerUrl, store, { onJudgement: kill, patienceMs: 500 });
    await expect(proof).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE', exitCode: 69 });
  });
});
