// The gate without a network: who is let in as what, and why others are not.
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { Admission, DEFAULT_ADMISSION } from './admission.ts';
import { Gate, type LoginRequest } from './gate.ts';
import type { Identity } from './identity.ts';
import type { IdentityStore } from './identity-store.ts';
import { createPolicy } from './policy.ts';
import { RefusalLog } from './refusal-log.ts';

const R = 'echolot/v1';
const EVERYBODY: Identity[] = [
  { name: 'dev-1', role: 'client' },
  { name: 'edge-1', role: 'predictor' },
  { name: 'edge-2', role: 'predictor', models: ['radar'] },
  { name: 'op', role: 'operator' },
];

let identities: Map<string, Identity>;
let isBroken: boolean;
let lines: Record<string, unknown>[];
let gate: Gate;

beforeEach(() => {
  identities = new Map(EVERYBODY.map((identity) => [identity.name, identity]));
  isBroken = false;
  lines = [];
  const store = {
    find: (name: string) => identities.get(name) ?? null,
    lookUp: async (name: string) => identities.get(name) ?? null,
    verify: async (name: string, password: string) => {
      if (isBroken) throw new Error('broken');
      return password === `${name}!` ? (identities.get(name) ?? null) : null;
    },
  } as Partial<IdentityStore> as IdentityStore;
  const log = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) });
  const limits = {
    ...DEFAULT_ADMISSION,
    failedLogins: { burst: 2, perSecond: 0.1 },
    failedLoginsOfAddress: { burst: 4, perSecond: 0.1 },
  };
  const admission = new Admission(limits, () => 0);
  gate = new Gate(createPolicy(), store, new RefusalLog(log, () => 0), admission);
});

function login(name: string, more: Partial<LoginRequest> = {}) {
  return gate.login({
    clientId: name,
    madeUpId: 'made-up',
    cleanSession: true,
    username: name,
    password: `${name}!`,
    address: '192.0.2.1:1000',
    certificate: { kind: 'none' },
    ...more,
  });
}

/** The rights of who must be let in. */
async function accessOf(name: string, more: Partial<LoginRequest> = {}) {
  const result = await login(name, more);
  if (!result.ok) throw new Error(result.reason);
  return result.access;
}

describe('a login by password', () => {
  it('is let in as who it is, without a word in the log', async () => {
    expect(await login('dev-1')).toMatchObject({
      ok: true,
      clientId: 'dev-1',
      access: { identity: EVERYBODY[0], clientId: 'dev-1', address: '192.0.2.1:1000' },
    });
    expect(lines).toEqual([]);
  });

  it.each([
    ['no username', { username: null }, 5],
    ['no password', { password: null }, 5],
    ['a wrong password', { password: 'wrong' }, 4],
    ['an unknown name', { username: 'nobody' }, 4],
  ])('with %s is refused and logged', async (_, more, returnCode) => {
    const result = await login('dev-1', more);
    expect(result).toMatchObject({ ok: false, returnCode });
    const { reason } = result as { reason: string };
    expect(lines).toMatchObject([
      { verb: 'connect', clientId: 'dev-1', address: '192.0.2.1:1000', reason },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/wrong"|dev-1!/);
  });

  it('is told that the broker is unavailable where the store fails, and has not failed itself', async () => {
    isBroken = true;
    for (const _ of [1, 2, 3]) expect(await login('dev-1')).toMatchObject({ returnCode: 3 });
    isBroken = false;
    expect(await login('dev-1')).toMatchObject({ ok: true });
  });

  it('is turned away unread after too many failures under its name from its address', async () => {
    for (const _ of [1, 2]) await login('dev-1', { password: 'wrong' });
    expect(await login('dev-1')).toMatchObject({ ok: false, returnCode: 3 });
    expect(await login('dev-1', { address: '192.0.2.1:2000' })).toMatchObject({ returnCode: 3 });
    expect(await login('dev-1', { address: '192.0.2.2:1000' })).toMatchObject({ ok: true });
    expect(await login('op')).toMatchObject({ ok: true });
    for (const _ of [1, 2]) await login('op', { password: 'wrong' });
    // The whole address has failed four times by now.
    expect(await login('edge-1')).toMatchObject({ ok: false, returnCode: 3 });
  });
});

describe('a login by certificate', () => {
  const certificate = { kind: 'valid', name: 'dev-1' } as const;

  it('is its name, with that username or none, and whatever the password', async () => {
    const nothing = { username: null, password: null };
    expect(await login('dev-1', { certificate, ...nothing })).toMatchObject({ ok: true });
    expect(await login('dev-1', { certificate, password: 'wrong' })).toMatchObject({ ok: true });
  });

  it('is refused under another username, though the password be right', async () => {
    const as = { certificate, clientId: 'dev-1' };
    expect(await login('op', as)).toMatchObject({ ok: false, returnCode: 4 });
  });

  it('is refused where nobody of its name is in the store', async () => {
    identities.delete('dev-1');
    expect(await login('dev-1', { certificate })).toMatchObject({ ok: false, returnCode: 5 });
  });

  it('that is refused is no login by password either', async () => {
    const refused = { kind: 'refused', reason: 'the certificate is revoked' } as const;
    expect(await login('dev-1', { certificate: refused })).toEqual({
      ok: false,
      returnCode: 5,
      reason: 'the certificate is revoked',
    });
  });
});

describe('a client id', () => {
  it.each([
    ['dev-1', 'dev-1', true],
    ['dev-1', 'dev-2', false],
    ['op', 'dev-1', false],
    ['op', 'op-2', false],
    ['edge-1', 'edge-2', true],
    ['edge-1', 'anything', true],
    ['edge-1', 'dev-1', false],
    ['edge-1', 'op', false],
    ['edge-1', 'x'.repeat(256), true],
    ['edge-1', 'x'.repeat(257), false],
  ])('of %s may be %s: %s', async (name, clientId, ok) => {
    expect(await login(name, { clientId })).toMatchObject(
      ok ? { ok, clientId } : { returnCode: 2 },
    );
  });

  it('that is missing is the username, or for a predictor what the broker makes up', async () => {
    expect(await login('dev-1', { clientId: '' })).toMatchObject({ clientId: 'dev-1' });
    expect(await login('edge-1', { clientId: '' })).toMatchObject({ clientId: 'made-up' });
  });

  it('must be there for a session', async () => {
    const nameless = { clientId: '', cleanSession: false };
    expect(await login('dev-1', nameless)).toMatchObject({ ok: false, returnCode: 2 });
    expect(await login('edge-1', nameless)).toMatchObject({ ok: false, returnCode: 2 });
  });
});

describe('an access', () => {
  it('allows what the policy allows, and logs what it denies unless it is only asked', async () => {
    const access = await accessOf('dev-1');
    const [own, foreign] = ['dev-1', 'dev-2'].map((name) => `${R}/readings/${name}/sonar`);
    for (const _ of [1, 2]) expect(access.may('publish', own ?? '')).toBe(true);
    expect(access.allows('publish', foreign ?? '')).toBe(false);
    expect(lines).toEqual([]);
    expect(access.may('publish', foreign ?? '')).toBe(false);
    expect(lines).toMatchObject([
      { verb: 'publish', username: 'dev-1', topic: foreign, reason: expect.any(String) },
    ]);
    expect(access.may('subscribe', own ?? '')).toBe(false);
  });

  it('is by username, not by client id', async () => {
    const access = await accessOf('edge-1', { clientId: 'edge-2' });
    expect(access.allows('publish', `${R}/agents/edge-1/status`)).toBe(true);
    expect(access.allows('publish', `${R}/agents/edge-2/status`)).toBe(false);
  });

  it('is limited to the models of its identity', async () => {
    const share = (model: string) => `$share/predictors/${R}/readings/+/${model}`;
    const access = await accessOf('edge-2');
    const models = ['radar', 'sonar'].map((model) => access.allows('subscribe', share(model)));
    expect(models).toEqual([true, false]);
  });

  it('decides the same however many topics it was asked about', async () => {
    const access = await accessOf('dev-1');
    const topics = Array.from({ length: 5000 }, (_, at) => `${R}/readings/dev-${at % 2}/${at}`);
    const long = `${R}/readings/dev-1/${'x'.repeat(64)}`;
    const answers = [1, 2].map(() => topics.map((topic) => access.allows('publish', topic)));
    expect(answers[1]).toEqual(topics.map((_, at) => at % 2 === 1));
    expect(answers[0]).toEqual(answers[1]);
    expect([1, 2].map(() => access.allows('publish', long))).toEqual([true, true]);
  });

  it('is current until its identity changes or its client id is given to a client', async () => {
    const [one, two] = [await accessOf('dev-1'), await accessOf('edge-1', { clientId: 'dev-9' })];
    expect([one, two].map((access) => gate.isCurrent(access))).toEqual([true, true]);
    identities.set('dev-1', { name: 'dev-1', role: 'client' });
    identities.set('dev-9', { name: 'dev-9', role: 'client' });
    expect([one, two].map((access) => gate.isCurrent(access))).toEqual([false, false]);
  });

  it('can be asked for without a connection, as long as there is the identity', () => {
    expect(gate.accessOf('dev-1', 'dev-1')?.allows('receive', `${R}/replies/dev-1/x`)).toBe(true);
    identities.delete('dev-1');
    expect(gate.accessOf('dev-1', 'dev-1')).toBeNull();
  });
});
