// The demo's live view: devices, their last predictions, the accuracy so far and who was taken for whom.
import { Rate } from './rate.ts';
import type { SimulatedPrediction, SimulatedProblem } from './simulator.ts';
import { type Cell, layOut, layOutLine } from './table.ts';
import { age, type Screen } from './watch-table.ts';

interface DemoDevice {
  predictions: number;
  correct: number;
  problems: number;
  last: SimulatedPrediction | null;
}

export interface DemoState {
  readonly startedMs: number;
  readonly devices: Map<string, DemoDevice>;
  /** Known label, then predicted label, then how often. */
  readonly confusion: Map<string, Map<string, number>>;
  readonly rate: Rate;
  lastProblem: SimulatedProblem | null;
}

export function createDemoState(devices: readonly string[], nowMs: number): DemoState {
  return {
    startedMs: nowMs,
    devices: new Map(
      devices.map((name) => [name, { predictions: 0, correct: 0, problems: 0, last: null }]),
    ),
    confusion: new Map(),
    rate: new Rate(nowMs),
    lastProblem: null,
  };
}

export function applyPrediction(
  state: DemoState,
  prediction: SimulatedPrediction,
  nowMs: number,
): void {
  const device = state.devices.get(prediction.client);
  if (device === undefined) return;
  device.predictions += 1;
  if (prediction.correct) device.correct += 1;
  device.last = prediction;
  const said = state.confusion.get(prediction.expected) ?? new Map<string, number>();
  state.confusion.set(prediction.expected, said);
  said.set(prediction.label, (said.get(prediction.label) ?? 0) + 1);
  state.rate.add(1, nowMs);
}

export function applyProblem(state: DemoState, problem: SimulatedProblem): void {
  const device = state.devices.get(problem.client);
  if (device) device.problems += 1;
  state.lastProblem = problem;
}

/** At most `rows` lines of at most `columns` characters. */
export function renderDemo(state: DemoState, screen: Screen): string {
  const { columns, rows, nowMs, color } = screen;
  const devices = [...state.devices.values()];
  const predictions = sum(devices.map((device) => device.predictions));
  const correct = sum(devices.map((device) => device.correct));
  const rate = state.rate.perSecond(nowMs).toFixed(1);
  const counted = predictions === 0 ? '' : ` (${correct} of ${predictions})`;
  const head = `echolot demo · ${age(nowMs - state.startedMs)} · ${rate} predictions/s · accuracy ${percent(correct, predictions)}${counted}`;
  const body = [
    layOutLine(head, columns, color, 'bold'),
    '',
    ...layOut(deviceRows(state), columns, color),
    '',
    ...layOut(confusionRows(state), columns, color),
  ];
  if (state.lastProblem !== null) {
    const { client, problem } = state.lastProblem;
    const text = `last problem, ${client}: ${problem.code}, ${problem.detail}`;
    body.push('', layOutLine(text, columns, color, 'red'));
  }
  return body.slice(0, rows).join('\n');
}

function deviceRows(state: DemoState): Cell[][] {
  const dim = (text: string, right = false): Cell => ({ text, style: 'dim', right });
  const header = [
    dim('DEVICE'),
    dim('READINGS', true),
    dim('ACCURACY', true),
    dim('PROBLEMS', true),
    dim('SAID'),
    dim('SCORE', true),
    dim('WAS'),
    dim('MS', true),
    dim('AGENT'),
  ];
  const rows = [...state.devices].map(
    ([name, { predictions, correct, problems, last }]): Cell[] => [
      { text: name },
      { text: String(predictions), right: true },
      { text: percent(correct, predictions), right: true },
      problems > 0
        ? { text: String(problems), right: true, style: 'red' }
        : { text: '0', right: true },
      last === null ? { text: '-' } : { text: last.label, style: last.correct ? 'green' : 'red' },
      { text: last?.score.toFixed(3) ?? '-', right: true },
      { text: last?.expected ?? '-' },
      { text: last?.latencyMs.toFixed(1) ?? '-', right: true },
      { text: last?.agent ?? '-' },
    ],
  );
  return [header, ...rows];
}

function confusionRows({ confusion }: DemoState): Cell[][] {
  const labels = [
    ...new Set([...confusion].flatMap(([was, said]) => [was, ...said.keys()])),
  ].sort();
  if (labels.length === 0) return [[{ text: 'waiting for the first prediction', style: 'dim' }]];
  const header: Cell[] = [
    { text: 'WAS', style: 'dim' },
    ...labels.map((label): Cell => ({ text: `said ${label}`, style: 'dim', right: true })),
  ];
  const rows = labels.map((was): Cell[] => [
    { text: was },
    ...labels.map((said): Cell => {
      const count = confusion.get(was)?.get(said) ?? 0;
      return { text: String(count), right: true, style: was === said ? 'green' : 'red' };
    }),
  ]);
  return [header, ...rows];
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
