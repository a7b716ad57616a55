// The examination of an agent before it serves, or when it does not: one finding after the other.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { loadModel } from '../agent/load-model.ts';
import { readConnection, requireAgentId } from './connection.ts';
import { examineBroker } from './doctor-broker.ts';
import { type Finding, failed, failure, ok, skipped, warning } from './doctor-finding.ts';
import {
  checkClock,
  checkDisk,
  checkLibraries,
  checkNode,
  readSynchronized,
} from './doctor-machine.ts';
import { checkWorkers } from './served-model.ts';
import type { Settings } from './settings.ts';

const DAY_MS = 86_400_000;
const RENEW_DAYS = 30;

/**
 * Examines what an agent with these settings would need. Never rejects.
 * @param timeoutMs for each step at the broker
 */
export async function examine(
  settings: Readonly<Settings<'agent'>>,
  timeoutMs: number,
): Promise<Finding[]> {
  const machine = [checkNode(process.versions.node), await checkLibraries()];
  const disk = checkDisk(settings.stateDir);
  const model = await checkModel(settings);
  const broker = await visitBroker(settings, timeoutMs);
  return [...machine, disk, model, ...broker];
}

async function visitBroker(
  settings: Readonly<Settings<'agent'>>,
  timeoutMs: number,
): Promise<Finding[]> {
  const warnings: string[] = [];
  const log = pino(
    { level: 'warn', base: null },
    {
      write: (line: string) => {
        const { msg, path, remedy } = JSON.parse(line) as Record<string, string>;
        warnings.push(`${msg}: ${path} (${remedy})`);
      },
    },
  );
  const clock = (heartbeatsMs: readonly number[] = []) =>
    checkClock(Date.now(), heartbeatsMs, readSynchronized());
  try {
    const agentId = requireAgentId(settings);
    const bus = readConnection(settings, agentId, log);
    const { namespace } = settings;
    const { findings, heartbeatsMs } = await examineBroker({ agentId, namespace, bus, timeoutMs });
    return [checkCredentials(settings, warnings), ...findings, clock(heartbeatsMs)];
  } catch (error) {
    const rest = ['broker', 'tls', 'login', 'rights'];
    return [
      failure('credentials', error, 'Mend what is named.'),
      ...rest.map((check) => skipped(check, 'the credentials come first')),
      clock(),
    ];
  }
}

function checkCredentials(
  { cert, passwordFile }: Readonly<Settings<'agent'>>,
  warnings: readonly string[],
): Finding {
  const [first] = warnings;
  if (first !== undefined) return warning('credentials', first, 'Take these rights away.');
  if (cert === null && passwordFile === null) {
    const detail = 'neither a password nor a certificate';
    const remedy =
      'Give --password-file, or --cert and --key; without them only a broker that lets everybody in will do.';
    return warning('credentials', detail, remedy);
  }
  if (cert === null) return ok('credentials', `the password in ${passwordFile}`);
  const end = Date.parse(new X509Certificate(readFileSync(cert)).validTo);
  const days = Math.floor((end - Date.now()) / DAY_MS);
  const remedy =
    'Renew it where the identities are kept: "echolot identity rotate NAME --certificate".';
  if (days < 0) return failed('credentials', `the certificate ${cert} has expired`, remedy);
  const detail = `the certificate ${cert}, valid for ${days} days`;
  return days < RENEW_DAYS ? warning('credentials', detail, remedy) : ok('credentials', detail);
}

async function checkModel(settings: Readonly<Settings<'agent'>>): Promise<Finding> {
  const { inference, model, modelKey, runtime } = settings;
  try {
    checkWorkers(settings);
    const key = modelKey ?? undefined;
    const classifier = await loadModel({ directory: model, key, runtime, inference });
    const { name, runtime: computes, version } = classifier.model;
    await classifier.close();
    const signed = modelKey === null ? '' : ', signed';
    return ok('model', `${name} ${version} (${computes}${signed}), tried and right`);
  } catch (error) {
    return failure('model', error, 'Try it alone with "echolot model verify".');
  }
}
