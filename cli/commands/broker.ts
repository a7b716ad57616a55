// echolot broker: the embedded broker, on the identities of a store.
import type { Command } from 'commander';
import { startEmbeddedBroker } from '../../broker/embedded-broker.ts';
import { addCommand, settingsOf } from '../command.ts';
import { urlOf } from '../broker-address.ts';
import type { Context } from '../context.ts';
import { createServiceLog } from '../log.ts';
import { loadExtension } from '../policy.ts';
import { listenForStop } from '../stop-signal.ts';
import { connectManager } from '../supervision.ts';
import { prepareTls } from '../tls-listeners.ts';

export function addBrokerCommand(program: Command, context: Context): void {
  addCommand(program, {
    name: 'broker',
    summary: 'run the embedded broker on the identities of a store',
    kind: 'broker',
    examples: [
      'echolot identity add edge-1 --role predictor > edge-1.password',
      'echolot broker',
      'echolot broker --tls-port 8883 --tls-host 0.0.0.0 --tls-names broker.example',
      'echolot broker --host 0.0.0.0 --port 1884 --ws-port off --data-dir ./sessions',
    ],
  }).action(async (_, command: Command) => {
    const settings = settingsOf('broker', context, command);
    const { dataDir, group, host, namespace, port, store, wsPort } = settings;
    const log = createServiceLog(settings.logLevel);
    context.log = log;
    const stop = listenForStop();
    const extension = await loadExtension(settings);
    const tls = await prepareTls(settings);
    const broker = await startEmbeddedBroker({
      store,
      host,
      port,
      wsPort: wsPort === 'off' ? null : wsPort,
      ...(dataDir === null ? {} : { dataDir }),
      ...(tls === null ? {} : { tls }),
      namespace,
      group,
      extension,
      log,
    });
    const manager = await connectManager(context.env, log);
    manager?.send('READY=1', `STATUS=listening on ${urlOf(broker)}`);
    await stop.requested;
    manager?.send('STOPPING=1');
    await broker.stop();
  });
}
