import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { faultsOfArguments, faultsOfVariables } from '../settings.fixture.ts';
import { COMPOSE_FILE, readCompose, type Service } from './compose.fixture.ts';
import { readContainerfile } from './containerfile.fixture.ts';

const { services, volumes } = readCompose();
const all = Object.entries(services);
const service = (name: string): Service => {
  const found = services[name];
  if (!found) throw new Error(`there is no service ${name}`);
  return found;
};
const instructions = readContainerfile(join(dirname(COMPOSE_FILE), 'Containerfile'));
const script = readFileSync(join(dirname(COMPOSE_FILE), 'setup.sh'), 'utf8');

describe('the compose file', () => {
  it('has a broker, its set-up, an agent, and a device for who asks for it', () => {
    expect(Object.keys(services)).toEqual(['setup', 'edge', 'broker', 'agent', 'device']);
    expect(all.flatMap(([name, { profiles }]) => (profiles ? [name] : []))).toEqual(['device']);
  });

  it.each(all)('%s is a named version, its root read-only, without rights', (_, each) => {
    expect(each.image).toMatch(/:\d+\.\d+\.\d+$/);
    const user = instructions.find(({ name }) => name === 'USER')?.rest;
    expect(each).toMatchObject({
      user,
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      tmpfs: ['/tmp'],
    });
  });

  it('publishes to this machine alone', () => {
    expect(all.flatMap(([, { ports = [] }]) => ports)).toEqual(['127.0.0.1:1883:1883']);
  });

  it('uses the volumes that it names, and files that are there', () => {
    const used = all.flatMap(([, each]) => (each.volumes ?? []).map((volume) => volume.split(':')));
    const named = used.flatMap(([from = '']) => (from.startsWith('.') ? [] : [from]));
    expect([...new Set(named)].toSorted()).toEqual(Object.keys(volumes).toSorted());
    for (const [from = ''] of used.filter(([path]) => path?.startsWith('.'))) {
      expect([from, existsSync(join(dirname(COMPOSE_FILE), from))]).toEqual([from, true]);
    }
  });

  it('mounts volumes where the image has a folder of its user, since they take over its owner', () => {
    const setUp = instructions.find(({ rest }) => rest.startsWith('groupadd'))?.rest ?? '';
    const places = all.flatMap(([, each]) =>
      (each.volumes ?? [])
        .map((volume) => volume.split(':')[1] ?? '')
        .filter((path) => path !== '/setup.sh'),
    );
    for (const place of places) expect(`${setUp} `).toContain(` ${place} `);
  });

  it('shows a password to its owner alone, and to nobody by a variable', () => {
    const readers = (volume: string) =>
      all.flatMap(([name, each]) =>
        (each.volumes ?? []).some((mount) => mount.startsWith(`${volume}:`)) ? [name] : [],
      );
    expect(readers('identities')).toEqual(['setup']);
    expect(readers('agent-password')).toEqual(['setup', 'agent']);
    expect(readers('device-password')).toEqual(['setup', 'device']);
    for (const [, { environment = {} }] of all) {
      for (const name of Object.keys(environment)) {
        expect(name).not.toMatch(/(PASSWORD|SECRET|TOKEN)$/);
      }
    }
  });

  it('gives settings and arguments that the command has', () => {
    const { agent, device } = { agent: service('agent'), device: service('device') };
    expect(faultsOfVariables(agent.environment ?? {}, 'agent')).toEqual([]);
    expect(faultsOfVariables(device.environment ?? {}, 'replay')).toEqual([]);
    expect(faultsOfArguments(agent.command ?? [])).toEqual([]);
    expect(faultsOfArguments(device.command ?? [])).toEqual([]);
  });

  it('keeps the listener of predictors on loopback, within the network that agent and broker share', () => {
    for (const name of ['agent', 'broker']) {
      expect(service(name).network_mode).toBe('service:edge');
    }
    const { ECHOLOT_BROKER_URL: url = '' } = service('agent').environment ?? {};
    expect(script).toContain(`--inner ${new URL(url).host} `);
    expect(new URL(url).hostname).toBe('127.0.0.1');
  });

  it('enrols the agent and the device by the names that they use', () => {
    expect(script).toContain(
      `enrol ${service('agent').environment?.['ECHOLOT_AGENT_ID']} predictor`,
    );
    expect(script).toContain(
      `enrol ${service('device').environment?.['ECHOLOT_CLIENT_ID']} client`,
    );
  });

  it('lets agent and broker stop as long as a drain may take', () => {
    expect(service('agent').stop_grace_period).toBe('20s');
    expect(service('broker').stop_grace_period).toBe('20s');
  });
});

describe('the set-up', () => {
  const calls = script
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .flatMap((line) => /(?:^|\s)echolot ([^>&|]+)/.exec(line)?.[1] ?? [])
    .map((call) => call.trim().split(' '));

  it.each(calls.map((call) => [call.join(' '), call] as const))(
    'can call echolot %s',
    (_, call) => {
      expect(faultsOfArguments(call)).toEqual([]);
    },
  );

  it('calls four commands', () => {
    const names = calls.map(([first, second]) => `${first} ${second}`);
    expect(names).toEqual(['identity list', 'identity remove', 'identity add', 'policy render']);
  });

  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  /** Volumes, and a set-up that may be run over them again; each password is another. */
  function volumes() {
    const folder = mkdtempSync(join(tmpdir(), 'echolot-setup-'));
    folders.push(folder);
    for (const each of ['identities', 'agent', 'device']) mkdirSync(join(folder, each));
    const echolot = [
      '#!/bin/sh',
      `store=${folder}/identities`,
      'case "$1 $2" in',
      `"identity list") for each in $(ls $store); do echo "{\\"name\\":\\"$each\\"}"; done;;`,
      '"identity remove") rm $store/$3;;',
      `"identity add") echo $3 >> ${folder}/added; touch $store/$3; echo "password $(wc -l < ${folder}/added)";;`,
      'esac',
    ];
    writeFileSync(join(folder, 'echolot'), echolot.join('\n'), { mode: 0o755 });
    const text = script.replace('home=/var/lib/echolot', `home=${folder}`);
    return {
      folder,
      setUp: () => {
        const env = { PATH: `${folder}:${process.env['PATH']}` };
        const { status, stderr } = spawnSync('sh', ['-c', text], { encoding: 'utf8', env });
        expect([status, stderr]).toEqual([0, '']);
        return ['agent', 'device'].map((each) =>
          readFileSync(join(folder, each, 'password'), 'utf8').trim(),
        );
      },
    };
  }

  it('leaves a password to who has one', () => {
    const { setUp } = volumes();
    expect(setUp()).toEqual(['password 1', 'password 2']);
    expect(setUp()).toEqual(['password 1', 'password 2']);
  });

  it('enrols again whose identity is lost, or whose password is', () => {
    const { folder, setUp } = volumes();
    setUp();
    rmSync(join(folder, 'identities', 'edge-1'));
    expect(setUp()).toEqual(['password 3', 'password 2']);
    rmSync(join(folder, 'device', 'password'));
    expect(setUp()).toEqual(['password 3', 'password 4']);
  });
});
