// MQTT topic filters: which are well formed, which topics they match, which other filters they cover.

/** A shared subscription taken apart: `$share/{group}/{filter}` (MQTT 5, 4.8.2). */
export interface SharedFilter {
  readonly group: string;
  readonly filter: string;
}

/** True for a topic name that may be published to (MQTT-3.3.2-2, MQTT-4.7.3-1). */
export function isTopicName(topic: string): boolean {
  return topic.length > 0 && Buffer.byteLength(topic) <= 65_535 && !/[+#\0]/.test(topic);
}

/** True for a well-formed topic filter (MQTT-4.7.1-1 to MQTT-4.7.1-3, MQTT-4.7.3-1). */
export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0 || Buffer.byteLength(filter) > 65_535 || filter.includes('\0'))
    return false;
  const levels = filter.split('/');
  return levels.every((level, index) => {
    if (level === '#') return index === levels.length - 1;
    return level === '+' || !/[+#]/.test(level);
  });
}

/** Takes `$share/{group}/{filter}` apart; `null` where it is no well-formed shared subscription. */
export function parseSharedFilter(text: string): SharedFilter | null {
  const match = /^\$share\/([^/+#]+)\/(.+)$/s.exec(text);
  if (!match) return null;
  const [, group = '', filter = ''] = match;
  return isTopicFilter(filter) ? { group, filter } : null;
}

/** True where a topic matches a filter; wildcards at the front do not reach `$…` (MQTT-4.7.2-1). */
export function matchesFilter(filter: string, topic: string): boolean {
  return coversFilter(filter, topic);
}

/**
 * True where every topic that `inner` matches is matched by `outer` too.
 * A topic name is a filter without wildcards, so this also answers "does the filter match the topic".
 */
export function coversFilter(outer: string, inner: string): boolean {
  if (inner.startsWith('$') && /^[+#]/.test(outer)) return false;
  const outerLevels = outer.split('/');
  const innerLevels = inner.split('/');
  for (const [index, level] of outerLevels.entries()) {
    if (level === '#') return true;
    const other = innerLevels[index];
    if (other === undefined || other === '#') return false;
    if (level !== '+' && level !== other) return false;
  }
  return outerLevels.length === innerLevels.length;
}
