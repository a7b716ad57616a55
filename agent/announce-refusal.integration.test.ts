// A refused model is told on the bus: retained, with the reason, on both brokers.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeStatus } from '../schemas/encode.ts';
import {
  type BrokerKind,
  Inbox,
  MODEL_FOLDER,
  type Serving,
  startServing,
} from './serving.fixture.ts';

const CLI = fileURLToPath(new URL('../dist/cli/echolot.js', import.meta.url));

describe.each<BrokerKind>(['mosquitto', 'embedded'])(
  'an agent with a changed model on %s',
  (kind) => {
    let serving: Serving;
    let folder: string;

    beforeEach(async () => {
      serving = await startServing(kind);
      folder = await mkdtemp(join(tmpdir(), 'echolot-changed-'));
    });

    afterEach(async () => {
      await serving.stop();
      await rm(folder, { recursive: true, force: true });
    });

    it('ends with 70, says which file on standard error, and so does its retained status', async () => {
      await cp(MODEL_FOLDER, folder, { recursive: true });
      await writeFile(join(folder, 'model.onnx'), 'changed');
      const password = join(serving.folder, 'edge-1.password');
      await writeFile(password, await serving.credentials('edge-1', 'predictor'), { mode: 0o600 });
      const flags = [
        '--broker-url',
        serving.url,
        '--agent-id',
        'edge-1',
        '--password-file',
        password,
      ];
      const child = spawn(process.execPath, [CLI, 'agent', ...flags, '--model', folder]);
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const [code] = (await once(child, 'close')) as [number];
      expect(code).toBe(70);
      expect(stderr).toMatch(/^error: .*model\.onnx/m);

      const operator = await serving.connect('operator-1');
      const late = new Inbox(operator);
      await operator.subscribeAsync('echolot/v1/agents/edge-1/status', { qos: 1 });
      const [message] = await late.until(({ length }) => length > 0);
      expect(message?.retain).toBe(true);
      const status = decodeStatus(message?.payload ?? Buffer.alloc(0));
      expect(status).toMatchObject({ state: 'offline', agent: 'edge-1', models: [] });
      expect(status?.reason).toContain('model.onnx');
    });
  },
);
