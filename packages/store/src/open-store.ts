import { type LeasePools, type SharedThings, type Store, TenonError, type Vault } from '@tenon/lifecycle';
import { accessStore } from './access.ts';
import { connect } from './database.ts';
import { guarded, storeFailure } from './failures.ts';
import { journalReads } from './journal-reads.ts';
import { journalWrites } from './journal-writes.ts';
import { leasePools } from './lease-pools.ts';
import { migrate } from './migrate.ts';
import { outbox } from './outbox.ts';
import { prune } from './prune.ts';
import { registryStore } from './registry.ts';
import { secretVault } from './secret-vault.ts';
import { sharedThings } from './shared-things.ts';

export interface StoreOptions {
  readonly databaseUrl: string;
  /** 32 bytes. */
  readonly encryptionKey: Buffer;
  readonly log?: (line: string) => void;
}

export interface OpenedStore {
  readonly store: Store;
  readonly pools: LeasePools;
  readonly shared: SharedThings;
  readonly vault: Vault;
  close(): Promise<void>;
}

/** Brings the database up to date and opens everything durable on one pool. Throws `store_unavailable` where it cannot be reached. */
export async function openStore(options: StoreOptions): Promise<OpenedStore> {
  const log = options.log ?? (() => undefined);
  try {
    await migrate(options.databaseUrl, log);
  } catch (error) {
    throw storeFailure(error);
  }
  const db = connect(options.databaseUrl, log);
  const events = outbox(db, options.databaseUrl, log);
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= events.close().then(() => db.close());
    return closing;
  };
  const { told: _told, close: _close, ...eventStore } = events;
  const store: Store = {
    ...registryStore(db),
    ...journalReads(db),
    ...journalWrites(db, events.told),
    ...eventStore,
    ...accessStore(db),
    prune: (before) => prune(db, before),
    ready: async () => {
      await db.query('SELECT 1');
    },
    installationId: async () => {
      const [row] = await db.query<{ id: string }>('SELECT id FROM installation');
      if (row === undefined) throw new TenonError('internal', 'The database has no installation row: its migrations did not end.');
      return row.id;
    },
    close,
  };
  return {
    store: guarded(store),
    pools: guarded(leasePools(db)),
    shared: guarded(sharedThings(db)),
    vault: guarded(secretVault(db, options.encryptionKey)),
    close,
  };
}
