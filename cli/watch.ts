// echolot watch: an operator's view of agents, clients and answers, live or as lines of JSON.
import { startWatch, type WatchOptions } from '../devices/watch.ts';
import { toWatchLine, type WatchEvent } from '../devices/watch-events.ts';
import { applyWatchEvent, createWatchState } from '../devices/watch-state.ts';
import { renderWatchTable } from '../devices/watch-table.ts';
import { readConnection, requireClientId } from './connection.ts';
import type { Context } from './context.ts';
import { LiveRegion } from './live-region.ts';
import { createTerminalLog } from './log.ts';
import type { Settings } from './settings.ts';
import { listenForStop } from './stop-signal.ts';

interface View {
  onEvent(event: WatchEvent): void;
  close(): void;
}

/** Runs until a signal. */
export async function runWatch(
  settings: Settings<'observer'>,
  { json }: { readonly json?: boolean },
  context: Context,
): Promise<void> {
  const { stderr, stdout } = context;
  const log = createTerminalLog(settings.logLevel, (line) => stderr.write(`${line}\n`));
  const clientId = requireClientId(settings, 'operator');
  const connection = readConnection(settings, clientId, log);
  const stop = listenForStop();
  const view = json || !stdout.isTTY ? lineView(context, log) : liveView(context);
  const options: WatchOptions = {
    ...connection,
    clientId,
    namespace: settings.namespace,
    onEvent: (event) => view.onEvent(event),
  };
  const watch = startWatch(options);
  const refused = watch.failed.then((error) => {
    throw error;
  });
  try {
    await Promise.race([stop.requested, refused]);
  } finally {
    view.close();
    await watch.stop();
  }
}

function liveView(context: Context): View {
  const now = () => performance.now();
  const state = createWatchState(now());
  const region = new LiveRegion(context, (screen) =>
    renderWatchTable(state, { ...screen, nowMs: now() }),
  );
  return {
    onEvent: (event) => applyWatchEvent(state, event, now()),
    close: () => region.close(),
  };
}

function lineView({ stdout }: Context, log: ReturnType<typeof createTerminalLog>): View {
  return {
    onEvent: (event) => {
      const line = toWatchLine(event, new Date());
      if (line !== null) stdout.write(`${line}\n`);
      else if (event.type === 'lost' || event.type === 'unreachable') {
        log.warn({ detail: event.detail }, 'broker away, trying again');
      } else if (event.type === 'unreadable') {
        log.warn({ topic: event.topic }, 'unreadable message');
      }
    },
    close: () => {},
  };
}
