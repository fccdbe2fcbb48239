import type { WaitingFor } from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { JournalEntry, JournalStore, RunLease } from '../ports/store.ts';
import type { EngineLog } from './deps.ts';

/**
 * What a run writes. Notes wait for the next commit, so that a run costs about one commit for each external side effect and no more;
 * an intent is always committed before its side effect.
 */
export interface Journal {
  note(...entries: JournalEntry[]): void;
  /** Writes every note and these entries, in order, in one transaction. Rejects with RunLost when another holder has the run. */
  commit(...entries: JournalEntry[]): Promise<void>;
}

const STORE_PATIENCE_MS = 60_000;

/** The journal of a run in the store, fenced by its lease. */
export class StoreJournal implements Journal {
  private readonly store: Pick<JournalStore, 'commit'>;
  private readonly lease: RunLease;
  private readonly clock: Clock;
  private readonly log: Pick<EngineLog, 'warn'>;
  private pending: JournalEntry[] = [];
  private last: Promise<void> = Promise.resolve();

  constructor(store: Pick<JournalStore, 'commit'>, lease: RunLease, clock: Clock, log: Pick<EngineLog, 'warn'>) {
    this.store = store;
    this.lease = lease;
    this.clock = clock;
    this.log = log;
  }

  get waiting(): number {
    return this.pending.length;
  }

  note(...entries: JournalEntry[]): void {
    this.pending.push(...entries);
  }

  commit(...entries: JournalEntry[]): Promise<void> {
    this.pending.push(...entries);
    // Commits of one run are strictly one after another, also those that an effect asks for while another is under way.
    const next = this.last.then(() => this.write());
    this.last = next.catch(() => undefined);
    return next;
  }

  private async write(): Promise<void> {
    if (this.pending.length === 0) return;
    const entries = this.pending;
    this.pending = [];
    const since = this.clock.monotonic();
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        await this.store.commit(this.lease, entries);
        return;
      } catch (error) {
        // Entries are written by id, so repeating a commit whose answer was lost writes the same rows again.
        const passing = error instanceof TenonError && error.code === 'store_unavailable';
        if (!passing || this.clock.monotonic() - since > STORE_PATIENCE_MS) throw error;
        // The run's own row cannot say so while the store is away: the log does.
        this.log.warn({ runId: this.lease.runId, waitingFor: 'store' satisfies WaitingFor, err: error.message }, 'a run waits for its store');
        await this.clock.sleep(wait);
      }
    }
  }
}

/** A journal that keeps nothing: for previews, which replay requests without a run. */
export class NullJournal implements Journal {
  readonly entries: JournalEntry[] = [];

  note(...entries: JournalEntry[]): void {
    this.entries.push(...entries);
  }

  async commit(...entries: JournalEntry[]): Promise<void> {
    this.entries.push(...entries);
  }
}
