// The intake: bounded in rows, bytes and time, in order for each client, fair between them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keptBytes, promotedBytes } from '../schemas/heap.fixture.ts';
import { Intake, type IntakeLimits, type Sized } from './intake.ts';

interface Numbered extends Sized {
  readonly serial: number;
}

let serials = 0;
const entry = (client: string, rows = 1, bytes = 1): Numbered => {
  serials += 1;
  return { client, rows, bytes, serial: serials };
};
const create = (limits: Partial<IntakeLimits> = {}) =>
  new Intake<Numbered>({ rows: 1e6, bytes: 1e9, ...limits });
const clients = (entries: readonly Sized[]) => entries.map(({ client }) => client).join('');

/** Offers until it is refused; how many were let in. */
function fill(intake: Intake<Numbered>, client: string, rows = 1, bytes = 1): number {
  let count = 0;
  while (intake.offer(entry(client, rows, bytes))) count += 1;
  return count;
}

function fillWith(intake: Intake<Numbered>, client: string, count: number): void {
  for (let offered = 0; offered < count; offered += 1) intake.offer(entry(client));
}

describe('admission', () => {
  it('lets one client hold half, so that the next finds room', () => {
    const intake = create({ rows: 100 });
    expect(fill(intake, 'flood')).toBe(50);
    expect(fill(intake, 'second')).toBe(25);
    expect(intake.offer(entry('third'))).toBe(true);
  });

  it('does so by bytes as well', () => {
    const intake = create({ bytes: 1000 });
    expect(fill(intake, 'flood', 1, 10)).toBe(50);
    expect(intake.offer(entry('second', 1, 500))).toBe(true);
  });

  it('lets in who has nothing waiting, up to the limits and no further', () => {
    const intake = create({ rows: 10, bytes: 100 });
    expect(intake.offer(entry('a', 6, 10))).toBe(true);
    expect(intake.offer(entry('b', 5, 10))).toBe(false);
    expect(intake.offer(entry('b', 1, 91))).toBe(false);
    expect(intake.offer(entry('b', 4, 90))).toBe(true);
    expect(intake.offer(entry('c', 1, 1))).toBe(false);
  });

  it('takes one entry of any size when it is empty, so that a large batch is served too', () => {
    const intake = create({ rows: 10, bytes: 100 });
    expect(intake.offer(entry('a', 4096, 1e6))).toBe(true);
    expect(intake.offer(entry('b'))).toBe(false);
    expect(intake.take(5)).toHaveLength(1);
    expect(intake.offer(entry('b'))).toBe(true);
    expect(intake.offer(entry('c'))).toBe(true);
  });

  it('takes no more than can be served in time, and from each client its part of that', () => {
    const intake = create({ waitMs: 2000 });
    const offer = (client: string) => intake.offer(entry(client), 10 * intake.waitingRows);
    const offerAll = (client: string) => {
      let count = 0;
      while (offer(client)) count += 1;
      return count;
    };
    expect(offerAll('flood')).toBe(201);
    // The wait is too long by now; half of 200 rows and a third of them are the parts of those who come.
    expect(offerAll('second')).toBe(100);
    expect(offerAll('calm')).toBe(66);
    expect(offer('flood')).toBe(false);
    expect(intake.take(100)).toHaveLength(100);
    expect(offer('calm')).toBe(true);
    expect(offer('flood')).toBe(false);
  });

  it('lets in who has nothing waiting, however long the wait is', () => {
    const intake = create({ waitMs: 1 });
    for (const client of 'abcdef') expect(intake.offer(entry(client), 1e6)).toBe(true);
    expect(intake.offer(entry('a'), 1e6)).toBe(false);
  });
});

describe('service', () => {
  it('is in turn, whoever has more waiting', () => {
    const intake = create();
    for (const client of 'aaaaaabbc') intake.offer(entry(client));
    expect(clients(intake.take(7))).toBe('abcabaa');
    intake.offer(entry('d'));
    expect(clients(intake.take(7))).toBe('ada');
  });

  it('gives a client of batches as many rows as one of lone readings', () => {
    const intake = create();
    for (let count = 0; count < 3; count += 1) intake.offer(entry('B', 100));
    for (let count = 0; count < 300; count += 1) intake.offer(entry('s'));
    const order = clients(intake.take(1e6));
    const before = order.split('B').map(({ length }) => length);
    expect(before).toEqual([99, 100, 100, 1]);
  });

  it('counts rows against the room of a run, but for the first entry', () => {
    const intake = create();
    for (const rows of [30, 30, 30]) intake.offer(entry('a', rows));
    expect(intake.take(10)).toHaveLength(1);
    expect(intake.take(60)).toHaveLength(2);
  });

  it('lets go of what is not due without counting it', () => {
    const intake = create();
    for (let count = 0; count < 5; count += 1) {
      intake.offer(entry('a', 1));
      intake.offer(entry('b', 10));
    }
    const late: string[] = [];
    const taken = intake.take(30, ({ client }) => {
      if (client === 'a') late.push(client);
      return client === 'b';
    });
    expect(late).toHaveLength(5);
    expect(clients(taken)).toBe('bbb');
    expect(intake.waitingRows).toBe(20);
  });

  it('forgets clients who have nothing waiting', () => {
    const intake = create();
    for (let count = 0; count < 50_000; count += 1) {
      intake.offer(entry(`client-${count}`));
      if (count % 100 === 99) intake.take(100);
    }
    expect(intake.waitingRows).toBe(0);
    expect(intake.waitingClients).toBe(0);
  });
});

describe('whatever is offered and taken', () => {
  const step = fc.oneof(
    fc.record({
      client: fc.constantFrom('a', 'b', 'c', 'd'),
      rows: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 80 })),
    }),
    fc.record({ take: fc.integer({ min: 1, max: 60 }) }),
  );

  it('everything let in comes out once, in order for each client, within the limits', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 2000 }), (steps) => {
        const intake = create({ rows: 500 });
        const expected = new Map<string, number[]>();
        const got = new Map<string, number[]>();
        let waiting = 0;
        const takeSome = (most: number) => {
          const taken = intake.take(most);
          const rows = taken.reduce((sum, each) => sum + each.rows, 0);
          expect(taken.length <= 1 || rows <= most).toBe(true);
          expect(taken.length === 0).toBe(waiting === 0);
          waiting -= rows;
          for (const { client, serial } of taken)
            got.set(client, [...(got.get(client) ?? []), serial]);
        };
        for (const each of steps) {
          if ('take' in each) takeSome(each.take);
          else {
            const offered = entry(each.client, each.rows);
            if (intake.offer(offered)) {
              waiting += offered.rows;
              expected.set(each.client, [...(expected.get(each.client) ?? []), offered.serial]);
            }
          }
          expect(intake.waitingRows).toBe(waiting);
          expect(waiting).toBeLessThanOrEqual(500);
        }
        while (intake.waitingRows > 0) takeSome(1000);
        expect(got).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('clients that always have something waiting get as many rows, but for one entry', () => {
    const load = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(load, fc.integer({ min: 1, max: 50 }), (rowsOf, most) => {
        const intake = create();
        const served = rowsOf.map(() => 0);
        const refill = (client: number) => intake.offer(entry(String(client), rowsOf[client]));
        for (const client of rowsOf.keys())
          for (let count = 0; count < 100; count += 1) refill(client);
        for (let run = 0; run < 300; run += 1) {
          for (const { client, rows } of intake.take(most)) {
            served[Number(client)] = (served[Number(client)] ?? 0) + rows;
            refill(Number(client));
          }
        }
        expect(Math.max(...served) - Math.min(...served)).toBeLessThanOrEqual(
          Math.max(...rowsOf) + 1,
        );
      }),
      { numRuns: 100 },
    );
  });
});

describe('a client that comes back', () => {
  it('brings nobody back with it', () => {
    const intake = create();
    for (const client of ['a', 'b']) intake.offer(entry(client));
    expect(clients(intake.take(10))).toBe('ab');
    intake.offer(entry('a'));
    expect(clients(intake.take(10))).toBe('a');
    intake.offer(entry('c'));
    expect(clients(intake.take(10))).toBe('c');
    expect([intake.waitingClients, intake.waitingRows]).toEqual([0, 0]);
  });

  it('does not count while it has nothing waiting: others keep their part', () => {
    const part = (others: readonly string[]) => {
      const intake = create({ waitMs: 50 });
      for (const client of others) {
        intake.offer(entry(client));
        intake.take(1);
      }
      intake.offer(entry('b', 20));
      let count = 0;
      while (intake.offer(entry('a'), 100)) count += 1;
      return count;
    };
    expect(part([])).toBe(6);
    expect(part(['x', 'y', 'z'])).toBe(6);
  });
});

describe('the memory', () => {
  it('of what has left is free without a long collection, whether anything waits or not', () => {
    const emptied = create();
    const promotedOfNone = promotedBytes(() => {
      emptied.offer(entry('a'));
      emptied.take(1);
    });
    expect(promotedOfNone).toBeLessThan(50);
    const busy = create();
    busy.offer(entry('a'));
    const promoted = promotedBytes(() => {
      busy.offer(entry('a'));
      busy.take(1);
    });
    expect(promoted).toBeLessThan(50);
  });

  it('of clients that are refused is none', () => {
    const intake = create({ rows: 10 });
    while (intake.offer(entry(`in-${intake.waitingRows}`)));
    let serial = 0;
    const promoted = promotedBytes(() => {
      serial += 1;
      intake.offer(entry(`stranger-${serial}`));
    });
    expect(intake.waitingClients).toBe(10);
    // With a queue for each it is 176.
    expect(promoted).toBeLessThan(80);
  });

  it('of clients that wait is kept, however many others come and go', () => {
    const intake = create();
    const held = Array.from({ length: 300 }, (_, at) => `held-${at}`);
    for (const client of held) fillWith(intake, client, 100);
    for (let serial = 0; serial < 25_000; serial += 1) {
      intake.offer(entry(`client-${serial}`));
      intake.take(1);
    }
    const { waitingClients } = intake;
    for (const client of held) intake.offer(entry(client));
    expect(intake.waitingClients).toBe(waitingClients);
  });

  it('of clients that come once is bounded', () => {
    const intake = create();
    let serial = 0;
    const kept = keptBytes(() => {
      serial += 1;
      intake.offer(entry(`client-${serial}`));
      intake.take(1);
    }, 100_000);
    expect(kept).toBeLessThan(50);
  });
});
