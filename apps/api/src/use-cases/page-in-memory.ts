import { TenonError } from '@tenon/lifecycle';

type Key = readonly (string | number)[];

/** One page of a short list that is read whole: `items` sorted by `keyOf`, the cursor being the last key shown. */
export function pageInMemory<T>(items: readonly T[], keyOf: (item: T) => Key, page: { readonly limit: number; readonly cursor?: string | undefined }) {
  const after = page.cursor === undefined ? null : read(page.cursor);
  const rest = after === null ? items : items.filter((item) => compare(keyOf(item), after) > 0);
  const shown = rest.slice(0, page.limit);
  const last = shown.at(-1);
  return { items: shown, next: rest.length > shown.length && last !== undefined ? write(keyOf(last)) : null };
}

/** In the order in which pages are cut. */
export function byKey<T>(keyOf: (item: T) => Key): (a: T, b: T) => number {
  return (a, b) => compare(keyOf(a), keyOf(b));
}

function compare(a: Key, b: Key): number {
  for (const [index, left] of a.entries()) {
    const right = b[index];
    if (right === undefined) return 1;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

const write = (key: Key): string => Buffer.from(JSON.stringify(key)).toString('base64url');

function read(cursor: string): Key {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(key) && key.every((part) => typeof part === 'string' || typeof part === 'number')) return key;
  } catch {
    // Not one of ours: refused below, like any other text.
  }
  throw new TenonError('invalid_cursor', 'the cursor is not one that this list gave out', {
    pointer: '/cursor',
    hint: 'Begin again without a cursor, and pass on `next` as it is.',
  });
}
