// What the demo shows: a live region at a terminal, elsewhere lines of JSON with the words beside them.
import {
  applyPrediction,
  applyProblem,
  createDemoState,
  renderDemo,
} from '../devices/demo-view.ts';
import { toJsonLine } from '../devices/printable.ts';
import type { SimulatedPrediction, SimulatedProblem } from '../devices/simulator.ts';
import type { Context } from './context.ts';
import { LiveRegion } from './live-region.ts';

export interface DemoView {
  /** Text for a person, which stays: above the live region, or on standard error. */
  say(text: string): void;
  prediction(prediction: SimulatedPrediction): void;
  problem(problem: SimulatedProblem): void;
  /** Draws no more. */
  close(): void;
}

export function startDemoView(context: Context, devices: readonly string[]): DemoView {
  return context.stdout.isTTY ? liveView(context, devices) : lineView(context);
}

function liveView(context: Context, devices: readonly string[]): DemoView {
  const now = () => performance.now();
  const state = createDemoState(devices, now());
  const region = new LiveRegion(context, (screen) =>
    renderDemo(state, { ...screen, nowMs: now() }),
  );
  return {
    say: (text) => region.say(text),
    prediction: (prediction) => applyPrediction(state, prediction, now()),
    problem: (problem) => applyProblem(state, problem),
    close: () => region.close(),
  };
}

function lineView({ stderr, stdout }: Context): DemoView {
  return {
    say: (text) => stderr.write(`${text}\n`),
    prediction: (prediction) => stdout.write(`${toJsonLine(prediction)}\n`),
    problem: ({ client, problem }) =>
      stderr.write(`warning: ${client} got ${problem.code}: ${problem.detail}\n`),
    close: () => {},
  };
}
