import type { LeaseHolder, LeasePools } from '../src/ports/leases.ts';

type Row = LeaseHolder & { readonly pool: string; readonly item: string };

/** Pools of leasable items in memory: unique on (pool, item) and on (pool, holder). */
export class MemoryPools implements LeasePools {
  private rows: Row[] = [];

  async take(pool: string, holder: LeaseHolder, candidates: Iterable<string>): Promise<string | null> {
    const held = this.rows.find((row) => row.pool === pool && isSame(row, holder));
    if (held !== undefined) return held.item;
    const taken = new Set(this.rows.filter((row) => row.pool === pool).map((row) => row.item));
    for (const item of candidates) {
      if (taken.has(item)) continue;
      this.rows.push({ pool, item, sandboxId: holder.sandboxId, extension: holder.extension, key: holder.key });
      return item;
    }
    return null;
  }

  async giveBack(pool: string, holder: LeaseHolder): Promise<void> {
    this.rows = this.rows.filter((row) => row.pool !== pool || !isSame(row, holder));
  }

  async list(pool?: string): Promise<readonly Row[]> {
    const rows = this.rows.filter((row) => pool === undefined || row.pool === pool).map((row) => ({ ...row }));
    return rows.sort((a, b) => (a.pool === b.pool ? (a.item < b.item ? -1 : 1) : a.pool < b.pool ? -1 : 1));
  }
}

function isSame(a: LeaseHolder, b: LeaseHolder): boolean {
  return a.sandboxId === b.sandboxId && a.extension === b.extension && a.key === b.key;
}
