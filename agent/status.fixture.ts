// For tests: what an agent says of itself.
import { encodeMessage } from '../schemas/encode.ts';
import type { Status } from '../schemas/messages.ts';

export const statusOf = (agent: string, more: Partial<Status> = {}): Buffer =>
  encodeMessage(
    {
      state: 'online',
      reason: 'serving',
      agent,
      epoch: 'first life',
      heartbeatAt: new Date().toISOString(),
      protocol: '5',
      group: 'predictors',
      models: [
        { name: 'sonar', version: '1.0.0', digest: `sha256:${'0'.repeat(64)}`, runtime: 'onnx' },
      ],
      ...more,
    } satisfies Status,
    'json',
  );
