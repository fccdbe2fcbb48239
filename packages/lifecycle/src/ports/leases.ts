/** Pools of leasable items, global by name, unique on (pool, item). Rows live in the store; the clock is the store's. */
export interface LeaseHolder {
  readonly sandboxId: string;
  readonly extension: string;
  readonly key: string;
}

export interface LeasePools {
  /** Takes the first free candidate, or answers the item that this holder has already; null where none is free. Atomic. */
  take(pool: string, holder: LeaseHolder, candidates: Iterable<string>): Promise<string | null>;
  /** Gives back; absent is fine. */
  giveBack(pool: string, holder: LeaseHolder): Promise<void>;
  list(pool?: string): Promise<readonly (LeaseHolder & { readonly pool: string; readonly item: string })[]>;
}
