// Signals that reach all processes of a service or a terminal, and are meant for the agent.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/**
 * For a child of the agent: it lives on, since the agent drains first and ends it then, and its end would look
 * like a crash of the model. Node's inspector, which SIGUSR1 opens, stays shut.
 */
export function outliveSignals(): void {
  for (const signal of SIGNALS) process.on(signal, () => {});
}
