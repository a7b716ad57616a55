// The grammar of the names that stand in topics: clients, agents, models, groups and the namespace.

/** One topic segment: a letter or digit, then up to 63 letters, digits, `_`, `.` or `-`. */
export const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$';

/** What a person reads when a name is refused. */
export const NAME_RULE =
  'a letter or digit, then up to 63 letters, digits, "_", "." or "-" (for example edge-1)';

/** The model name under which an agent asks itself; no bundle and no client may use it. */
export const SELF_CHECK_MODEL = 'self-check';

export const DEFAULT_NAMESPACE = 'echolot';
export const DEFAULT_GROUP = 'predictors';

const NAME = new RegExp(NAME_PATTERN);

/** True for a string that may stand as one segment of a topic. Total: any value may be passed. */
export function isName(text: unknown): text is string {
  return typeof text === 'string' && NAME.test(text);
}
