// The intake: bounded by rows and bytes, first in first out.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Intake } from './intake.ts';

describe('the intake', () => {
  it('refuses what does not fit by rows or by bytes', () => {
    const intake = new Intake({ rows: 10, bytes: 100 });
    expect(intake.offer({ rows: 6, bytes: 10 })).toBe(true);
    expect(intake.offer({ rows: 5, bytes: 10 })).toBe(false);
    expect(intake.offer({ rows: 1, bytes: 91 })).toBe(false);
    expect(intake.offer({ rows: 4, bytes: 90 })).toBe(true);
  });

  it('takes one entry of any size when it is empty, so that a large batch is served too', () => {
    const intake = new Intake({ rows: 10, bytes: 100 });
    expect(intake.offer({ rows: 4096, bytes: 1e6 })).toBe(true);
    expect(intake.offer({ rows: 1, bytes: 1 })).toBe(false);
    expect(intake.take(5)).toHaveLength(1);
    expect(intake.offer({ rows: 1, bytes: 1 })).toBe(true);
  });

  it('stays in order over a long life', () => {
    const intake = new Intake<{ rows: number; bytes: number; serial: number }>({
      rows: 10,
      bytes: 10,
    });
    for (let serial = 0; serial < 5000; serial += 1) {
      expect(intake.offer({ rows: 1, bytes: 1, serial })).toBe(true);
      expect(intake.take(1).map((entry) => entry.serial)).toEqual([serial]);
    }
  });

  it('gives back everything once, in order, whatever is offered and taken', () => {
    const step = fc.oneof(
      fc.record({ offer: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 60 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3000 }), (steps) => {
        const intake = new Intake<{ rows: number; bytes: number; serial: number }>({
          rows: 500,
          bytes: 1e9,
        });
        const expected: number[] = [];
        const got: number[] = [];
        for (const [serial, each] of steps.entries()) {
          if ('offer' in each) {
            if (intake.offer({ rows: each.offer, bytes: 1, serial })) expected.push(serial);
          } else {
            const taken = intake.take(each.take);
            const rows = taken.reduce((sum, entry) => sum + entry.rows, 0);
            expect(taken.length <= 1 || rows <= each.take).toBe(true);
            got.push(...taken.map((entry) => entry.serial));
          }
        }
        while (intake.waitingRows > 0) got.push(...intake.take(1000).map((entry) => entry.serial));
        expect(got).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });
});
