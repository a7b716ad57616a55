// What a check found, and how it is told.

export interface Finding {
  readonly check: string;
  /** `skipped`: it could not be checked, because of another finding. */
  readonly result: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly detail: string;
  /** What to do. */
  readonly remedy?: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, result: 'ok', detail });

export const warning = (check: string, detail: string, remedy: string): Finding => ({
  check,
  result: 'warning',
  detail,
  remedy,
});

export const failed = (check: string, detail: string, remedy: string): Finding => ({
  check,
  result: 'failed',
  detail,
  remedy,
});

/** One that waits for another to be mended. */
export const skipped = (check: string, because: string): Finding => ({
  check,
  result: 'skipped',
  detail: `not checked: ${because}`,
});

/** The finding of an error that says itself what to do; any other is told as it is. */
export function failure(check: string, error: unknown, remedy: string): Finding {
  const { message, remedy: own } = error as { readonly message?: string; readonly remedy?: string };
  return failed(check, message ?? String(error), own ?? remedy);
}

/** A line for the finding, and one for the remedy. */
export function findingLines({ check, detail, remedy, result }: Finding): string[] {
  const line = `${result.padEnd(7)}  ${check.padEnd(11)}  ${detail}`;
  return remedy === undefined ? [line] : [line, `${' '.repeat(22)}-> ${remedy}`];
}
