import { expect, it } from 'vitest';
import { table } from './table.ts';

it('lines up its columns and leaves the last one ragged', () => {
  expect(
    table([
      ['NAME', 'STATE'],
      ['postgres', 'up'],
    ]),
  ).toBe('NAME      STATE\npostgres  up');
});
