import { TenonError } from '../errors.ts';

/** The lists that are paged; a cursor of one is unreadable to another. */
export type PagedList = 'sandboxes' | 'runs' | 'attempts' | 'effects' | 'audit' | 'tokens';

/** Where a page ended: the sort value (epoch ms, or the sequence of attempts) and the id that breaks ties. */
export interface Keyset {
  readonly at: number;
  readonly id: string;
}

/** Keyset cursors, one codec for every store, so that a cursor outlives a change of store. */
export function encodeCursor(list: PagedList, keyset: Keyset): string {
  return Buffer.from(JSON.stringify([list, keyset.at, keyset.id])).toString('base64url');
}

/** Throws `invalid_cursor` for anything that this list did not give out. */
export function decodeCursor(list: PagedList, cursor: string): Keyset {
  const parts = parse(cursor);
  if (Array.isArray(parts) && parts.length === 3) {
    const [of, at, id] = parts as unknown[];
    if (of === list && typeof at === 'number' && Number.isSafeInteger(at) && at >= 0 && at <= 8.64e15 && isKey(id)) return { at, id };
  }
  throw new TenonError('invalid_cursor', `The cursor "${cursor.slice(0, 80)}" is not one that this list gave out.`, {
    hint: 'Start again without a cursor; take the next one from `next` of the last page.',
  });
}

function isKey(id: unknown): id is string {
  return typeof id === 'string' && id.length > 0 && id.length <= 512 && id.isWellFormed() && !id.includes('\0');
}

function parse(cursor: string): unknown {
  // Buffer ignores what is not base64url; a cursor that does not encode back is not ours.
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.toString('base64url') !== cursor) return null;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // Not JSON: the caller is told as for any other foreign cursor.
    return null;
  }
}
