// From settings to the policy: the built-in one with what the file of --policy adds.
import { createPolicy, type Policy, type PolicyExtension } from '../broker/policy.ts';
import { readPolicyFile } from '../broker/policy-file.ts';
import type { AllSettings } from './settings.ts';

/** @throws {PolicyFileError} the file cannot be read or used */
export async function loadPolicy(
  settings: Pick<AllSettings, 'policy' | 'namespace' | 'group'>,
): Promise<Policy> {
  const { group, namespace } = settings;
  return createPolicy({ namespace, group, extension: await loadExtension(settings) });
}

/** What the file adds; nothing where none is named. */
export async function loadExtension({
  policy,
}: Pick<AllSettings, 'policy'>): Promise<PolicyExtension | undefined> {
  return policy === null ? undefined : readPolicyFile(policy);
}
