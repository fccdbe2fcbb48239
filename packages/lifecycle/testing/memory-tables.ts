import { randomUUID } from 'node:crypto';
import { FINAL_RUN_STATUSES, type RunStatus } from '@tenon/vocabulary';
import type { JsonObject } from '../src/json.ts';
import type { Clock } from '../src/ports/clock.ts';
import { decodeCursor, encodeCursor, type Keyset, type PagedList } from '../src/ports/cursor.ts';
import { toStorableJson } from '../src/ports/storable-json.ts';
import type { Page, Paged, Visible } from '../src/ports/store.ts';
import type {
  ActivationRow,
  AttemptRecord,
  AuditRecord,
  EffectRecord,
  EventRecord,
  ExtensionRecord,
  RunRecord,
  SandboxRecord,
  SessionRecord,
  StoredRevision,
  TokenRecord,
} from '../src/records.ts';
import type { NewEvent } from '../src/run/events.ts';

export interface RunRow {
  record: RunRecord;
  holder: string | null;
  token: number;
  leaseUntil: number;
  /** Order of opening: breaks ties among runs of one millisecond as a database's ids do. */
  readonly opened: number;
}
export interface EffectRow {
  record: EffectRecord;
  claimedUntil: number;
}
export interface IdempotencyRow {
  readonly digest: string;
  readonly begunAt: number;
  answer: { readonly status: number; readonly body: unknown; readonly headers: Readonly<Record<string, string>> } | null;
}

/** What comes out of the store is nobody else's, and what goes in is kept as JSON keeps it. */
export function copy<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(toStorableJson(value)) as T);
}

export function isEnded(status: RunStatus): boolean {
  return (FINAL_RUN_STATUSES as readonly RunStatus[]).includes(status);
}

export function isOpenEffect(effect: EffectRecord): boolean {
  return effect.state !== 'released' && effect.state !== 'waived';
}

export function isVisible(visible: Visible, workspace: string | null): boolean {
  return visible === null || (workspace !== null && visible.includes(workspace));
}

/** Half-open, as times of two adjoining pages of a report should be. */
export function isWithin(at: number, from: number | undefined, to: number | undefined): boolean {
  return (from === undefined || at >= from) && (to === undefined || at < to);
}

/** Newest first, ties broken by id, and never an offset. */
export function newestFirst<T>(list: PagedList, rows: readonly T[], keyOf: (row: T) => Keyset, page: Page): Paged<T> {
  const after = page.cursor === undefined ? null : decodeCursor(list, page.cursor);
  const sorted = rows
    .map((row) => ({ row, key: keyOf(row) }))
    .filter(({ key }) => after === null || compareKeys(key, after) < 0)
    .sort((a, b) => compareKeys(b.key, a.key));
  return cut(list, sorted, page);
}

export function oldestFirst<T>(list: PagedList, rows: readonly T[], keyOf: (row: T) => Keyset, page: Page): Paged<T> {
  const after = page.cursor === undefined ? null : decodeCursor(list, page.cursor);
  const sorted = rows
    .map((row) => ({ row, key: keyOf(row) }))
    .filter(({ key }) => after === null || compareKeys(key, after) > 0)
    .sort((a, b) => compareKeys(a.key, b.key));
  return cut(list, sorted, page);
}

function cut<T>(list: PagedList, sorted: readonly { row: T; key: Keyset }[], page: Page): Paged<T> {
  const taken = sorted.slice(0, page.limit);
  const last = taken.at(-1);
  return {
    items: taken.map(({ row }) => copy(row)),
    next: last !== undefined && sorted.length > page.limit ? encodeCursor(list, last.key) : null,
  };
}

function compareKeys(a: Keyset, b: Keyset): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** The rows of the memory store. No method awaits between reading and writing, so each is a transaction. */
export class MemoryTables {
  protected readonly clock: Pick<Clock, 'now'>;
  protected readonly installation: string = randomUUID();
  protected readonly sandboxes = new Map<string, SandboxRecord>();
  protected readonly runs = new Map<string, RunRow>();
  protected readonly attempts = new Map<string, AttemptRecord>();
  protected readonly revisions = new Map<string, StoredRevision[]>();
  protected readonly effects = new Map<string, EffectRow>();
  protected readonly states = new Map<string, JsonObject>();
  protected readonly extensions = new Map<string, ExtensionRecord>();
  protected readonly activations = new Map<string, ActivationRow>();
  protected readonly tokens = new Map<string, TokenRecord>();
  protected readonly sessions = new Map<string, SessionRecord>();
  protected readonly audit: AuditRecord[] = [];
  protected readonly idempotency = new Map<string, IdempotencyRow>();
  protected events: EventRecord[] = [];
  /** The newest event that was pruned: resuming before it is not possible. */
  protected prunedEvent = 0;
  private lastEvent = 0;
  private opened = 0;
  private readonly listeners = new Set<() => void>();

  constructor(options: { readonly clock?: Pick<Clock, 'now'> } = {}) {
    this.clock = options.clock ?? { now: () => Date.now() };
  }

  protected nextOpened(): number {
    this.opened += 1;
    return this.opened;
  }

  protected emit(events: readonly NewEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) {
      this.lastEvent += 1;
      this.events.push(copy({ ...event, id: String(this.lastEvent), at: this.clock.now() }));
    }
    for (const listener of [...this.listeners]) queueMicrotask(listener);
  }

  protected get newestEvent(): number {
    return this.lastEvent;
  }

  onEvents(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  protected runsOf(sandboxId: string): RunRow[] {
    return [...this.runs.values()].filter((row) => row.record.sandboxId === sandboxId).sort((a, b) => b.opened - a.opened);
  }

  /** The newest run of the sandbox that has not ended: where one supersedes another, the one that supersedes. */
  protected activeRow(sandboxId: string): RunRow | null {
    return this.runsOf(sandboxId).find((row) => !isEnded(row.record.status)) ?? null;
  }
}
