// What a part found: figures with the rounds behind them, and the bars that they must meet. Pure.
import { type Estimate, estimate, ratioOf } from './statistics.ts';

export type Unit = 'readings/s' | 'ms' | 'µs' | 'MB' | 's' | 'slope';

/** What the project promises of a ratio, or where there is none of the value itself. */
export interface Bar {
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Figure {
  /** What was measured: "QoS 0, window 256". */
  readonly what: string;
  readonly who: string;
  readonly unit: Unit;
  /** Its rounds. */
  readonly values: readonly number[];
  readonly estimate: Estimate;
  readonly versus?: { readonly who: string; readonly ratio: Estimate };
  readonly bar?: Bar & { readonly met: boolean };
  /** What is to be known beside it: readings that were refused or lost, a load that was late. */
  readonly note?: string;
}

/** Who did not take part, and what to do about it. */
export interface Absence {
  readonly who: string;
  readonly why: string;
}

export interface PartResult {
  readonly part: string;
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly missing: readonly Absence[];
  /** It came to no end; `missing` says why. */
  readonly failed?: true;
}

export interface Measured {
  readonly what: string;
  readonly who: string;
  readonly unit: Unit;
  readonly values: readonly number[];
  readonly note?: string;
}

/** @param peer the same rounds of who it is compared with */
export function figureOf(measured: Measured, peer: Measured | null = null, bar?: Bar): Figure {
  const own = estimate(measured.values);
  const ratio = peer ? ratioOf(measured.values, peer.values) : null;
  return {
    ...measured,
    estimate: own,
    ...(peer && ratio ? { versus: { who: peer.who, ratio } } : {}),
    ...(bar ? { bar: { ...bar, met: isMet((ratio ?? own).value, bar) } } : {}),
  };
}

export function isMet(value: number, { atLeast = -Infinity, atMost = Infinity }: Bar): boolean {
  return value >= atLeast && value <= atMost;
}

/** The bars that were not met, in words. */
export function misses(results: readonly PartResult[]): string[] {
  return results.flatMap(({ failed, figures, missing, part, title }) => [
    ...(failed ? [`${part}: ${missing.map(({ why }) => why).join(', ')}`] : []),
    ...figures
      .filter(({ bar }) => bar && !bar.met)
      .map((figure) => {
        const { value } = figure.versus?.ratio ?? figure.estimate;
        const wanted = describeBar(figure.bar as Bar);
        return `${title}, ${figure.what}, ${figure.who}: ${value.toPrecision(3)}, wanted ${wanted}`;
      }),
  ]);
}

export function describeBar({ atLeast, atMost }: Bar): string {
  return [
    ...(atLeast === undefined ? [] : [`≥ ${round(atLeast)}`]),
    ...(atMost === undefined ? [] : [`≤ ${round(atMost)}`]),
  ].join(', ');
}

function round(limit: number): number {
  return Number(limit.toFixed(2));
}
