import type { EffectScope, EffectState, Phase } from '@tenon/vocabulary';
import { newId } from '../ids.ts';
import type { Json } from '../json.ts';
import type { EffectRecord } from '../records.ts';
import type { Journal } from './journal.ts';

export interface NewEffect {
  readonly extension: string | null;
  readonly revision: string | null;
  readonly phase: Phase | null;
  readonly attemptId: string | null;
  readonly kind: string;
  readonly key: string;
  readonly input: Json | null;
  readonly scope: EffectScope;
  readonly idempotencyKey: string;
}

const HELD: ReadonlySet<EffectState> = new Set(['intended', 'applied', 'owed']);

/**
 * The effects of one sandbox as its run sees them, in order of making. It only keeps rows and says what is due;
 * calling extensions and drivers is others' work.
 */
export class Ledger {
  private readonly rows = new Map<string, EffectRecord>();
  private readonly journal: Journal;
  private readonly sandboxId: string;
  private readonly runId: string;
  private readonly now: () => number;
  private seq = 0;

  constructor(options: { sandboxId: string; runId: string; rows: readonly EffectRecord[]; journal: Journal; now: () => number }) {
    this.sandboxId = options.sandboxId;
    this.runId = options.runId;
    this.journal = options.journal;
    this.now = options.now;
    for (const row of options.rows) {
      this.rows.set(row.id, row);
      this.seq = Math.max(this.seq, row.seq);
    }
  }

  get(id: string): EffectRecord | undefined {
    return this.rows.get(id);
  }

  /** The one row not released of this identity: (sandbox, extension, kind, key). */
  held(extension: string | null, kind: string, key: string): EffectRecord | undefined {
    for (const row of this.rows.values()) if (row.extension === extension && row.kind === kind && row.key === key && HELD.has(row.state)) return row;
    return undefined;
  }

  ofKey(idempotencyKey: string): readonly EffectRecord[] {
    return [...this.rows.values()].filter((row) => row.idempotencyKey === idempotencyKey && HELD.has(row.state));
  }

  /** Notes an intent; the caller commits before it acts. */
  intend(effect: NewEffect): EffectRecord {
    this.seq += 1;
    const row: EffectRecord = {
      ...effect,
      id: newId(),
      sandboxId: this.sandboxId,
      runId: this.runId,
      handle: null,
      state: 'intended',
      seq: this.seq,
      attempts: 0,
      lastError: null,
      nextRetryAt: null,
      unanswered: false,
      due: null,
      createdAt: this.now(),
      releasedAt: null,
      waivedReason: null,
    };
    return this.put(row);
  }

  change(id: string, change: Partial<EffectRecord>): EffectRecord {
    const row = this.rows.get(id);
    if (row === undefined) throw new Error(`effect ${id} is not in this ledger`);
    return this.put({ ...row, ...change });
  }

  /** Rows not released that `wanted` accepts, strictly newest first. */
  newestFirst(wanted: (row: EffectRecord) => boolean): readonly EffectRecord[] {
    return [...this.rows.values()].filter((row) => HELD.has(row.state) && wanted(row)).sort((a, b) => b.seq - a.seq);
  }

  owed(): number {
    return [...this.rows.values()].filter((row) => row.state === 'owed').length;
  }

  private put(row: EffectRecord): EffectRecord {
    this.rows.set(row.id, row);
    this.journal.note({ type: 'effect', effect: row });
    return row;
  }
}
