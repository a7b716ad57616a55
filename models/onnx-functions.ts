// The local functions of an ONNX model: how deep they call each other, and how large they become.

/** A body of nodes: the graph with its subgraphs, or a local function. */
export interface Body {
  nodes: number;
  /** How often each operator is called, by `domain:name`. */
  readonly calls: Map<string, number>;
}

/** Local functions that call each other; 3,000 of them crash onnxruntime while it loads. */
const MAX_CALL_DEPTH = 16;
/** Nodes once every local function is written out where it is called. */
const MAX_EXPANDED_NODES = 1_000_000;

export function createBody(): Body {
  return { nodes: 0, calls: new Map() };
}

/** A body under measurement, with the calls that are still to be followed. */
interface Frame {
  readonly body: Body;
  readonly calls: Iterator<[string, number], undefined>;
  /** How often the frame below calls this one. */
  readonly count: number;
  nodes: number;
  depth: number;
}

/**
 * Follows the calls, each function once and without recursion.
 * @param main the graph
 * @param functions by `domain:name`
 * @returns what makes the functions unfit to be loaded; continues a sentence that begins with the
 * file's name
 */
export function callProblem(main: Body, functions: ReadonlyMap<string, Body>): string | null {
  /** What is measured, and `open` while its own calls are being followed. */
  const measured = new Map<Body, Frame | 'open'>();
  const stack = [frameOf(main, 1)];
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    const next = frame.calls.next();
    let inner: Frame | undefined;
    if (next.value === undefined) {
      measured.set(frame.body, frame);
      stack.pop();
      inner = frame;
      frame = stack.at(-1);
      if (!frame) return null;
    } else {
      const [name, count] = next.value;
      const target = functions.get(name);
      if (!target) continue;
      const known = measured.get(target);
      if (known === 'open') return 'holds local functions that call each other in a circle';
      if (!known) {
        measured.set(target, 'open');
        stack.push(frameOf(target, count));
      } else inner = { ...known, count };
    }
    if (inner) {
      frame.nodes += inner.count * inner.nodes;
      frame.depth = Math.max(frame.depth, inner.depth + 1);
    }
    if (frame.depth > MAX_CALL_DEPTH) {
      return `nests local functions deeper than ${MAX_CALL_DEPTH} levels`;
    }
    if (frame.nodes > MAX_EXPANDED_NODES) {
      return `grows beyond ${MAX_EXPANDED_NODES} nodes when its local functions are written out`;
    }
  }
  return null;
}

function frameOf(body: Body, count: number): Frame {
  return { body, calls: body.calls.entries(), count, nodes: body.nodes, depth: 0 };
}
