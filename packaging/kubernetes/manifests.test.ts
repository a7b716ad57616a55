import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readContainerfile } from '../container/containerfile.fixture.ts';
import { faultsOfArguments, faultsOfVariables } from '../settings.fixture.ts';
import {
  type Autoscaler,
  FOLDER,
  type Kustomization,
  listManifests,
  readManifest,
  type StatefulSet,
} from './manifests.fixture.ts';

/** What these versions of Kubernetes' interfaces know at the top of a resource and of its `spec`. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  'v1 Service': ['clusterIP', 'selector'],
  'apps/v1 StatefulSet': ['serviceName', 'podManagementPolicy', 'selector', 'template'],
  'policy/v1 PodDisruptionBudget': ['maxUnavailable', 'unhealthyPodEvictionPolicy', 'selector'],
  'networking.k8s.io/v1 NetworkPolicy': ['podSelector', 'policyTypes', 'ingress', 'egress'],
  'autoscaling/v2 HorizontalPodAutoscaler': [
    'scaleTargetRef',
    'minReplicas',
    'maxReplicas',
    'metrics',
    'behavior',
  ],
};
const KUSTOMIZATIONS = [
  'kustomize.config.k8s.io/v1beta1 Kustomization',
  'kustomize.config.k8s.io/v1alpha1 Component',
];

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

const paths = listManifests();
const kustomizations = paths.filter((path) => path.endsWith('kustomization.yaml'));
const resources = paths.filter((path) => !kustomizations.includes(path));
const set = readManifest<StatefulSet>('base/stateful-set.yaml');
const base = readManifest<Kustomization>('base/kustomization.yaml');
const pod = set.spec.template.spec;
const [agent] = pod.containers;
const image = readContainerfile(join(FOLDER, '..', 'container', 'Containerfile'));
const ofImage = (name: string) => image.findLast((each) => each.name === name)?.rest ?? '';
const literals = (each: Kustomization) =>
  Object.fromEntries(
    (each.configMapGenerator ?? []).flatMap((map) =>
      map.literals.map((literal) => literal.split('=') as [string, string]),
    ),
  );

describe('the manifests', () => {
  it.each(resources)('%s is of a known kind, with known parts and no namespace', (path) => {
    const { apiVersion, kind, metadata, spec, ...more } = readManifest<Resource>(path);
    expect(Object.keys(KINDS)).toContain(`${apiVersion} ${kind}`);
    expect(KINDS[`${apiVersion} ${kind}`]).toEqual(expect.arrayContaining(Object.keys(spec)));
    expect(Object.keys(metadata).filter((key) => key !== 'name' && key !== 'labels')).toEqual([]);
    expect(more).toEqual({});
  });

  it.each(kustomizations)('%s names every file beside it, and no other', (path) => {
    const each = readManifest<Kustomization & Resource>(path);
    expect(KUSTOMIZATIONS).toContain(`${each.apiVersion} ${each.kind}`);
    const named = [...(each.resources ?? []), ...(each.patches ?? []).map((patch) => patch.path)];
    const folder = dirname(path);
    const beside = resources.filter((other) => dirname(other) === folder);
    expect(named.map((file) => join(folder, file)).toSorted()).toEqual(beside);
  });

  it('set no image to what changes under its name', () => {
    expect(base.images).toEqual([
      { name: agent.image, newName: expect.any(String), newTag: expect.stringMatching(/^\d/) },
    ]);
    for (const path of paths) {
      expect(readFileSync(join(FOLDER, path), 'utf8')).not.toMatch(/:latest|newTag: latest/);
    }
  });

  it('are about the same pods', () => {
    const { labels } = set.spec.template.metadata;
    expect(set.spec.selector.matchLabels).toEqual(labels);
    const texts = resources
      .filter((path) => path.startsWith('base/'))
      .map((path) => readManifest<Resource>(path));
    for (const { spec } of texts) {
      const selector = spec['selector'] ?? spec['podSelector'];
      const matched = (selector as { matchLabels?: unknown }).matchLabels ?? selector;
      expect(matched).toEqual(labels);
    }
    expect(set.spec.serviceName).toBe(readManifest<Resource>('base/service.yaml').metadata['name']);
  });
});

describe('a pod', () => {
  it('has no rights, a read-only root, and the user of the image', () => {
    const [uid, gid] = ofImage('USER').split(':').map(Number);
    expect(pod.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: uid,
      runAsGroup: gid,
      fsGroup: gid,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(agent.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('may write where the image says that it writes', () => {
    const writable = pod.volumes.filter((volume) => 'emptyDir' in volume).map(({ name }) => name);
    const places = agent.volumeMounts
      .filter(({ name }) => writable.includes(name))
      .map(({ mountPath }) => mountPath);
    expect(places).toEqual([...(JSON.parse(ofImage('VOLUME')) as string[]), '/tmp']);
  });

  it('asks after health by the program of the image, and is not restarted for its broker', () => {
    const program = /CMD \["\/usr\/local\/bin\/([^"]+)"\]/.exec(ofImage('HEALTHCHECK'))?.[1];
    const { livenessProbe, readinessProbe, startupProbe } = agent;
    for (const probe of [livenessProbe, startupProbe]) {
      expect(probe.exec.command).toEqual([program, '--live']);
    }
    expect(readinessProbe.exec.command).toEqual([program]);
    const patience = livenessProbe.periodSeconds * livenessProbe.failureThreshold;
    expect(patience).toBeGreaterThanOrEqual(30);
  });

  it('may take as long to stop as a drain takes, and a little more', () => {
    const unit = readFileSync(
      join(FOLDER, '..', '..', 'systemd', 'echolot-agent@.service'),
      'utf8',
    );
    const stopS = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(stopS + 10);
  });

  it('gives settings and arguments that an agent has, and no secrets', () => {
    const variables = agent.env.map(({ name, value = 'a field' }) => [name, value] as const);
    expect(faultsOfVariables(Object.fromEntries(variables), 'agent')).toEqual([]);
    expect(faultsOfArguments(agent.args)).toEqual([]);
    for (const path of kustomizations) {
      const given = literals(readManifest<Kustomization>(path));
      expect(faultsOfVariables(given, 'agent')).toEqual([]);
      expect(Object.keys(given).join(' ')).not.toMatch(/PASSWORD|SECRET|TOKEN/);
    }
  });

  it('finds its password and the authority where the settings say', () => {
    const mounted = agent.volumeMounts.map(({ mountPath }) => mountPath);
    const files = agent.env.flatMap(({ value }) => (value?.startsWith('/') ? [value] : []));
    expect(files).toEqual(['/etc/echolot/password', '/etc/echolot/ca.crt']);
    expect(mounted).toEqual(expect.arrayContaining(files));
    const volumes = pod.volumes.map(({ name }) => name);
    expect(volumes).toEqual(expect.arrayContaining(agent.volumeMounts.map(({ name }) => name)));
  });

  it('may reach the ports of the brokers that the settings name', () => {
    const policy = readFileSync(join(FOLDER, 'base', 'network-policy.yaml'), 'utf8');
    const guide = readFileSync(join(FOLDER, '..', '..', 'docs', 'containers.md'), 'utf8');
    const named = [...guide.matchAll(/ECHOLOT_BROKER_URL=(mqtts:\/\/mosquitto\.[a-z.]+:\d+)/g)];
    const urls = [literals(base)['ECHOLOT_BROKER_URL'] ?? '', ...named.map(([, url = '']) => url)];
    const ports = urls.map((url) => new URL(url).port);
    expect([...new Set(ports)].toSorted()).toEqual(['1884', '8883']);
    for (const port of ports) expect(policy).toContain(`port: ${port}\n`);
  });

  it('keeps the settings of the overlay, whatever components it has', () => {
    const components = kustomizations.filter(
      (path) => readManifest<Kustomization>(path).kind === 'Component',
    );
    expect(components).toHaveLength(3);
    for (const path of components) {
      // What a component generates is merged after what its overlay does, and wins.
      const { configMapGenerator, patches = [] } = readManifest<Kustomization>(path);
      expect([path, configMapGenerator]).toEqual([path, undefined]);
      for (const patch of patches) {
        const text = readFileSync(join(FOLDER, dirname(path), patch.path), 'utf8');
        expect(text).not.toContain('ECHOLOT_BROKER_URL');
      }
    }
  });

  it('finds certificate and key for the inner listener, where it is to adopt', () => {
    const patched = readManifest<StatefulSet>('adoption/certificates.yaml').spec.template.spec;
    const [{ env, volumeMounts }] = patched.containers;
    expect(env.map(({ value }) => value)).toEqual(volumeMounts.map(({ mountPath }) => mountPath));
    expect(
      faultsOfVariables(Object.fromEntries(env.map((e) => [e.name, e.value])), 'agent'),
    ).toEqual([]);
    expect(patched.containers[0].name).toBe(agent.name);
  });
});

describe('an autoscaler', () => {
  it.each([
    ['autoscaling-cpu', ['Resource']],
    ['autoscaling-backlog', ['External', 'External']],
  ])('%s scales the agents, two at least, and by no more than it says', (folder, types) => {
    const { spec } = readManifest<Autoscaler>(`${folder}/autoscaler.yaml`);
    expect(spec.scaleTargetRef).toEqual({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      name: set.metadata.name,
    });
    // With one alone nobody hands over and nobody takes over.
    expect(spec.minReplicas).toBe(2);
    expect(spec.metrics.map(({ type }) => type)).toEqual(types);
    expect(existsSync(join(FOLDER, folder, 'kustomization.yaml'))).toBe(true);
  });

  it('by processor time has agents that compute on one core', () => {
    const { containers } = readManifest<StatefulSet>('autoscaling-cpu/one-core.yaml').spec.template
      .spec;
    expect(containers).toEqual([
      { name: agent.name, env: [{ name: 'ECHOLOT_WORKERS', value: '1' }] },
    ]);
    expect(faultsOfVariables({ ECHOLOT_WORKERS: '1' }, 'agent')).toEqual([]);
  });

  it('by backlog asks for metrics that the guide makes of what is in stats', () => {
    const text = readFileSync(join(FOLDER, 'autoscaling-backlog', 'autoscaler.yaml'), 'utf8');
    const guide = readFileSync(join(FOLDER, '..', '..', 'docs', 'containers.md'), 'utf8');
    const asked = [...text.matchAll(/name: (echolot_\w+)/g)].map(([, name]) => name);
    expect(asked).toEqual(['echolot_received_per_second', 'echolot_queue_p95_seconds']);
    for (const name of asked) expect(guide).toContain(`name: { as: ${name} }`);
  });
});
