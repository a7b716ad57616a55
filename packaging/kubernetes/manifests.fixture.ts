// For tests: the manifests, as far as they are looked at.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const FOLDER = fileURLToPath(new URL('.', import.meta.url));

export interface Probe {
  readonly exec: { readonly command: readonly [string, ...string[]] };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

interface Mount {
  readonly name: string;
  readonly mountPath: string;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: unknown;
  readonly volumeMounts: readonly Mount[];
}

interface Labels {
  readonly matchLabels: Readonly<Record<string, string>>;
}

export interface StatefulSet {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly serviceName: string;
    readonly selector: Labels;
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: Readonly<Record<string, unknown>>;
        readonly containers: readonly [Container];
        readonly volumes: readonly (Readonly<Record<string, unknown>> & {
          readonly name: string;
        })[];
      };
    };
  };
}

export interface Autoscaler {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly scaleTargetRef: Readonly<Record<string, string>>;
    readonly minReplicas: number;
    readonly metrics: readonly { readonly type: string }[];
  };
}

export interface Kustomization {
  readonly kind: string;
  readonly resources?: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
  readonly images?: readonly { readonly name: string; readonly newTag: string }[];
  readonly configMapGenerator?: readonly {
    readonly name: string;
    readonly literals: readonly string[];
  }[];
}

/** Each file below the folder, by its path. */
export function listManifests(): string[] {
  const all = readdirSync(FOLDER, { recursive: true }) as string[];
  return all.filter((path) => path.endsWith('.yaml')).toSorted();
}

export function readManifest<Of>(path: string): Of {
  return parse(readFileSync(join(FOLDER, path), 'utf8')) as Of;
}
