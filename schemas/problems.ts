// The closed list of problem codes: what can go wrong with a reading, and what the asker can do.

/** Codes that an agent sends in an answer. A code is never reused for another meaning. */
export const AGENT_PROBLEMS = {
  PAYLOAD_EMPTY: 'The message has no payload. Send a reading as JSON or CBOR.',
  PAYLOAD_MALFORMED: 'The payload is not a JSON object or CBOR map. NaN and Infinity are not JSON.',
  PAYLOAD_TOO_LARGE:
    'The payload is larger than the agent reads, or its answer than the broker takes. Send fewer rows per batch.',
  ID_MISSING: 'The reading has no `id`. Add one, unique per reading.',
  ID_INVALID: 'The `id` is not a string of 1 to 64 printable ASCII characters.',
  VALUES_MISSING: 'The reading has no `values`.',
  VALUES_NOT_NUMBERS:
    'The `values` are not an array of numbers (strings, null and NaN are refused).',
  VALUES_WRONG_LENGTH: 'A row has not as many values as the model has inputs.',
  VALUES_OUT_OF_RANGE: 'A value is infinite or outside the limits of the model.',
  BATCH_TOO_LARGE: 'The batch has more than 4096 rows. Split it.',
  DEADLINE_INVALID: 'The `deadline` is not an RFC 3339 instant such as 2026-01-31T12:00:00Z.',
  DEADLINE_PASSED: 'The deadline (or the message expiry) was over before there was an answer.',
  RETAINED_REFUSED: 'The reading was published as retained. Publish it without the retain flag.',
  RESPONSE_TOPIC_REFUSED: "The MQTT 5 response topic is not the client's own reply topic.",
  OVERLOADED: 'The agent has no room. Publish again after `retryAfterMs`.',
  MODEL_FAILED: 'The model failed on this reading.',
} as const;

/** Codes that only the client library and the command line report: nothing was answered. */
export const CLIENT_PROBLEMS = {
  MODEL_UNKNOWN: 'No live agent serves the model, so nobody could answer.',
  NAME_INVALID: 'A client, agent or model name breaks the grammar of names.',
  TIMEOUT: 'No answer came in time.',
  NOT_CONNECTED: 'There is no connection to the broker.',
  OUTBOX_FULL: 'Too many readings are waiting for their answers.',
} as const;

export type AgentProblemCode = keyof typeof AGENT_PROBLEMS;
export type ClientProblemCode = keyof typeof CLIENT_PROBLEMS;
export type ProblemCode = AgentProblemCode | ClientProblemCode;

/** An expected failure, as a value. */
export interface Problem<Code extends string = ProblemCode> {
  readonly code: Code;
  /** One sentence for a person: what was found and what was expected. */
  readonly detail: string;
  /** The row (from 0) that spoils a batch. */
  readonly row?: number;
  /** With `OVERLOADED`: wait at least so long before the reading is published again. */
  readonly retryAfterMs?: number;
}

export type Result<Value, Failure = Problem> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: Failure };
