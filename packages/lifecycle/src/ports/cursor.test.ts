import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from './cursor.ts';

describe('cursors', () => {
  it('come back as they went, for the same list only', () => {
    const keyset = { at: 1_767_322_985_678, id: 'ein-Schlüssel' };
    const cursor = encodeCursor('runs', keyset);
    expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeCursor('runs', cursor)).toEqual(keyset);
    expect(() => decodeCursor('audit', cursor)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
  });

  it('that nobody gave out are refused, whatever they are', () => {
    const forged = [
      ['runs', -1, 'a'],
      ['runs', 1.5, 'a'],
      ['runs', 9e15, 'a'],
      ['runs', 1, ''],
      ['runs', 1, 'a\0'],
      ['runs', 1, '\ud800'],
      ['runs', 1, 'x'.repeat(600)],
      ['runs', 1],
      null,
      {},
      'runs',
    ];
    const cursors = [...forged.map((each) => Buffer.from(JSON.stringify(each)).toString('base64url')), '', ' ', '%%%', 'e30=', 'Zm9v'];
    for (const cursor of cursors) expect(() => decodeCursor('runs', cursor), cursor).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
  });
});
