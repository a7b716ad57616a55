// The topic grammar: every topic and filter that Echolot uses is built and parsed here.
import { isName, NAME_RULE } from './names.ts';

/** A topic of the namespace, taken apart. */
export type Topic =
  | { readonly kind: 'reading'; readonly client: string; readonly model: string }
  | { readonly kind: 'reply'; readonly client: string; readonly model: string }
  | { readonly kind: 'status'; readonly agent: string }
  | { readonly kind: 'stats'; readonly agent: string }
  | { readonly kind: 'adopting'; readonly agent: string };

/** Text before the first segment of meaning, for example `echolot/v1`. */
export function topicRoot(namespace: string): string {
  return `${segment(namespace, 'namespace')}/v1`;
}

/**
 * Builds the topic string.
 * @throws {RangeError} when a name breaks the grammar: names are checked where they enter the program.
 */
export function buildTopic(namespace: string, topic: Topic): string {
  const root = topicRoot(namespace);
  switch (topic.kind) {
    case 'reading':
      return `${root}/readings/${segment(topic.client, 'client')}/${segment(topic.model, 'model')}`;
    case 'reply':
      return `${root}/replies/${segment(topic.client, 'client')}/${segment(topic.model, 'model')}`;
    case 'status':
    case 'stats':
    case 'adopting':
      return `${root}/agents/${segment(topic.agent, 'agent')}/${topic.kind}`;
  }
}

/** Takes a topic apart. Total: anything that is not a topic of the namespace gives `null`. */
export function parseTopic(namespace: string, text: string): Topic | null {
  const parts = text.split('/');
  if (parts.length !== 5 || parts[0] !== namespace || parts[1] !== 'v1') return null;
  const [, , kind, first, second] = parts;
  if (!isName(first) || !isName(second)) return null;
  if (kind === 'readings') return { kind: 'reading', client: first, model: second };
  if (kind === 'replies') return { kind: 'reply', client: first, model: second };
  if (kind !== 'agents') return null;
  if (second === 'status' || second === 'stats' || second === 'adopting') {
    return { kind: second, agent: first };
  }
  return null;
}

/** The filter of one model's readings in a shared group: `$share/{group}/…/readings/+/{model}`. */
export function sharedReadingsFilter(namespace: string, group: string, model: string): string {
  return `$share/${segment(group, 'group')}/${topicRoot(namespace)}/readings/+/${segment(model, 'model')}`;
}

/** The filter of all agents' topics of one kind, for example `echolot/v1/agents/+/status`. */
export function agentsFilter(namespace: string, kind: 'status' | 'stats' | 'adopting'): string {
  return `${topicRoot(namespace)}/agents/+/${kind}`;
}

/** The filter of all replies to one client. */
export function repliesFilter(namespace: string, client: string): string {
  return `${topicRoot(namespace)}/replies/${segment(client, 'client')}/+`;
}

/** The filter of everybody's replies, for operators. */
export function allRepliesFilter(namespace: string): string {
  return `${topicRoot(namespace)}/replies/+/+`;
}

function segment(name: string, what: string): string {
  if (!isName(name as unknown)) {
    throw new RangeError(
      `${what} ${JSON.stringify(name.slice(0, 80))} is no name: use ${NAME_RULE}`,
    );
  }
  return name;
}
