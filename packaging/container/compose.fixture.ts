// For tests: the compose file as its services.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export interface Service {
  readonly image: string;
  readonly user: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly tmpfs: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly network_mode?: string;
  readonly profiles?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly disable: boolean };
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly restart: string;
  readonly stop_grace_period?: string;
  readonly stop_signal?: string;
}

export interface Compose {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

export const COMPOSE_FILE = fileURLToPath(new URL('compose.yaml', import.meta.url));

export function readCompose(): Compose {
  return parse(readFileSync(COMPOSE_FILE, 'utf8'), { merge: true }) as Compose;
}

/** How `podman run` starts each key of a service; one that is not here is refused. */
const FLAGS: {
  readonly [Key in keyof Service]-?: (service: Service, project: string) => readonly string[];
} = {
  image: () => [],
  user: ({ user }) => [`--user=${user}`],
  read_only: () => ['--read-only', '--read-only-tmpfs=false'],
  cap_drop: ({ cap_drop }) => cap_drop.map((each) => `--cap-drop=${each}`),
  security_opt: ({ security_opt }) =>
    security_opt.map((each) => `--security-opt=${each.replace(':true', '')}`),
  tmpfs: ({ tmpfs }) => tmpfs.map((each) => `--tmpfs=${each}`),
  entrypoint: ({ entrypoint }) => [`--entrypoint=${JSON.stringify(entrypoint)}`],
  command: () => [],
  network_mode: ({ network_mode = '' }, project) => [
    `--network=${network_mode.replace('service:', `container:${project}-`)}`,
  ],
  profiles: () => [],
  depends_on: () => [],
  environment: ({ environment = {} }) =>
    Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`),
  healthcheck: () => ['--no-healthcheck'],
  volumes: ({ volumes = [] }, project) =>
    volumes.map((each) =>
      each.startsWith('.')
        ? `--volume=${join(dirname(COMPOSE_FILE), each)}`
        : `--volume=${project}-${each}`,
    ),
  // A free port of this machine in the place of the usual one.
  ports: ({ ports = [] }) => ports.map((each) => `--publish=${each.replace(/:\d+:/, '::')}`),
  mem_limit: ({ mem_limit }) => [`--memory=${mem_limit}`],
  pids_limit: ({ pids_limit }) => [`--pids-limit=${pids_limit}`],
  restart: ({ restart }) => [`--restart=${restart}`],
  stop_grace_period: ({ stop_grace_period = '' }) => [
    `--stop-timeout=${Number.parseInt(stop_grace_period, 10)}`,
  ],
  stop_signal: ({ stop_signal }) => [`--stop-signal=${stop_signal}`],
};

/** The arguments of podman that run a service of the file, its container named PROJECT-NAME. */
export function podmanArguments(name: string, project: string): string[] {
  const service = readCompose().services[name];
  if (!service) throw new Error(`compose.yaml has no service ${name}`);
  const flags = Object.keys(service).flatMap((key) => {
    const flag = FLAGS[key as keyof Service];
    if (!flag) throw new Error(`what podman makes of ${key} is not known here`);
    return flag(service, project);
  });
  const network = service.network_mode ? [] : [`--network=${project}:alias=${name}`];
  const { command = [], image } = service;
  return ['run', `--name=${project}-${name}`, ...network, ...flags, image, ...command];
}
