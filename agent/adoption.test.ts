// When an absence is due, who sees to it, and what is no absence at all.
import { describe, expect, it } from 'vitest';
import type { Status } from '../schemas/messages.ts';
import { Adoption, rendezvousHash } from './adoption.ts';
import { SESSION_ENDED, SESSION_KEPT } from './goodbye.ts';

const TIMES = { graceMs: 10, freshMs: 75, drainingMs: 30 };

const modelsOf = (...names: string[]): Status['models'] =>
  names.map((name) => ({
    name,
    version: '1.0.0',
    digest: `sha256:${'0'.repeat(64)}`,
    runtime: 'onnx',
  }));

const status = (agent: string, more: Partial<Status> = {}): Status => ({
  state: 'online',
  reason: 'serving',
  agent,
  epoch: 'e1',
  heartbeatAt: '2020-01-01T00:00:00Z',
  protocol: '5',
  group: 'predictors',
  models: modelsOf('sonar'),
  ...more,
});

const offline = (agent: string, more: Partial<Status> = {}) =>
  status(agent, { state: 'offline', reason: 'connection lost', ...more });

/** Whom `self` is to adopt at `nowMs`, after what it has seen since its connection stands (0). */
const dueAt = (nowMs: number, ...seen: [Status, number][]) => {
  const adoption = createAdoption('self');
  for (const [each, atMs] of seen) adoption.record(each, atMs);
  const due = adoption.due(nowMs);
  return due && `${due.agent} ${due.epoch}`;
};

function createAdoption(self: string): Adoption {
  const adoption = new Adoption({ self, group: 'predictors', models: ['sonar'], times: TIMES });
  adoption.connected(0);
  return adoption;
}

describe('peers', () => {
  const covered = (...seen: [Status, number][]) => {
    const adoption = createAdoption('self');
    for (const [each, atMs] of seen) adoption.record(each, atMs);
    return adoption.isCovered(100);
  };

  it('cover where another one is online and fresh', () => {
    expect(covered([status('other'), 90])).toBe(true);
  });

  it('do not cover where nobody, only we, or only the gone are there', () => {
    expect(covered()).toBe(false);
    expect(covered([status('self'), 90])).toBe(false);
    expect(covered([status('other'), 20])).toBe(false);
    expect(covered([status('other'), 80], [offline('other'), 90])).toBe(false);
    expect(covered([status('other', { group: 'others' }), 90])).toBe(false);
    expect(covered([status('other', { models: [] }), 90])).toBe(false);
  });
});

describe('an absence', () => {
  it('is due when the will has stood for the grace', () => {
    expect(dueAt(29, [status('dead'), 5], [offline('dead'), 20])).toBeNull();
    expect(dueAt(30, [status('dead'), 5], [offline('dead'), 20])).toBe('dead e1');
    expect(dueAt(30, [offline('dead'), 20])).toBe('dead e1');
  });

  it('is due when no heartbeat came, though no will did either', () => {
    expect(dueAt(89, [status('dead'), 5])).toBeNull();
    expect(dueAt(90, [status('dead'), 5])).toBe('dead e1');
    expect(dueAt(90, [status('dead'), 5], [status('dead'), 40])).toBeNull();
  });

  it('is due after a drain that took too long, or whose agent died in it', () => {
    const draining = status('dead', { state: 'draining', reason: 'stopping' });
    expect(dueAt(44, [draining, 5], [draining, 20])).toBeNull();
    expect(dueAt(45, [draining, 5], [draining, 20])).toBe('dead e1');
    expect(dueAt(29, [draining, 5], [offline('dead'), 20])).toBeNull();
    expect(dueAt(30, [draining, 5], [offline('dead'), 20])).toBe('dead e1');
  });

  it('is due where the goodbye kept the session, and not where it ended it', () => {
    expect(dueAt(99, [offline('dead', { reason: SESSION_KEPT }), 5])).toBe('dead e1');
    expect(dueAt(99, [offline('dead', { reason: SESSION_ENDED }), 5])).toBeNull();
  });

  it('is over when the agent is online again, in whatever life', () => {
    expect(dueAt(60, [offline('dead'), 5], [status('dead'), 50])).toBeNull();
    expect(dueAt(60, [offline('dead'), 5], [status('dead', { epoch: 'e2' }), 50])).toBeNull();
  });

  it('is not believed of the late will of a former life', () => {
    const seen: [Status, number][] = [
      [status('live', { epoch: 'e1' }), 1],
      [status('live', { epoch: 'e2' }), 2],
      [offline('live', { epoch: 'e1' }), 3],
    ];
    expect(dueAt(60, ...seen)).toBeNull();
    expect(dueAt(60, ...seen, [offline('live', { epoch: 'e2' }), 4])).toBe('live e2');
  });

  it('counts from our own connection on', () => {
    const adoption = createAdoption('self');
    adoption.record(offline('dead'), 5);
    adoption.disconnected();
    expect(adoption.due(50)).toBeNull();
    adoption.connected(100);
    expect(adoption.due(109)).toBeNull();
    expect(adoption.due(110)).toMatchObject({ agent: 'dead' });
  });

  it('is that of the life which had the models, when a later one cannot serve any', () => {
    const refused = (epoch: string) =>
      offline('dead', { epoch, models: [], reason: 'model refused' });
    const adoption = createAdoption('self');
    adoption.record(status('dead'), 1);
    for (const [epoch, atMs] of [
      ['e2', 5],
      ['e3', 12],
      ['e4', 14],
    ] as const)
      adoption.record(refused(epoch), atMs);
    expect(adoption.due(15)).toEqual({ agent: 'dead', epoch: 'e1', models: ['sonar'] });
    adoption.settle({ agent: 'dead', epoch: 'e1' });
    adoption.record(refused('e5'), 30);
    expect(adoption.due(90)).toBeNull();
  });

  it('of ourselves, of another group, or of models that we do not serve is not ours', () => {
    expect(dueAt(99, [offline('self'), 5])).toBeNull();
    expect(dueAt(99, [offline('dead', { group: 'others' }), 5])).toBeNull();
    expect(dueAt(99, [offline('dead', { models: modelsOf('iris') }), 5])).toBeNull();
    expect(dueAt(99, [offline('dead', { models: modelsOf('sonar', 'iris') }), 5])).toBeNull();
    expect(dueAt(99, [offline('dead', { models: [] }), 5])).toBeNull();
  });

  it('that was longest is due first', () => {
    expect(dueAt(99, [offline('two'), 6], [offline('one'), 5])).toBe('one e1');
  });

  it('is neither put off nor settled by what is said of another life', () => {
    const adoption = createAdoption('self');
    adoption.record(offline('dead'), 5);
    adoption.postpone({ agent: 'dead', epoch: 'e0' }, 14);
    expect(adoption.due(15)).toMatchObject({ agent: 'dead', epoch: 'e1' });
    adoption.settle({ agent: 'dead', epoch: 'e2' });
    adoption.record(offline('dead', { epoch: 'e2' }), 16);
    expect(adoption.due(30)).toMatchObject({ agent: 'dead', epoch: 'e2' });
  });

  it('is due once for each life, and again after a postponement', () => {
    const adoption = createAdoption('self');
    adoption.record(offline('dead'), 5);
    const absent = { agent: 'dead', epoch: 'e1', models: ['sonar'] };
    expect(adoption.due(15)).toEqual(absent);
    adoption.postpone(absent, 20);
    expect(adoption.due(29)).toBeNull();
    expect(adoption.due(30)).toEqual(absent);
    adoption.settle(absent);
    expect(adoption.due(99)).toBeNull();
    adoption.record(status('dead', { epoch: 'e2' }), 100);
    adoption.record(offline('dead', { epoch: 'e2' }), 101);
    expect(adoption.due(111)).toEqual({ ...absent, epoch: 'e2' });
  });

  it('ends for an adopter as soon as the agent is seen', () => {
    const adoption = createAdoption('self');
    const absent = { agent: 'dead', epoch: 'e1', models: ['sonar'] };
    expect(adoption.isAway(absent, 5)).toBe(false);
    adoption.record(offline('dead'), 5);
    expect(adoption.isAway(absent, 5)).toBe(true);
    adoption.record(status('dead', { epoch: 'e2' }), 6);
    expect(adoption.isAway(absent, 6)).toBe(false);
    expect(adoption.isAway(absent, 99)).toBe(false);
  });
});

describe('the adopter', () => {
  const members = ['edge-1', 'edge-2', 'edge-3', 'edge-4'];
  const adoptersOf = (dead: string, epoch: string, nowMs = 30) =>
    members.filter((self) => {
      const adoption = createAdoption(self);
      for (const member of members) adoption.record(status(member, { epoch: member }), 20);
      adoption.record(offline(dead, { epoch }), 20);
      return adoption.due(nowMs) !== null;
    });

  it('is one of the living, and all of them agree who', () => {
    for (let life = 0; life < 50; life += 1) {
      const [adopter, ...others] = adoptersOf('dead', `e${life}`);
      expect(others).toEqual([]);
      const hashes = members.map((member) => ({
        member,
        hash: rendezvousHash(member, { agent: 'dead', epoch: `e${life}` }),
      }));
      hashes.sort((one, other) => (one.hash < other.hash ? 1 : -1));
      expect(adopter).toBe(hashes[0]?.member);
    }
  });

  it('is followed by the next, one grace later each, where it does nothing', () => {
    for (const [nowMs, count] of [
      [29, 0],
      [39, 1],
      [40, 2],
      [50, 3],
      [60, 4],
    ] as const)
      expect(adoptersOf('dead', 'e1', nowMs)).toHaveLength(count);
  });

  it('changes from life to life, so that nobody has all the work', () => {
    const adopters = Array.from({ length: 50 }, (_, life) => adoptersOf('dead', `e${life}`)[0]);
    expect(new Set(adopters)).toEqual(new Set(members));
  });

  it('is not one that is away, of another group, or without the models', () => {
    for (const away of [
      offline('rival', { reason: SESSION_ENDED }),
      status('rival', { group: 'others' }),
      status('rival', { models: modelsOf('iris') }),
    ]) {
      for (let life = 0; life < 20; life += 1) {
        const epoch = `e${life}`;
        expect(dueAt(30, [away, 20], [offline('dead', { epoch }), 20])).toBe(`dead ${epoch}`);
      }
    }
    const lives = Array.from({ length: 20 }, (_, life) => `e${life}`);
    const ours = lives.filter((epoch) =>
      dueAt(30, [status('rival'), 20], [offline('dead', { epoch }), 20]),
    );
    expect(ours.length).toBeGreaterThan(0);
    expect(ours.length).toBeLessThan(20);
  });
});
