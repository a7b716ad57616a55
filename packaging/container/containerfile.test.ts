import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { faultsOfArguments, faultsOfVariables } from '../settings.fixture.ts';
import { readContainerfile } from './containerfile.fixture.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const instructions = readContainerfile(join(ROOT, 'packaging', 'container', 'Containerfile'));
const start = instructions.findLastIndex(({ name }) => name === 'FROM');
const image = instructions.slice(start);

const allOf = (name: string, from = instructions) =>
  from.filter((each) => each.name === name).map(({ rest }) => rest);
const lastOf = (name: string) => allOf(name, image).at(-1) ?? '';
const words = (name: string) => JSON.parse(lastOf(name).replace(/^.*CMD /, '')) as string[];
const variables = Object.fromEntries(
  lastOf('ENV')
    .split(' ')
    .map((pair) => pair.split('=') as [string, string]),
);
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly bin: Readonly<Record<string, string>>;
};
/** Patterns of .dockerignore that let something in. */
const admitted = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));

describe('the Containerfile', () => {
  it('builds in one stage and ships another, from one image of a named version', () => {
    expect(allOf('FROM')).toEqual(['$NODE_IMAGE AS build', '$NODE_IMAGE']);
    expect(allOf('ARG')).toEqual([
      expect.stringMatching(/^NODE_IMAGE=docker\.io\/library\/node:\d+-bookworm-slim$/),
    ]);
  });

  it('copies what is there', () => {
    const [first, all, staged] = allOf('COPY').map((rest) => rest.split(' ').slice(0, -1));
    expect([all, staged]).toEqual([['.'], ['--from=build', '/stage']]);
    for (const path of [...(first ?? []), ...admitted]) {
      expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
    }
    expect(admitted).toEqual(expect.arrayContaining(first ?? []));
  });

  it('lets in what is compiled, and nothing that is not in the repository', () => {
    const { include } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.build.json'), 'utf8')) as {
      readonly include: readonly string[];
    };
    expect(admitted).toEqual(expect.arrayContaining([...include]));
    expect(admitted).not.toContain('node_modules');
    expect(admitted).not.toContain('dist');
  });

  it('runs as a user by its number, who is not root and owns what is written', () => {
    const user = lastOf('USER');
    expect(user).toBe('10001:10001');
    const [id] = user.split(':');
    const setUp = allOf('RUN', image)[0] ?? '';
    expect(setUp).toContain(`useradd --uid ${id} --gid ${id}`);
    expect(setUp).toContain(`install --directory --owner=${id} --group=${id} --mode=0700`);
    for (const folder of [variables['HOME'], variables['ECHOLOT_STATE_DIR']]) {
      expect(setUp).toContain(` ${folder} `);
    }
    expect(image.findIndex(({ name }) => name === 'USER')).toBeGreaterThan(
      image.findLastIndex(({ name }) => name === 'RUN'),
    );
  });

  it('keeps its state in a volume and its health in the folder of a tmpfs', () => {
    expect(words('VOLUME')).toEqual([variables['ECHOLOT_STATE_DIR']]);
    expect(variables['ECHOLOT_HEALTH_FILE']).toMatch(/^\/tmp\/[^/]+$/);
  });

  it('gives settings that an agent has, and no secrets', () => {
    expect(faultsOfVariables(variables, 'agent')).toEqual([]);
    expect(Object.keys(variables).join(' ')).not.toMatch(/password|secret|token|key/i);
    expect(allOf('ARG', image)).toEqual([]);
  });

  it('starts commands that the package has, without a shell, and asks after health by one of them', () => {
    const links = allOf('RUN', image).join(' ');
    for (const [[path], name] of [
      [words('ENTRYPOINT'), 'echolot'],
      [words('HEALTHCHECK'), 'echolot-health'],
    ] as const) {
      expect(path).toBe(`/usr/local/bin/${name}`);
      expect(links).toContain(`ln -s /opt/echolot/${manifest.bin[name]} ${path}`);
    }
    expect(faultsOfArguments(words('CMD'))).toEqual([]);
    expect(lastOf('HEALTHCHECK')).toMatch(/--timeout=10s .*--retries=3 CMD \["/);
  });

  it('is stopped by the signal that drains', () => {
    expect(allOf('STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  it('fetches nothing but what the lock file names', () => {
    const run = allOf('RUN').join('\n');
    expect(run).toMatch(/^npm ci /);
    expect(run).not.toMatch(/curl|wget|apt-get|npm install|sudo|\bADD\b/);
    expect(allOf('ADD')).toEqual([]);
  });
});

describe('the programs of the image', () => {
  it.each(Object.values(manifest.bin))('%s begins with the line that starts Node', (path) => {
    const source = join(ROOT, path.replace(/^dist\//, '').replace(/\.js$/, '.ts'));
    expect(readFileSync(source, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });
});
