import { describe, expect, it } from 'vitest';
import { applyPrediction, applyProblem, createDemoState, renderDemo } from './demo-view.ts';
import type { SimulatedPrediction } from './simulator.ts';

const SCREEN = { columns: 100, rows: 24, nowMs: 10_000, color: false };

function said(label: string, expected: string, client = 'device-1'): SimulatedPrediction {
  const scores = { metal: 0.9, rock: 0.1 };
  const correct = label === expected;
  return {
    client,
    id: 'r',
    label,
    expected,
    correct,
    score: 0.9,
    scores,
    agent: 'edge-1',
    digest: `sha256:${'0'.repeat(64)}`,
    latencyMs: 1.26,
  };
}

function played() {
  const state = createDemoState(['device-1', 'device-2'], 0);
  applyPrediction(state, said('metal', 'metal'), 9000);
  applyPrediction(state, said('metal', 'rock'), 9000);
  applyPrediction(state, said('rock', 'rock', 'device-2'), 9000);
  applyPrediction(state, said('metal', 'metal'), 9000);
  return state;
}

describe('renderDemo', () => {
  it('shows the running accuracy, each device and who was taken for whom', () => {
    const lines = renderDemo(played(), SCREEN).split('\n');
    expect(lines[0]).toMatch(
      /^echolot demo · 10 s · 0\.\d predictions\/s · accuracy 75\.0 % \(3 of 4\)$/,
    );
    expect(lines[3]).toMatch(/^device-1 +3 +66\.7 % +0 +metal +0\.900 +metal +1\.3 +edge-1$/);
    expect(lines[4]).toMatch(/^device-2 +1 +100\.0 % +0 +rock +0\.900 +rock +1\.3 +edge-1$/);
    expect(lines.slice(6)).toEqual([
      'WAS    said metal  said rock',
      'metal           2          0',
      'rock            1          1',
    ]);
  });

  it('says what it waits for before the first prediction', () => {
    const text = renderDemo(createDemoState(['device-1'], 0), SCREEN);
    expect(text).toContain('accuracy -\n');
    expect(text).toContain('waiting for the first prediction');
  });

  it('counts problems and shows the last one, without its control characters', () => {
    const state = played();
    const problem = { code: 'TIMEOUT', detail: 'no answer\u001b[2J' } as const;
    applyProblem(state, { client: 'device-2', problem });
    const text = renderDemo(state, SCREEN);
    expect(text).toMatch(/^device-2 +1 +100\.0 % +1 /m);
    expect(text).toContain('last problem, device-2: TIMEOUT, no answer\uFFFD[2J');
    expect(text).not.toContain('\u001b');
  });

  it('fits small screens, and colours where asked', () => {
    const lines = renderDemo(played(), { ...SCREEN, columns: 20, rows: 4 }).split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(20);
    expect(renderDemo(played(), { ...SCREEN, color: true })).toContain('\u001b[32mmetal\u001b[0m');
  });
});
