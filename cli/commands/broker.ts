// echolot broker: the embedded broker, on the identities of a store.
import type { Command } from 'commander';
import { startEmbeddedBroker } from '../../broker/embedded-broker.ts';
import { addCommand, settingsOf } from '../command.ts';
import { urlOf } from '../broker-address.ts';
import type { Context } from '../context.ts';
import { loadExtension } from '../policy.ts';
import { type PrettyFlag, startServiceLog, withLogFlags } from '../service-log.ts';
import { listenForStop } from '../stop-signal.ts';
import { connectManager } from '../supervision.ts';
import { prepareTls } from '../tls-listeners.ts';

export function addBrokerCommand(program: Command, context: Context): void {
  const command = addCommand(program, {
    name: 'broker',
    summary: 'run the embedded broker on the identities of a store',
    kind: 'broker',
    examples: [
      'echolot identity add edge-1 --role predictor > edge-1.password',
      'echolot broker',
      'echolot broker --tls-port 8883 --tls-host 0.0.0.0 --tls-names broker.example',
      'echolot broker --host 0.0.0.0 --port 1884 --ws-port off --data-dir ./sessions',
    ],
  });
  withLogFlags(command).action(async (flags: PrettyFlag) => {
    const settings = settingsOf('broker', context, command);
    const { dataDir, group, host, namespace, port, store, wsPort } = settings;
    const log = startServiceLog(context, settings.logLevel, flags);
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
