// A change of the store brought to a running Mosquitto: over $CONTROL, without a restart.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMosquitto } from '../bus/mosquitto.fixture.ts';
import { type ApplyOptions, applyPolicy } from './apply-policy.ts';
import { certificatePaths, issueCertificate } from './certificates.ts';
import { connectControl } from './dynamic-security-control.ts';
import { type IdentityStore, openIdentityStore } from './identity-store.ts';
import { createPolicy } from './policy.ts';
import { loadRenderInput } from './render-input.ts';
import { type RenderedMosquitto, startRenderedMosquitto } from './rendered-mosquitto.fixture.ts';
import { closed, Inbox } from './running-broker.fixture.ts';

const R = 'echolot/v1';
let folder: string;
let store: string;
let identities: IdentityStore;
let broker: RenderedMosquitto | null = null;
const clients: MqttClient[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'echolot-apply-'));
  store = join(folder, 'store');
  identities = await openIdentityStore(store);
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await broker?.stop();
  broker = null;
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<RenderedMosquitto> {
  broker = await startRenderedMosquitto(store);
  return broker;
}

/** What `policy apply` does; gives the text of the commands. */
async function apply(
  more: Partial<ApplyOptions> & { dryRun?: boolean; models?: string[] } = {},
): Promise<string[]> {
  const { dryRun = false, models = ['sonar'], ...options } = more;
  const input = await loadRenderInput(store, { policy: createPolicy(), models, probes: true });
  let texts: string[] = [];
  const url = broker?.innerUrl ?? '';
  await applyPolicy(
    { store, broker: { url, protocol: 'auto' }, input, ...options },
    (difference) => {
      texts = difference.changes.map(({ text }) => text);
      return !dryRun;
    },
  );
  return texts;
}

async function connect(name: string, password: string, more: IClientOptions = {}) {
  const url = broker?.innerUrl ?? '';
  const options = { clientId: name, username: name, password, reconnectPeriod: 0, ...more };
  const client = await mqtt.connectAsync(url, options, false);
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

async function granted(client: MqttClient, filter: string): Promise<boolean> {
  return client.subscribeAsync(filter, { qos: 1 }).then(
    () => true,
    () => false,
  );
}

describe('policy apply', () => {
  it('finds nothing to do on a broker that was just rendered', async () => {
    await identities.add('dev-1', 'client');
    await start();
    expect(await apply()).toEqual([]);
  });

  it('disconnects an identity that was removed, and lets it in no more', async () => {
    const { password } = await identities.add('dev-1', 'client');
    await start();
    const client = await connect('dev-1', password);
    await identities.remove('dev-1');
    expect(await apply()).toEqual(['deleteClient dev-1', 'deleteRole echolot-dev-1']);
    await closed(client);
    await expect(connect('dev-1', password)).rejects.toThrow(/not authorized/i);
    expect(await apply()).toEqual([]);
  });

  it('leaves whoever keeps the certificate of a removed identity without any right', async () => {
    await identities.add('dev-1', 'client');
    const { password } = await identities.add('op-1', 'operator');
    await issueCertificate(store, 'dev-1', { role: 'client' });
    const { certificatesUrl } = await start();
    const { ca, client } = certificatePaths(store);
    const { certificate, key } = client('dev-1');
    const tls = {
      ca: await readFile(ca),
      cert: await readFile(certificate),
      key: await readFile(key),
    };
    const operator = await connect('op-1', password);
    const seen = new Inbox(operator);
    await operator.subscribeAsync('echolot/#', { qos: 1 });
    await identities.remove('dev-1');
    await apply();
    // The broker goes by the old revocation list until it is told to read the new one.
    const options = { clientId: 'dev-1', reconnectPeriod: 0, protocolVersion: 5, ...tls } as const;
    const removed = await mqtt.connectAsync(certificatesUrl, options, false);
    clients.push(removed);
    removed.on('error', () => undefined);
    expect(await granted(removed, `${R}/replies/dev-1/+`)).toBe(false);
    const publish = removed.publishAsync(`${R}/readings/dev-1/sonar`, 'forbidden', { qos: 1 });
    await publish.catch(() => undefined);
    await operator.publishAsync(`${R}/truth/fence/sonar`, 'fence', { qos: 1 });
    expect(await seen.until((all) => all.includes('fence'))).toEqual(['fence']);
  });

  it('lets in a new identity with the password that it is given', async () => {
    await start();
    const { password } = await identities.add('dev-2', 'client');
    const passwordsPath = join(folder, 'passwords.csv');
    await writeFile(passwordsPath, `name,password\ndev-2,${password}\n`);
    expect(await apply({ passwordsPath })).toEqual([
      'createRole echolot-dev-2',
      'createClient dev-2',
    ]);
    const client = await connect('dev-2', password);
    expect(await granted(client, `${R}/replies/dev-2/+`)).toBe(true);
    expect(await granted(client, `${R}/replies/dev-1/+`)).toBe(false);
    await expect(connect('dev-2', password, { clientId: 'other' })).rejects.toThrow(/not auth/i);
  });

  it('gives a rotated password, and the old one is void', async () => {
    const { password: old } = await identities.add('dev-1', 'client');
    await start();
    const { password } = await identities.rotate('dev-1');
    const passwordsPath = join(folder, 'passwords.csv');
    await writeFile(passwordsPath, `name,password\ndev-1,${password}\n`);
    expect(await apply({ passwordsPath })).toEqual(['setClientPassword dev-1']);
    await connect('dev-1', password);
    await expect(connect('dev-1', old)).rejects.toThrow(/not authorized/i);
  });

  it('changes the rights of a predictor, again and again, and the broker lives', async () => {
    const { password } = await identities.add('edge-1', 'predictor');
    await start();
    const lidar = `$share/predictors/${R}/readings/+/lidar`;
    for (let round = 0; round < 3; round++) {
      expect(await apply({ models: ['sonar', 'lidar'] })).toEqual(['modifyRole echolot-edge-1']);
      expect(await granted(await connect('edge-1', password), lidar)).toBe(true);
      expect(await apply({ models: ['sonar'] })).toEqual(['modifyRole echolot-edge-1']);
      expect(await granted(await connect('edge-1', password), lidar)).toBe(false);
    }
  });

  it('tells the broker nothing in a dry run', async () => {
    const { password } = await identities.add('dev-1', 'client');
    await start();
    await identities.remove('dev-1');
    expect(await apply({ dryRun: true })).toHaveLength(2);
    await connect('dev-1', password);
  });

  it('keeps its changes over a restart of the broker', async () => {
    const { password } = await identities.add('dev-1', 'client');
    const running = await start();
    await identities.remove('dev-1');
    await apply();
    await running.end();
    await running.start();
    await expect(connect('dev-1', password)).rejects.toThrow(/not authorized/i);
    expect(await apply()).toEqual([]);
  });

  it('brings more identities than fit into one answer', async () => {
    const many = Array.from({ length: 450 }, (_, index) => `dev-${index}`);
    await identities.addAll(many.map((name) => ({ name, role: 'client' })));
    await start();
    expect(await apply()).toEqual([]);
    for (const name of many.slice(0, 3)) await identities.remove(name);
    expect(await apply()).toHaveLength(6);
  });

  it.each([
    ['name,password\nnobody,x\n', 'nobody is not in the store'],
    ['name,password\ndev-1,wrong\n', 'that of dev-1 is wrong'],
    ['dev-1,x\n', 'line 1'],
    ['name,password\na/b,x\n', 'line 2'],
  ])('refuses the passwords %j, and does nothing', async (text, why) => {
    await identities.add('dev-1', 'client');
    await start();
    await identities.remove('dev-1');
    await identities.add('dev-1', 'client');
    const passwordsPath = join(folder, 'passwords.csv');
    await writeFile(passwordsPath, text);
    await expect(apply({ passwordsPath })).rejects.toThrow(why);
  });

  it('says so where the store was never rendered, or the password is another', async () => {
    const { innerUrl } = await start();
    const empty = join(folder, 'empty');
    await expect(apply({ store: empty })).rejects.toThrow("no administrator's password");
    await expect(connectControl({ url: innerUrl, password: 'wrong' })).rejects.toMatchObject({
      exitCode: 77,
    });
  });

  it('says so where no plugin answers, or no broker is', async () => {
    const plain = await startMosquitto();
    const control = await connectControl({ url: plain.url }, 500);
    await expect(control.list()).rejects.toThrow('takes no commands');
    await control.close();
    await plain.stop();
    await expect(connectControl({ url: plain.url }, 500)).rejects.toThrow('cannot be reached');
  });
});
