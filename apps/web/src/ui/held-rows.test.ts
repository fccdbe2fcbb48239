import { describe, expect, it } from 'vitest';
import { holdRows } from './held-rows.ts';

const row = (id: string, state = 'old') => ({ id, state });
const key = (each: { readonly id: string }) => each.id;

describe('holdRows', () => {
  it('keeps the order that is being read, renews it in place and counts what waits', () => {
    const held = holdRows([row('new'), row('b', 'fresh'), row('a', 'fresh'), row('page2')], ['a', 'b'], key);
    expect(held.rows).toEqual([row('a', 'fresh'), row('b', 'fresh'), row('page2')]);
    expect(held.waiting).toBe(1);
  });
  it('drops what is gone and holds nothing where nothing is shown', () => {
    expect(holdRows([row('b')], ['a', 'b'], key)).toEqual({ rows: [row('b')], waiting: 0 });
    expect(holdRows([row('a'), row('b')], [], key)).toEqual({ rows: [row('a'), row('b')], waiting: 0 });
  });
});
