// Finds, among many topic filters, those that match a topic: in time that grows with its levels.

class Node<Value> {
  readonly children = new Map<string, Node<Value>>();
  readonly values = new Set<Value>();
}

/** Values filed under topic filters. Any text is taken as a filter; `#` counts only as a last level. */
export class TopicTrie<Value> {
  private readonly root = new Node<Value>();

  add(filter: string, value: Value): void {
    let node = this.root;
    for (const level of filter.split('/')) {
      let child = node.children.get(level);
      if (!child) {
        child = new Node();
        node.children.set(level, child);
      }
      node = child;
    }
    node.values.add(value);
  }

  remove(filter: string, value: Value): void {
    const path: [Node<Value>, string][] = [];
    let node = this.root;
    for (const level of filter.split('/')) {
      const child = node.children.get(level);
      if (!child) return;
      path.push([node, level]);
      node = child;
    }
    node.values.delete(value);
    for (const [parent, level] of path.reverse()) {
      const child = parent.children.get(level);
      if (!child || child.values.size > 0 || child.children.size > 0) return;
      parent.children.delete(level);
    }
  }

  /** Every value once whose filter matches; wildcards at the front do not reach `$…` (MQTT-4.7.2-1). */
  match(topic: string): Set<Value> {
    const found = new Set<Value>();
    collect(this.root, topic.split('/'), 0, topic.startsWith('$'), found);
    return found;
  }
}

function collect<Value>(
  node: Node<Value>,
  levels: readonly string[],
  index: number,
  isHidden: boolean,
  found: Set<Value>,
): void {
  const wildcards = index > 0 || !isHidden;
  // `a/#` matches `a` as well (MQTT 3.1.1, 4.7.1.2).
  const rest = wildcards ? node.children.get('#') : undefined;
  if (rest) for (const value of rest.values) found.add(value);
  const level = levels[index];
  if (level === undefined) {
    for (const value of node.values) found.add(value);
    return;
  }
  const child = node.children.get(level);
  if (child) collect(child, levels, index + 1, isHidden, found);
  const any = wildcards && level !== '+' ? node.children.get('+') : undefined;
  if (any) collect(any, levels, index + 1, isHidden, found);
}
