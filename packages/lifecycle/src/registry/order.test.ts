import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ordered, reverseOrder, setupOrder } from './order.ts';

const names = (list: readonly Ordered[]) => list.map(({ name }) => name);
const anOrdered = fc.record(
  { name: fc.string({ minLength: 1, maxLength: 6 }), order: fc.integer({ min: -5, max: 5 }), place: fc.nat({ max: 3 }) },
  { requiredKeys: ['name', 'order'] },
);
const distinct = fc.uniqueArray(anOrdered, { selector: ({ name }) => name, maxLength: 12 });

describe('setup order', () => {
  it('has always-on entries of the innermost wrapper outwards first, then order, then name', () => {
    const list = [
      { name: 'zeta', order: 1000 },
      { name: 'outer', order: 1, place: 1 },
      { name: 'alpha', order: 1000 },
      { name: 'Zulu', order: 1000 },
      { name: 'early', order: 10 },
      { name: 'inner-late', order: 2000, place: 0 },
      { name: 'inner', order: 1000, place: 0 },
    ];
    expect(names(setupOrder(list))).toEqual(['inner', 'inner-late', 'outer', 'early', 'Zulu', 'alpha', 'zeta']);
  });

  it('compares names by code units, whatever the locale', () => {
    expect(names(setupOrder(['é', 'z', 'a', 'Z', '_'].map((name) => ({ name, order: 0 }))))).toEqual(['Z', '_', 'a', 'z', 'é']);
  });

  it('is total and does not depend on the order of input', () => {
    fc.assert(
      fc.property(
        distinct.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          expect(setupOrder(shuffled)).toEqual(setupOrder(list));
          expect(new Set(names(setupOrder(list))).size).toBe(list.length);
        },
      ),
    );
  });

  it('puts two extensions the same way round whoever else is there', () => {
    fc.assert(
      fc.property(distinct, (list) => {
        const whole = setupOrder(list);
        for (const [index, left] of whole.entries()) for (const right of whole.slice(index + 1)) expect(setupOrder([right, left])).toEqual([left, right]);
      }),
    );
  });

  it('leaves its input alone', () => {
    const list = Object.freeze([
      { name: 'b', order: 1 },
      { name: 'a', order: 1 },
    ]);
    expect(names(setupOrder(list))).toEqual(['a', 'b']);
  });
});

describe('reverse order', () => {
  it('is exactly the setup order backwards', () => {
    fc.assert(fc.property(distinct, (list) => void expect(reverseOrder(list)).toEqual([...setupOrder(list)].reverse())));
  });
});
