// Agents as processes of their own: one is killed while readings flow, and all are answered without a repeat.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeAnswer, decodeStatus } from '../schemas/encode.ts';
import { Inbox, type Serving, startServing, VALUES } from './serving.fixture.ts';

const CLI = fileURLToPath(new URL('../dist/cli/echolot.js', import.meta.url));

describe.each(['embedded', 'mosquitto'] as const)('three agents on %s', (kind) => {
  let serving: Serving;
  const processes: ChildProcess[] = [];

  beforeEach(async () => {
    if (!existsSync(CLI)) throw new Error(`${CLI} is not there: npm run build`);
    // As the rendered configuration: a queue that holds what a killed agent leaves behind.
    serving = await startServing(kind, ['max_queued_messages 10000']);
  });

  afterEach(async () => {
    for (const child of processes.splice(0)) child.kill('SIGKILL');
    await serving.stop();
  });

  const startProcess = async (id: string) => {
    const passwordFile = join(serving.folder, `${id}.password`);
    await writeFile(passwordFile, await serving.credentials(id, 'predictor'), { mode: 0o600 });
    const flags = ['--broker-url', serving.url, '--agent-id', id, '--password-file', passwordFile];
    const child = spawn(
      process.execPath,
      [CLI, 'agent', ...flags, '--adopt-after', '1', '--log-level', 'error'],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    processes.push(child);
    return child;
  };

  it('lose no reading when one is killed (SIGKILL) while they run', async () => {
    const [victim] = await Promise.all(['edge-1', 'edge-2', 'edge-3'].map(startProcess));
    const operator = await serving.connect('operator-1');
    const statuses = new Inbox(operator);
    await operator.subscribeAsync('echolot/v1/agents/+/status', { qos: 1 });
    const online = (messages: Inbox['messages']) =>
      new Set(
        messages.flatMap(({ payload }) => {
          const status = decodeStatus(payload);
          return status?.state === 'online' ? [status.agent] : [];
        }),
      ).size;
    await statuses.until((messages) => online(messages) === 3);

    const client = await serving.connect('buoy-7');
    const inbox = new Inbox(client);
    await client.subscribeAsync('echolot/v1/replies/buoy-7/+', { qos: 1 });
    const answered = (messages: Inbox['messages']) =>
      new Set(messages.map(({ payload }) => decodeAnswer(payload)?.id)).size;
    const total = 3000;
    for (let index = 0; index < total; index += 1) {
      const payload = JSON.stringify({ id: `r-${index}`, values: VALUES });
      client.publish('echolot/v1/readings/buoy-7/sonar', payload, { qos: 1 });
      if (index === 500) {
        await inbox.until(({ length }) => length > 50);
        victim?.kill('SIGKILL');
      }
    }
    const messages = await inbox.until((all) => answered(all) >= total);
    const agents = new Set(messages.map(({ payload }) => decodeAnswer(payload)?.agent));
    expect(agents).toEqual(new Set(['edge-1', 'edge-2', 'edge-3']));
    await statuses.until((all) =>
      all.some(({ payload }) => decodeStatus(payload)?.state === 'offline'),
    );
  });
});
