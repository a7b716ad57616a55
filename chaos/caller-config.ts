// What a caller's process is told by a file; it asks its parent for nothing.
export interface CallerConfig {
  readonly name: string;
  readonly url: string;
  readonly passwordFile: string;
  readonly protocol: 'auto' | '3.1.1' | '5';
  readonly encoding: 'json' | 'cbor';
  /** The folder of the outbox. */
  readonly outbox: string;
  readonly maxCount: number;
  /** The file of the ledger; never on the disk that fills up. */
  readonly ledger: string;
  /** JSON: the rows of the data. */
  readonly rowsFile: string;
  /** As soon as it exists, nothing more is handed over. */
  readonly finishFile: string;
  readonly periodMs: number;
  /** Every so manieth reading has a deadline, this far ahead by the caller's own clock. */
  readonly deadlineEvery: number;
  readonly deadlineMs: number;
}
