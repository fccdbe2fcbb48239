import type { Json } from '../json.ts';

/** A thing made once for many holders; identity (extension, kind, key), installation-wide. */
export interface SharedThing {
  readonly extension: string;
  readonly kind: string;
  readonly key: string;
  /** Grows by one each time the thing is made anew. */
  readonly generation: number;
  readonly state: 'absent' | 'creating' | 'applied' | 'releasing';
  readonly input: Json | null;
  readonly handle: Json | null;
  /** Effect ids of the holders. */
  readonly holders: readonly string[];
}

export interface SharedId {
  readonly extension: string;
  readonly kind: string;
  readonly key: string;
}

/**
 * Rows of shared things under a lease each (the store's clock); never a transaction held over an external call.
 * `lock` answers null while another holds the lease. Writes carry the lock's token and are refused when it is stale.
 */
export interface SharedThings {
  lock(id: SharedId, leaseMs: number): Promise<{ readonly token: number; readonly thing: SharedThing } | null>;
  /** Writes the row and keeps the lease. */
  write(id: SharedId, token: number, change: Partial<Pick<SharedThing, 'state' | 'generation' | 'input' | 'handle' | 'holders'>>): Promise<SharedThing>;
  renew(id: SharedId, token: number, leaseMs: number): Promise<boolean>;
  unlock(id: SharedId, token: number): Promise<void>;
  list(): Promise<readonly SharedThing[]>;
}

/** Thrown by a write whose lock is no longer the row's: another holder has it, and what stands is theirs to judge. */
export class SharedLost extends Error {
  readonly id: SharedId;
  constructor(id: SharedId) {
    super(`the lease of the shared ${id.kind} "${id.key}" of ${id.extension} was lost: another holder has it`);
    this.name = 'SharedLost';
    this.id = id;
  }
}
