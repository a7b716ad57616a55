// Why a run of chaos cannot begin; nothing of Echolot has failed.

/** `exitCode` is that of the command. */
export class ChaosError extends Error {
  readonly code = 'CHAOS_IMPOSSIBLE';
  readonly remedy: string;
  readonly exitCode: number;

  constructor(message: string, remedy: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ChaosError';
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}
