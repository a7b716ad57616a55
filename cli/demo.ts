// echolot up --demo: broker, agent and three simulated devices in one process, with a view of the answers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../agent/load-model.ts';
import { openIdentityStore } from '../broker/identity-store.ts';
import { startSimulator } from '../devices/simulator.ts';
import { loadReplayRows } from '../models/dataset.ts';
import { reachableHost, urlOf } from './broker-address.ts';
import type { Context } from './context.ts';
import { type Credentials, demoLines } from './demo-lines.ts';
import { startDemoView } from './demo-view.ts';
import { startBrokerOnFreePorts } from './listeners.ts';
import { createTerminalLog } from './log.ts';
import { startOwnAgent } from './own-agent.ts';
import type { Settings } from './settings.ts';
import { listenForStop, type Stop } from './stop-signal.ts';

const AGENT = 'demo-agent';
const DEVICES = ['device-1', 'device-2', 'device-3'];
/** Readings per second and device: lively, and still to be read. */
const RATE = 1;

/** Runs until a signal, and leaves nothing behind. */
export async function runDemo(settings: Settings<'demo'>, context: Context): Promise<void> {
  const stop = listenForStop();
  const folder = mkdtempSync(join(tmpdir(), 'echolot-demo-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // Also where a second signal forces the end.
  process.once('exit', remove);
  try {
    await demonstrate(settings, join(folder, 'store'), stop, context);
  } finally {
    process.off('exit', remove);
    remove();
  }
}

async function demonstrate(
  settings: Settings<'demo'>,
  folder: string,
  stop: Stop,
  context: Context,
): Promise<void> {
  const { group, host, model, modelKey, namespace, port, runtime, wsPort } = settings;
  const view = startDemoView(context, DEVICES);
  const log = createTerminalLog(settings.logLevel, (line) => view.say(line));
  const store = await openIdentityStore(folder);
  const enroll = async (name: string, role: 'client' | 'operator' | 'predictor') => {
    const { password } = await store.add(name, role);
    return { name, password };
  };
  const operator = await enroll('watcher', 'operator');
  const guest = await enroll('guest', 'client');
  const devices: Credentials[] = [];
  for (const name of DEVICES) devices.push(await enroll(name, 'client'));
  const { password } = await enroll(AGENT, 'predictor');

  const classifier = await loadModel({ directory: model, key: modelKey ?? undefined, runtime });
  const { rows } = await loadReplayRows(model);
  const broker = await startBrokerOnFreePorts(
    { store, host, port, wsPort: wsPort === 'off' ? null : wsPort, namespace, group, log },
    (line) => view.say(line),
  );
  const url = urlOf(broker);
  const agent = startOwnAgent({
    agentId: AGENT,
    password,
    broker,
    classifier,
    namespace,
    group,
    log,
  });
  try {
    await Promise.race([agent.ready, agent.failed, stop.requested]);
    if (stop.isRequested) return;
    const { name } = classifier.model;
    view.say(`${AGENT} serves ${name} ${classifier.model.version} on ${url}\n`);
    const values = rows[0]?.values ?? [];
    const at = { host: reachableHost(host), port: broker.port, namespace, model: name };
    view.say(demoLines({ ...at, operator, guest, values }));
    const simulator = startSimulator({
      url,
      namespace,
      model: name,
      rows,
      rate: RATE,
      devices: devices.map((device) => ({ clientId: device.name, password: device.password })),
      onPrediction: (prediction) => view.prediction(prediction),
      onProblem: (problem) => view.problem(problem),
    });
    try {
      await Promise.race([stop.requested, agent.failed, simulator.failed.then(raise)]);
    } finally {
      await simulator.stop();
    }
  } finally {
    view.close();
    await agent.stop({ leave: true, timeoutMs: 500 });
    await broker.stop();
  }
}

function raise(error: Error): never {
  throw error;
}
