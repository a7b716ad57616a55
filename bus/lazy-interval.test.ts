// The interval rings when it is due, counted from its last beginning, and never after its end.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LazyInterval } from './lazy-interval.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function interval() {
  const rings: string[] = [];
  const lazy = new LazyInterval();
  return { lazy, rings, ring: (name: string) => () => void rings.push(name) };
}

describe('a lazy interval', () => {
  it('rings again and again', () => {
    const { lazy, ring, rings } = interval();
    lazy.set(ring('a'), 100);
    vi.advanceTimersByTime(99);
    expect(rings).toEqual([]);
    vi.advanceTimersByTime(201);
    expect(rings).toEqual(['a', 'a', 'a']);
  });

  it('counts from its last beginning', () => {
    const { lazy, ring, rings } = interval();
    lazy.set(ring('a'), 100);
    vi.advanceTimersByTime(60);
    lazy.clear();
    lazy.set(ring('b'), 100);
    vi.advanceTimersByTime(99);
    expect(rings).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rings).toEqual(['b']);
  });

  it('rings earlier where it begins anew with a shorter time', () => {
    const { lazy, ring, rings } = interval();
    lazy.set(ring('long'), 1000);
    lazy.set(ring('short'), 10);
    vi.advanceTimersByTime(10);
    expect(rings).toEqual(['short']);
    vi.advanceTimersByTime(10);
    expect(rings).toEqual(['short', 'short']);
  });

  it('rings no more once it has ended, and may begin again', () => {
    const { lazy, ring, rings } = interval();
    lazy.set(ring('a'), 100);
    lazy.clear();
    vi.advanceTimersByTime(500);
    expect(rings).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
    lazy.set(ring('b'), 100);
    vi.advanceTimersByTime(100);
    expect(rings).toEqual(['b']);
  });

  it('rings once after a long sleep of the machine, and then again in its time', () => {
    const { lazy, ring, rings } = interval();
    const awake = performance.now.bind(performance);
    let sleptMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => awake() + sleptMs);
    lazy.set(ring('a'), 100);
    vi.advanceTimersByTime(50);
    sleptMs = 10_000;
    vi.advanceTimersByTime(149);
    expect(rings).toEqual(['a']);
    vi.advanceTimersByTime(1);
    expect(rings).toEqual(['a', 'a']);
  });

  it('may be ended and begun by what it calls', () => {
    const { lazy, ring, rings } = interval();
    lazy.set(() => {
      ring('a')();
      lazy.clear();
      lazy.set(ring('b'), 50);
    }, 100);
    vi.advanceTimersByTime(150);
    expect(rings).toEqual(['a', 'b']);
  });
});
