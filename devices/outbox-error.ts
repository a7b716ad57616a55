// Why an outbox cannot be used, and what a person can do.

/** The folder of the outbox cannot be used; `remedy` says what to do. Nothing in it was changed. */
export class OutboxError extends Error {
  readonly code: 'OUTBOX_IN_USE' | 'OUTBOX_UNUSABLE' | 'OUTBOX_DAMAGED' | 'OUTBOX_MISSING';
  /** 75 (try again later) while another process uses it or its disk is full, else 78 (an operator must act). */
  readonly exitCode: 75 | 78;
  readonly remedy: string;

  constructor(code: OutboxError['code'], message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'OutboxError';
    this.code = code;
    const passes = code === 'OUTBOX_IN_USE' || /no space left|quota exceeded/i.test(message);
    this.exitCode = passes ? 75 : 78;
    this.remedy = remedy;
  }
}
