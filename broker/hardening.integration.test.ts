// What strangers may try on the embedded broker's doors: forged log lines, guesses, floods of connections.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_ADMISSION } from './admission.ts';
import {
  type EmbeddedBroker,
  type EmbeddedBrokerOptions,
  startEmbeddedBroker,
} from './embedded-broker.ts';
import { openIdentityStore } from './identity-store.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A broker, the identity dev-1, and what it writes into its log, as text. */
async function start(limits: EmbeddedBrokerOptions['limits'] = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'echolot-hardening-'));
  stops.push(() => rm(folder, { recursive: true, force: true }));
  const store = await openIdentityStore(folder);
  const { password } = await store.add('dev-1', 'client');
  const writes: string[] = [];
  const log = pino({ level: 'trace' }, { write: (text: string) => writes.push(text) });
  const options = { store: folder, port: 0, wsPort: null, limits, log };
  const broker: EmbeddedBroker = await startEmbeddedBroker(options);
  stops.push(() => broker.stop());
  const connect = async (more: IClientOptions = {}): Promise<MqttClient> => {
    const own = { clientId: 'dev-1', username: 'dev-1', password, reconnectPeriod: 0 };
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, { ...own, ...more });
    stops.push(() => client.endAsync(true));
    return client;
  };
  const codeOf = (more: IClientOptions = {}): Promise<unknown> =>
    connect(more).then(
      () => 0,
      (error: { code: unknown }) => error.code,
    );
  return { broker, codeOf, connect, store, writes };
}

const HOSTILE = [
  'line\nbreak',
  'carriage\rreturn',
  '{"level":30,"msg":"forged"}\n{"level":60,"msg":"forged too"}',
  '"},{"msg":"forged"',
  '\u001b[2J\u001b[1;31mred',
  '\u009b31mC1 control',
  'right\u202Eto left\u2066',
  'line\u2028separator',
  'zero\u200Bwidth',
  `del\u007f${'x'.repeat(500)}`,
];

describe('the log of the embedded broker', () => {
  it('cannot be forged by client ids, usernames, topics or filters', async () => {
    const { broker, codeOf, connect, store, writes } = await start();
    const { password } = await store.add('edge-1', 'predictor');
    for (const text of HOSTILE) {
      expect(await codeOf({ username: text })).toBe(4);
      expect(await codeOf({ clientId: text })).toBe(2);
    }
    const client = await connect();
    for (const text of HOSTILE) {
      await client.publishAsync(text, '', { qos: 1 });
      await client.subscribeAsync(text, { qos: 1 }).catch(() => undefined);
    }
    // Predictors choose their client ids; the removal writes them into the log.
    const ids = HOSTILE.filter((text) => text.length < 200);
    for (const clientId of ids) await connect({ clientId, username: 'edge-1', password });
    await store.remove('edge-1');
    while (writes.filter((text) => text.includes('identity changed')).length < ids.length) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await broker.stop();

    const lines = writes.join('').split('\n');
    expect(lines.pop()).toBe('');
    expect(lines).toHaveLength(writes.length);
    for (const line of lines) {
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      const { msg, reason } = JSON.parse(line) as { msg: string; reason?: string };
      expect(`${msg} ${reason}`).not.toMatch(/forged|line|red|right|zero|del/);
    }
    const refused = lines.filter((line) => line.includes('"msg":"refused"'));
    expect(refused).toHaveLength(4 * HOSTILE.length);
    expect(lines.some((line) => line.includes(password))).toBe(false);
  });
});

describe('the doors of the embedded broker', () => {
  it('turn a name away unread after too many wrong passwords, and no other name', async () => {
    const admission = { ...DEFAULT_ADMISSION, failedLogins: { burst: 3, perSecond: 0.0001 } };
    const { codeOf, store, writes } = await start({ admission });
    const other = await store.add('dev-2', 'client');
    const guesses = [];
    for (let guess = 0; guess < 6; guess += 1) {
      guesses.push(await codeOf({ password: `guess-${guess}` }));
    }
    expect(guesses).toEqual([4, 4, 4, 3, 3, 3]);
    expect(await codeOf()).toBe(3);
    const second = { clientId: 'dev-2', username: 'dev-2', password: other.password };
    expect(await codeOf(second)).toBe(0);
    expect(writes.join('')).toContain('too many failed logins');
    expect(writes.join('')).not.toContain('guess-');
  });

  it('let right passwords in as often as they come', async () => {
    const { codeOf } = await start();
    for (let login = 0; login < 50; login += 1) expect(await codeOf()).toBe(0);
  });

  it('close connections of one address that come too fast, and say so once', async () => {
    const admission = { ...DEFAULT_ADMISSION, connections: { burst: 5, perSecond: 0.0001 } };
    const { broker, writes } = await start({ admission });
    const sockets = [];
    const closes = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      const socket = connectTcp(broker.port, '127.0.0.1').on('error', () => undefined);
      stops.push(async () => socket.destroy());
      sockets.push(socket);
      closes.push(once(socket, 'close'));
      await once(socket, 'connect');
    }
    await Promise.all(closes.slice(5));
    expect(sockets.slice(0, 5).filter((socket) => socket.closed)).toEqual([]);
    const said = writes.filter((text) => text.includes('too fast from one address'));
    expect(said).toHaveLength(1);
  });

  it('let a thousand connections of one address in at once', async () => {
    const { broker, connect, writes } = await start();
    const sockets = Array.from({ length: 1000 }, () => connectTcp(broker.port, '127.0.0.1'));
    stops.push(async () => sockets.forEach((socket) => void socket.destroy()));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    expect((await connect()).connected).toBe(true);
    expect(sockets.filter((socket) => socket.closed)).toEqual([]);
    expect(writes.join('')).not.toContain('too fast');
  });
});
