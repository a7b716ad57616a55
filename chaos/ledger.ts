// A caller's ledger: what it handed over and what it was told, one line each, appended as it happens.

/** Times are those of the machine's monotonic clock, in milliseconds: no process's wall clock moves them. */
export type LedgerLine =
  /** A process of the caller begins; `run` counts from 1. */
  | { readonly at: number; readonly line: 'start'; readonly run: number }
  /** About to be handed to `publish`. */
  | {
      readonly at: number;
      readonly line: 'hand';
      readonly id: string;
      /** Which row of the data. */
      readonly row: number;
    }
  /** `publish` said that it is kept. */
  | { readonly at: number; readonly line: 'took'; readonly id: string }
  /** `publish` said why it is not kept: that is the reading's outcome. */
  | { readonly at: number; readonly line: 'refused'; readonly id: string; readonly code: string }
  /** The outcome: a prediction, or the code of a problem. `again`: this ledger knew an outcome already. */
  | {
      readonly at: number;
      readonly line: 'told';
      readonly id: string;
      readonly run: number;
      readonly label?: string;
      readonly score?: number;
      readonly code?: string;
      readonly agent?: string;
      readonly again?: true;
    }
  /** Nothing is left in the outbox, and nothing more is handed over. */
  | { readonly at: number; readonly line: 'end' };

/** Milliseconds of the machine's monotonic clock, the same in every process. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** Whole lines, as this program has written them. @throws {Error} a line that is none */
export function parseLedger(text: string): LedgerLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LedgerLine);
}
