// The fuzzing of the broker's ports: whatever bytes come, it lives, holds no more, and harms nobody else.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeOf, openTcp, openWebSocket } from './fuzz-connection.fixture.ts';
import type { Sample } from './fuzzed-broker.child.ts';
import { openIdentityStore } from './identity-store.ts';
import {
  connectPacket,
  createRandom,
  type FuzzLogin,
  malformedPacket,
  type Random,
  soundPacket,
} from './malformed-packets.fixture.ts';

const CHILD = fileURLToPath(new URL('./fuzzed-broker.child.ts', import.meta.url));
/** Malformed packets between two questions of the client beside them, in so many connections at a time. */
const ROUND = 100;
const AT_ONCE = 20;
const MOST_HALF_OPEN = 200;
const GROWTH_BYTES = 8 * 1024 * 1024;

export function describeBrokerFuzzing(count: number, seed: number): void {
  describe(`${count} malformed packets at the broker's ports (seed ${seed})`, () => {
    let folder: string;
    let child: ChildProcess;
    let ports: { port: number; wsPort: number };
    let passwords: Map<string, string>;
    const clients: MqttClient[] = [];
    const halfOpen: Socket[] = [];

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'echolot-fuzz-'));
      const store = await openIdentityStore(folder);
      const added = await store.addAll([
        { name: 'asker', role: 'client' },
        { name: 'echo', role: 'predictor' },
        { name: 'fuzz-client', role: 'client' },
        { name: 'fuzz-predictor', role: 'predictor', models: ['fuzzed'] },
        { name: 'fuzz-operator', role: 'operator' },
      ]);
      passwords = new Map(added.map(({ name, password }) => [name, password]));
      child = fork(CHILD, [folder], { execArgv: ['--import', 'tsx', '--expose-gc'] });
      [ports] = (await once(child, 'message')) as [typeof ports];
    });

    afterEach(async () => {
      for (const client of clients.splice(0)) client.end(true);
      for (const socket of halfOpen.splice(0)) socket.destroy();
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, 'exit');
        child.kill();
        await exit;
      }
      await rm(folder, { recursive: true, force: true });
    });

    const sample = async (): Promise<Sample> => {
      child.send('sample');
      const [taken] = (await once(child, 'message')) as [Sample];
      return taken;
    };

    const connect = async (name: string): Promise<MqttClient> => {
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${ports.port}`, {
        clientId: name,
        username: name,
        password: passwords.get(name) ?? '',
        reconnectPeriod: 0,
      });
      clients.push(client);
      return client;
    };

    const loginOf = (random: Random): FuzzLogin => {
      const username = ['fuzz-client', 'fuzz-predictor', 'fuzz-operator'][random(3)] as string;
      // Predictors choose their ids; a few, so that sessions are resumed.
      const clientId = username === 'fuzz-predictor' ? `fuzz-${random(4)}` : username;
      return {
        username,
        clientId,
        password: random(20) === 0 ? 'wrong' : (passwords.get(username) ?? ''),
        clean: random(2) === 0,
        willTopic: random(3) === 0 ? `echolot/v1/agents/${username}/status` : null,
      };
    };

    /** One connection with one malformed packet, before a login or after one. */
    const attack = async (random: Random): Promise<void> => {
      const { socket, wrap } =
        random(3) === 0 ? openWebSocket(ports.wsPort, random) : openTcp(ports.port);
      const login = loginOf(random);
      if (random(4) > 0) socket.write(wrap(connectPacket(login)));
      for (let sound = random(3); sound > 0; sound -= 1) {
        socket.write(wrap(soundPacket(random, login)));
      }
      const bytes = wrap(malformedPacket(random, login));
      const cut = random(bytes.length);
      socket.write(bytes.subarray(0, cut));
      socket.write(bytes.subarray(cut));
      if (random(20) === 0) {
        halfOpen.push(socket);
        if (halfOpen.length > MOST_HALF_OPEN) halfOpen.shift()?.resetAndDestroy();
        return;
      }
      if (random(10) === 0) socket.resetAndDestroy();
      else socket.end();
      await closeOf(socket);
    };

    it('end no process, leave nothing behind and harm no other client', async () => {
      const echo = await connect('echo');
      echo.on('message', (topic, payload) => {
        echo.publish(topic.replace('/readings/', '/replies/'), payload, { qos: 1 });
      });
      await echo.subscribeAsync('$share/predictors/echolot/v1/readings/+/echo', { qos: 1 });
      const asker = await connect('asker');
      const answers: string[] = [];
      let wake: () => void = () => undefined;
      asker.on('message', (_topic, payload) => {
        answers.push(payload.toString());
        wake();
      });
      await asker.subscribeAsync('echolot/v1/replies/asker/echo', { qos: 1 });
      const ask = async (question: string) => {
        await asker.publishAsync('echolot/v1/readings/asker/echo', question, { qos: 1 });
        while (answers.at(-1) !== question) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      };

      const random = createRandom(seed);
      const rounds = count / ROUND;
      let warm: Sample | null = null;
      for (let round = 0; round < rounds; round += 1) {
        for (let sent = 0; sent < ROUND; sent += AT_ONCE) {
          await Promise.all(Array.from({ length: AT_ONCE }, () => attack(random)));
        }
        await ask(`round ${round}`);
        if (round === Math.floor(rounds / 4)) warm = await sample();
      }
      expect(child.exitCode).toBeNull();
      // Each question once, and nothing of what the others said.
      expect(answers).toEqual(Array.from({ length: rounds }, (_, round) => `round ${round}`));
      expect(asker.connected && echo.connected).toBe(true);

      // Half-open connections are ended by the broker: no CONNECT in time, or no sign of life.
      await Promise.all(halfOpen.map(closeOf));
      let last = await sample();
      while (last.sockets > 2) last = await sample();
      expect(last.bytes - (warm?.bytes ?? 0)).toBeLessThan(GROWTH_BYTES);
    });
  });
}
