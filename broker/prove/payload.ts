// What the probes publish: valid as an agent's status, since real clients and agents may come to see it.
import { checkStatus, type Status } from '../../schemas/messages.ts';
import { PROBE_GROUP, PROBES } from '../probes.ts';

const PREDICTOR = PROBES.find(({ role }) => role === 'predictor')?.name ?? '';

/** The payload that carries a token. To who takes it for a status it says: this agent is not there. */
export function probePayload(token: string): Buffer {
  const status: Status & { probe: string } = {
    state: 'offline',
    reason: 'a probe of echolot policy prove',
    agent: PREDICTOR,
    epoch: token,
    heartbeatAt: '1970-01-01T00:00:00Z',
    protocol: '3.1.1',
    group: PROBE_GROUP,
    models: [],
    probe: token,
  };
  return Buffer.from(JSON.stringify(status));
}

/** The token of a probe's message; `null` for any other. Total. */
export function tokenOf(payload: Buffer): string | null {
  if (payload.length > 1000) return null;
  try {
    const message: unknown = JSON.parse(payload.toString());
    if (!checkStatus.Check(message) || !('probe' in message)) return null;
    return typeof message.probe === 'string' ? message.probe : null;
  } catch {
    return null;
  }
}
