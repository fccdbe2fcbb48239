import type { EffectState, Operation, Phase, RunStatus, SandboxState } from '@tenon/vocabulary';
import type { JsonObject } from '../json.ts';
import type {
  ActivationRecord,
  ActivationRow,
  AttemptRecord,
  AuditRecord,
  EffectRecord,
  EventRecord,
  ExtensionRecord,
  KillSwitch,
  RevisionRecord,
  RunRecord,
  SandboxRecord,
  SandboxRequest,
  SessionRecord,
  StepRecord,
  StoredRevision,
  TokenRecord,
} from '../records.ts';

/** Who holds a run, and with which fencing token. A write under a stale token throws `RunLost`. */
export interface RunLease {
  readonly runId: string;
  readonly holder: string;
  readonly token: number;
}

/** Thrown by every write whose lease is no longer the run's. The holder stops at once and touches nothing more. */
export class RunLost extends Error {
  readonly runId: string;
  constructor(runId: string) {
    super(`the lease of run ${runId} was lost: another holder has it`);
    this.name = 'RunLost';
    this.runId = runId;
  }
}

/** One thing that a commit writes. All entries of a commit are written in one transaction, in order, or none is. */
export type JournalEntry =
  | { readonly type: 'step'; readonly step: StepRecord }
  | { readonly type: 'attempt'; readonly attempt: AttemptRecord }
  | { readonly type: 'revision'; readonly revision: StoredRevision }
  /** Inserts, or replaces whole by id. */
  | { readonly type: 'effect'; readonly effect: EffectRecord }
  | {
      readonly type: 'sandbox';
      readonly sandboxId: string;
      readonly change: Partial<
        Pick<SandboxRecord, 'state' | 'stateReason' | 'blockedBy' | 'sealedRevision' | 'sealedAt' | 'instance' | 'deletedAt' | 'hidden' | 'record'>
      >;
    }
  | { readonly type: 'run'; readonly change: Partial<Pick<RunRecord, 'status' | 'waitingFor' | 'firstError' | 'endedAt' | 'force' | 'preview'>> }
  | { readonly type: 'extension_state'; readonly sandboxId: string; readonly extension: string; readonly value: JsonObject };

export interface Page {
  readonly limit: number;
  /** Opaque to callers; from the last answer. An unreadable one is TenonError `invalid_cursor`. */
  readonly cursor?: string;
}
export interface Paged<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Workspaces that the caller may see; null: all. */
export type Visible = readonly string[] | null;

export interface SandboxFilter {
  readonly visible: Visible;
  /** Absent: all but deleted and hidden ones. */
  readonly state?: readonly SandboxState[];
  readonly driver?: string;
  readonly workspace?: string;
  readonly extension?: string;
  readonly name?: string;
  readonly from?: number;
  readonly to?: number;
}
export interface RunFilter {
  readonly visible: Visible;
  readonly status?: readonly RunStatus[];
  readonly operation?: readonly Operation[];
  readonly sandboxId?: string;
  readonly driver?: string;
  readonly workspace?: string;
  /** Runs with an attempt of this extension, or in this phase. */
  readonly extension?: string;
  readonly phase?: Phase;
  /** Code of the first error. */
  readonly code?: string;
  readonly from?: number;
  readonly to?: number;
}
export interface EffectFilter {
  readonly visible: Visible;
  readonly state?: readonly EffectState[];
  readonly sandboxId?: string;
  readonly runId?: string;
  readonly extension?: string;
  readonly driver?: string;
  readonly workspace?: string;
  readonly phase?: Phase;
  readonly code?: string;
  readonly from?: number;
  readonly to?: number;
}
export interface AuditFilter {
  readonly visible: Visible;
  readonly actor?: string;
  readonly action?: string;
  readonly objectKind?: string;
  readonly objectName?: string;
  readonly runId?: string;
  readonly from?: number;
  readonly to?: number;
}

/** Registrations and activations. */
export interface RegistryStore {
  listExtensions(): Promise<readonly ExtensionRecord[]>;
  getExtension(name: string): Promise<ExtensionRecord | null>;
  /** TenonError `extension_exists` where the name is taken. `check` sees all others under the registry's lock and may throw. */
  addExtension(extension: ExtensionRecord, check: (others: readonly ExtensionRecord[]) => void): Promise<void>;
  addRevision(revision: RevisionRecord, check: (extension: ExtensionRecord, others: readonly ExtensionRecord[]) => void): Promise<ExtensionRecord>;
  /** In-process extensions have one revision, the code that is there: replaces it and moves the activations; answers those moved. */
  replaceInProcess(extension: ExtensionRecord): Promise<readonly ActivationRow[]>;
  /** Removes registration and activations; `check` sees what still needs it and may throw. */
  removeExtension(name: string, check: (uses: { activations: number; owed: number; sandboxes: number }) => void): Promise<void>;
  setKillSwitch(name: string, killSwitch: KillSwitch): Promise<ExtensionRecord>;
  extensionUses(name: string): Promise<{ activations: number; owed: number; sandboxes: number }>;

  /** In effective order: order, then extension name. */
  listActivations(): Promise<readonly ActivationRow[]>;
  getActivation(id: string): Promise<ActivationRow | null>;
  /** `check` sees all activations under the registry's lock and may throw (`activation_overlap`). */
  addActivation(activation: ActivationRow, check: (others: readonly ActivationRow[]) => void): Promise<ActivationRow>;
  /** TenonError `precondition_failed` with `current` where the version is not the saved one. Bumps version. */
  updateActivation(next: ActivationRow, expectedVersion: number, check: (others: readonly ActivationRow[]) => void): Promise<ActivationRow>;
  removeActivation(id: string, expectedVersion: number | null): Promise<ActivationRow>;
}

/** Sandboxes, runs, plans, effects: the journal. */
export interface JournalStore {
  /** The store's clock, epoch ms. */
  now(): Promise<number>;

  /**
   * Opens a create in one transaction: sandbox, run, first journal entries, lease. `sandbox_exists` where the name is taken in the
   * workspace among states other than failed and deleted.
   */
  openCreate(sandbox: SandboxRecord, run: RunRecord, holder: string, leaseMs: number): Promise<RunLease>;
  /** Opens a dry run: no sandbox. */
  openPreview(run: RunRecord, holder: string, leaseMs: number): Promise<RunLease>;
  /**
   * Opens any other run under the sandbox's row lock. `decide` sees the sandbox and its active run (running, waiting or interrupted) and answers
   * what to do: open the run at once, supersede the active one (writes its cancel intent; the new run is `waiting` for `run`),
   * or answer a run that is there already. It may throw (`sandbox_busy`, `sandbox_state`). `state` is what the sandbox becomes at once.
   */
  openRun(
    run: RunRecord,
    holder: string,
    leaseMs: number,
    decide: (
      sandbox: SandboxRecord,
      active: RunRecord | null,
    ) => { readonly open: 'now' | 'supersede'; readonly state?: SandboxState } | { readonly existing: string; readonly force?: boolean },
  ): Promise<{ readonly run: RunRecord; readonly lease: RunLease | null }>;

  /** Takes the lease of a run whose lease is free or expired; null where somebody holds it. Raises the token. */
  takeLease(runId: string, holder: string, leaseMs: number): Promise<RunLease | null>;
  /** Keeps the lease; answers cancel intent and force flag as they are now. Throws RunLost. */
  renewLease(lease: RunLease, leaseMs: number): Promise<{ readonly cancelledBy: string | null; readonly force: boolean }>;
  /** Lets it go, so that another may take it at once. Never throws RunLost. */
  dropLease(lease: RunLease): Promise<void>;
  /** Writes all or nothing, fenced by the lease; derives events and the runs' counters itself. */
  commit(lease: RunLease, entries: readonly JournalEntry[]): Promise<void>;
  /** Runs not ended whose lease has expired; marks them `interrupted`. */
  expiredRuns(limit: number): Promise<readonly RunRecord[]>;

  getSandbox(id: string): Promise<SandboxRecord | null>;
  listSandboxes(filter: SandboxFilter, page: Page): Promise<Paged<SandboxRecord>>;
  /** Sandboxes for the reconcile pass: those of the driver in the given states, without an active run. */
  idleSandboxes(driver: string, states: readonly SandboxState[], limit: number): Promise<readonly SandboxRecord[]>;
  activeRun(sandboxId: string): Promise<RunRecord | null>;
  lastRun(sandboxId: string): Promise<RunRecord | null>;
  /** Last runs of many sandboxes at once, and their owed counts: for lists. */
  sandboxSummaries(ids: readonly string[]): Promise<ReadonlyMap<string, { readonly lastRun: RunRecord | null; readonly owed: number }>>;
  countSandboxes(driver: string): Promise<number>;
  /** The newest recorded create and preview requests in scope. */
  recentRequests(
    scope: { drivers: readonly string[] | null; workspaces: readonly string[] | null },
    limit: number,
  ): Promise<
    readonly {
      readonly request: SandboxRequest;
      readonly runId: string;
      readonly sandboxId: string | null;
      readonly record: ActivationRecord;
      readonly at: number;
    }[]
  >;
  /** Sandboxes not deleted whose record holds the extension. */
  sandboxesHolding(extension: string, limit: number): Promise<{ readonly total: number; readonly items: readonly SandboxRecord[] }>;

  getRun(id: string): Promise<RunRecord | null>;
  listRuns(filter: RunFilter, page: Page): Promise<Paged<RunRecord>>;
  listAttempts(runId: string, page: Page): Promise<Paged<AttemptRecord>>;
  getAttempt(id: string): Promise<AttemptRecord | null>;
  /** Extensions with an attempt begun in this run. */
  enteredExtensions(runId: string): Promise<ReadonlySet<string>>;

  revisionsOfRun(runId: string): Promise<readonly StoredRevision[]>;
  /** All revisions of a sandbox: those of its create first, then those of each start. */
  revisionsOfSandbox(sandboxId: string): Promise<readonly StoredRevision[]>;

  getEffect(id: string): Promise<EffectRecord | null>;
  listEffects(filter: EffectFilter, page: Page): Promise<Paged<EffectRecord>>;
  /** In order of `seq`. */
  effectsOfSandbox(sandboxId: string, states?: readonly EffectState[]): Promise<readonly EffectRecord[]>;
  effectsOfRun(runId: string): Promise<readonly EffectRecord[]>;
  /** Owed rows and fences whose time has come, whose sandbox has no active run; at most one worker gets each for `leaseMs`. */
  claimDueEffects(limit: number, leaseMs: number): Promise<readonly EffectRecord[]>;
  /** Writes a debt's progress outside any run; refused (false) while a run of its sandbox is active or the row has moved on from `expected`. */
  settleEffect(effect: EffectRecord, expected: EffectState): Promise<boolean>;

  extensionState(sandboxId: string, extension: string): Promise<JsonObject | null>;

  /** Old traces, runs, idempotency keys and events go; never owed effects, audit, or what a sandbox not deleted needs. Answers rows removed. */
  prune(before: { readonly traces: number; readonly events: number }): Promise<number>;
}

/** The outbox, in commit order. */
export interface EventStore {
  /** Events after `id` (null: the newest only as a mark), oldest first. `reset` where `id` is older than what is kept. */
  eventsAfter(
    id: string | null,
    limit: number,
    visible: Visible,
  ): Promise<{ readonly reset: boolean; readonly last: string | null; readonly events: readonly EventRecord[] }>;
  /** For changes outside runs: activation, extension, driver. */
  addEvent(event: Omit<EventRecord, 'id' | 'at'>): Promise<void>;
  /** A nudge after commits of any replica; may be late, may be spurious. */
  onEvents(listener: () => void): () => void;
}

/** Tokens, sessions, audit, idempotency keys. */
export interface AccessStore {
  addToken(token: TokenRecord): Promise<void>;
  listTokens(page: Page): Promise<Paged<TokenRecord>>;
  getToken(id: string): Promise<TokenRecord | null>;
  tokenByHash(hash: string): Promise<TokenRecord | null>;
  /** False where it is not there or revoked already. */
  revokeToken(id: string, at: number): Promise<boolean>;
  countTokens(): Promise<number>;
  addSession(session: SessionRecord): Promise<void>;
  sessionByHash(hash: string): Promise<{ readonly session: SessionRecord; readonly token: TokenRecord } | null>;
  removeSession(hash: string): Promise<void>;

  addAudit(record: Omit<AuditRecord, 'id' | 'at'>): Promise<void>;
  listAudit(filter: AuditFilter, page: Page): Promise<Paged<AuditRecord>>;

  /** Begins a request under its key: `new`, the stored answer, or `busy` while in flight, `other` where the body differs. */
  beginIdempotent(
    key: string,
    scope: string,
    bodyDigest: string,
  ): Promise<
    | { readonly state: 'new' }
    | { readonly state: 'busy' | 'other' }
    | { readonly state: 'done'; readonly status: number; readonly body: unknown; readonly headers: Readonly<Record<string, string>> }
  >;
  endIdempotent(
    key: string,
    scope: string,
    answer: { readonly status: number; readonly body: unknown; readonly headers: Readonly<Record<string, string>> } | null,
  ): Promise<void>;
}

/** Everything durable but the vault, pools and shared things, which have ports of their own. Implementations also give those. */
export interface Store extends RegistryStore, JournalStore, EventStore, AccessStore {
  ready(): Promise<void>;
  /** This installation's id: made once, kept for good; labels at backends carry it. */
  installationId(): Promise<string>;
  close(): Promise<void>;
}
