// The live table of a watcher: link, agents, clients and the last answers, as text of a given size.
import { isLive } from './live-models.ts';
import { type Cell, layOut, layOutLine, type Style } from './table.ts';
import type { WatchedAgent, WatchedClient, WatchState } from './watch-state.ts';

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  /** By the clock that the state was fed with. */
  readonly nowMs: number;
  readonly color: boolean;
}

/** At most `rows` lines of at most `columns` columns of a terminal, without control characters from outside. */
export function renderWatchTable(state: WatchState, screen: Screen): string {
  const { columns, rows, nowMs, color } = screen;
  const title = (text: string) => layOutLine(text, columns, color, 'bold');
  const agents = [...state.agents].sort(byName);
  const clients = [...state.clients].sort((a, b) => total(b[1]) - total(a[1]) || byName(a, b));
  const lines = [title(headline(state, nowMs)), linkLine(state, columns, color), ''];
  // The last answers get what is left, and a third at least.
  const room = Math.max(3, rows - lines.length - Math.floor(rows / 3));
  const agentRows = agents.map(([name, agent]) => agentRow(name, agent, nowMs));
  const clientRows = clients.map(([name, client]) => clientRow(name, client, nowMs));
  const shownAgents = Math.min(agentRows.length, Math.max(1, Math.floor(room / 2) - 3));
  const shownClients = Math.max(1, room - shownAgents - 4);
  lines.push(
    ...layOut([header(AGENT_HEADER), ...agentRows.slice(0, shownAgents)], columns, color),
    ...more(agentRows.length - shownAgents, 'agents', columns, color),
    '',
    ...layOut([header(CLIENT_HEADER), ...clientRows.slice(0, shownClients)], columns, color),
    ...more(clientRows.length - shownClients, 'clients', columns, color),
    '',
  );
  const left = rows - lines.length - 1;
  const recent = state.recent.slice(-Math.max(0, left)).reverse();
  const answers = left > 0 ? recent.map((entry) => answerRow(entry, nowMs)) : [];
  lines.push(...layOut([header(ANSWER_HEADER), ...answers], columns, color));
  return lines.slice(0, rows).join('\n');
}

const AGENT_HEADER = [
  'AGENT',
  'STATE',
  'HEARD',
  'MODELS',
  '>ANSWERED',
  '>/S',
  '>P50 MS',
  '>P99 MS',
  '>IN HAND',
];
const CLIENT_HEADER = ['CLIENT', '>ANSWERS', '>/S', 'LABELS', 'PROBLEMS'];
const ANSWER_HEADER = ['LAST ANSWERS', 'CLIENT', 'MODEL', 'ANSWER', 'AGENT', 'ID'];

function headline({ predictions, problems, rate, startedMs }: WatchState, nowMs: number): string {
  const perSecond = rate.perSecond(nowMs).toFixed(1);
  return `echolot watch · ${age(nowMs - startedMs)} · ${perSecond} answers/s · ${predictions} predictions · ${problems} problems`;
}

function linkLine({ link, unreadable }: WatchState, columns: number, color: boolean): string {
  const detail = link.detail === '' ? '' : ` (${link.detail})`;
  const extra = unreadable === 0 ? '' : ` · ${unreadable} unreadable messages`;
  const style: Style = link.state === 'connected' ? 'dim' : 'yellow';
  return layOutLine(`${link.state}${detail}${extra}`, columns, color, style);
}

function agentRow(name: string, { status, heardMs, stats }: WatchedAgent, nowMs: number): Cell[] {
  const models = (status?.models ?? stats?.models ?? []).map(
    (model) => `${model.name} ${model.version} ${model.runtime}`,
  );
  return [
    { text: name },
    stateCell(status, heardMs, nowMs),
    { text: age(nowMs - heardMs) },
    { text: models.join(', ') || '-' },
    { text: stats === null ? '-' : String(stats.answered), right: true },
    { text: stats?.rate.answeredPerSecond.toFixed(1) ?? '-', right: true },
    { text: stats?.latencyMs.total.p50.toFixed(2) ?? '-', right: true },
    { text: stats?.latencyMs.total.p99.toFixed(2) ?? '-', right: true },
    { text: stats === null ? '-' : String(stats.inHand), right: true },
  ];
}

function stateCell(status: WatchedAgent['status'], heardMs: number, nowMs: number): Cell {
  if (status === null) return { text: 'unknown', style: 'yellow' };
  if (isLive(status, heardMs, nowMs)) return { text: 'online', style: 'green' };
  if (status.state === 'online') return { text: 'silent', style: 'red' };
  return { text: status.state, style: status.state === 'draining' ? 'yellow' : 'red' };
}

function clientRow(name: string, client: WatchedClient, nowMs: number): Cell[] {
  return [
    { text: name },
    { text: String(total(client)), right: true },
    { text: client.rate.perSecond(nowMs).toFixed(1), right: true },
    { text: counts(client.labels) },
    { text: counts(client.codes), style: 'red' },
  ];
}

function answerRow({ atMs, answer }: WatchState['recent'][number], nowMs: number): Cell[] {
  const answered: Cell =
    answer.type === 'prediction'
      ? { text: `${answer.label} ${answer.score.toFixed(3)}` }
      : { text: `${answer.code}: ${answer.detail}`.slice(0, 60), style: 'red' };
  return [
    { text: `${age(nowMs - atMs)} ago`, style: 'dim' },
    { text: answer.client },
    { text: answer.model },
    answered,
    { text: answer.agent },
    { text: answer.id ?? '-', style: 'dim' },
  ];
}

/** A name that starts with `>` stands above numbers. */
function header(names: readonly string[]): Cell[] {
  return names.map((name) =>
    name.startsWith('>')
      ? { text: name.slice(1), style: 'dim', right: true }
      : { text: name, style: 'dim' },
  );
}

function more(hidden: number, what: string, columns: number, color: boolean): string[] {
  return hidden > 0 ? [layOutLine(`and ${hidden} more ${what}`, columns, color, 'dim')] : [];
}

function counts(map: ReadonlyMap<string, number>): string {
  return [...map]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 4)
    .map(([name, count]) => `${name.slice(0, 40)} ${count}`)
    .join(', ');
}

function total({ predictions, problems }: WatchedClient): number {
  return predictions + problems;
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}

/** `7 s`, `3 min`, `2 h`, `4 d` */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
