import type { LeaseHolder, LeasePools } from '@tenon/lifecycle';
import type { Database } from './database.ts';

interface LeaseRow {
  pool: string;
  item: string;
  sandbox_id: string;
  extension: string;
  key: string;
}

/** Pools of leasable items: one lock a pool, and (pool, item) and (pool, holder) unique besides. */
export function leasePools(db: Database): LeasePools {
  return {
    take: (pool, holder, candidates) =>
      db.transaction(async (tx) => {
        await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('tenon pool ' || $1, 0))", [pool]);
        const rows = await tx.query<LeaseRow>('SELECT * FROM lease WHERE pool = $1', [pool]);
        const held = rows.find((row) => row.sandbox_id === holder.sandboxId && row.extension === holder.extension && row.key === holder.key);
        if (held !== undefined) return held.item;
        const item = firstFree(new Set(rows.map((row) => row.item)), candidates);
        if (item === null) return null;
        await tx.query('INSERT INTO lease (pool, item, sandbox_id, extension, key) VALUES ($1, $2, $3, $4, $5)', [pool, item, ...parts(holder)]);
        return item;
      }),
    giveBack: async (pool, holder) => {
      await db.query('DELETE FROM lease WHERE pool = $1 AND sandbox_id = $2 AND extension = $3 AND key = $4', [pool, ...parts(holder)]);
    },
    list: async (pool) => {
      const rows = await db.query<LeaseRow>('SELECT * FROM lease WHERE $1::text IS NULL OR pool = $1 ORDER BY pool, item', [pool ?? null]);
      return rows.map((row) => ({ pool: row.pool, item: row.item, sandboxId: row.sandbox_id, extension: row.extension, key: row.key }));
    },
  };
}

function parts(holder: LeaseHolder): [string, string, string] {
  return [holder.sandboxId, holder.extension, holder.key];
}

function firstFree(taken: ReadonlySet<string>, candidates: Iterable<string>): string | null {
  for (const item of candidates) if (!taken.has(item)) return item;
  return null;
}
