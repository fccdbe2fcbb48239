import { decodeCursor, encodeCursor, type Page, type Paged, type PagedList, type Visible } from '@tenon/lifecycle';
import type { Database } from './database.ts';

// Years that both a Date and a timestamptz can say.
const FIRST_MS = -2e14;
const LAST_MS = 8.64e15;

/** A WHERE clause, built condition by condition with its parameters. */
export class Conditions {
  readonly params: unknown[] = [];
  private readonly parts: string[] = [];

  /** `sql` is given the placeholder of the value; nothing is added where the value is absent. */
  add<T>(value: T | undefined, sql: (placeholder: string) => string): this {
    if (value === undefined) return this;
    this.params.push(value);
    this.parts.push(sql(`$${this.params.length}`));
    return this;
  }

  raw(sql: string): this {
    this.parts.push(sql);
    return this;
  }

  visible(visible: Visible, column: string): this {
    return this.add(visible ?? undefined, (p) => `${column} = ANY(${p}::text[])`);
  }

  /** Half-open. */
  within(column: string, from: number | undefined, to: number | undefined): this {
    return this.add(clamp(from), (p) => `${column} >= tenon_at(${p})`).add(clamp(to), (p) => `${column} < tenon_at(${p})`);
  }

  placeholder(value: unknown): string {
    this.params.push(value);
    return `$${this.params.length}`;
  }

  get sql(): string {
    return this.parts.length === 0 ? '' : `WHERE ${this.parts.join(' AND ')}`;
  }
}

function clamp(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.min(Math.max(ms, FIRST_MS), LAST_MS);
}

interface List<Row, T> {
  readonly list: PagedList;
  readonly table: string;
  readonly columns: string;
  readonly at: string;
  /** Attempts go by sequence, oldest first; all others by time, newest first. */
  readonly order: 'newest' | 'sequence';
  readonly decode: (row: Row) => T;
  readonly keyOf: (item: T) => { readonly at: number; readonly id: string };
}

/** One page by keyset: whatever the depth, the index is entered where the last page ended. */
export async function pageOf<Row extends object, T>(db: Database, list: List<Row, T>, where: Conditions, page: Page): Promise<Paged<T>> {
  const direction = list.order === 'newest' ? 'DESC' : 'ASC';
  if (page.cursor !== undefined) {
    const after = decodeCursor(list.list, page.cursor);
    const at = list.order === 'newest' ? `tenon_at(${where.placeholder(after.at)})` : `${where.placeholder(after.at)}::bigint`;
    where.raw(`(${list.at}, id) ${list.order === 'newest' ? '<' : '>'} (${at}, ${where.placeholder(after.id)})`);
  }
  const limit = where.placeholder(page.limit + 1);
  const text = `SELECT ${list.columns} FROM ${list.table} ${where.sql} ORDER BY ${list.at} ${direction}, id ${direction} LIMIT ${limit}::int`;
  const rows = await db.query<Row>(text, where.params);
  const items = rows.slice(0, page.limit).map(list.decode);
  const last = items.at(-1);
  return { items, next: rows.length > page.limit && last !== undefined ? encodeCursor(list.list, list.keyOf(last)) : null };
}
