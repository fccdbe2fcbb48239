import type { Operation, Phase, ReleaseReason, SandboxState, WaitingFor } from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';
import { newId, newSpanId, traceparent } from '../ids.ts';
import type { Json, JsonObject } from '../json.ts';
import { Owners } from '../plan/owners.ts';
import type { AuthoredChange, PlanRevision } from '../plan/plan.ts';
import { planDigest } from '../plan/plan-digest.ts';
import { rebuild } from '../plan/rebuild.ts';
import type { Clock } from '../ports/clock.ts';
import type { Driver, DriverCall, DriverCapabilities, SandboxRef } from '../ports/driver.ts';
import type { RunLease } from '../ports/store.ts';
import type { ActivationRecord, AttemptRecord, EffectRecord, FirstError, RunRecord, SandboxRecord, SandboxRequest, StepRecord } from '../records.ts';
import { CallGuard, RunTimer } from './deadline.ts';
import type { EngineDeps } from './deps.ts';
import type { Journal } from './journal.ts';
import { Ledger } from './ledger.ts';
import { MakersSpans, type SpanLink } from './span-links.ts';

/** After this long in one hook, people are told that the sandbox is blocked by it, and the trace so far is written. */
const BLOCKED_AFTER_MS = 1_000;

/** Everything that one execution of a run knows and holds. Operations read and change it; nothing outlives it but the journal. */
export class Session {
  readonly deps: EngineDeps;
  readonly journal: Journal;
  readonly lease: RunLease | null;
  readonly driver: Driver;
  readonly capabilities: DriverCapabilities;
  readonly request: SandboxRequest;
  readonly record: ActivationRecord;
  readonly ref: SandboxRef;
  readonly guard: CallGuard;
  readonly ledger: Ledger;
  readonly makers = new MakersSpans();
  run: RunRecord;
  sandbox: SandboxRecord | null;
  /** A dry run or a preview: nothing outside may be touched. */
  readonly dry: boolean;
  /** A preview of a toggle counts for no breaker. */
  readonly countsForBreakers: boolean;

  plan: Json | null = null;
  owners = new Owners();
  revisions: PlanRevision[] = [];
  readonly entered = new Set<string>();
  readonly states = new Map<string, { value: JsonObject | null }>();
  /** Apply functions still running after their attempt ended, by effect id. */
  readonly stillApplying = new Map<string, Promise<void>>();
  readonly startedAt: number;
  firstError: FirstError | null = null;
  failure: TenonError | null = null;
  /** The extension whose hook is in flight. */
  inFlight: string | null = null;
  private inFlightPhase: Phase | null = null;
  private inFlightSince = 0;
  force: boolean;
  private seq: number;
  private readonly blockedTimer: RunTimer;
  private readonly waitTimer: RunTimer;
  private blocked = false;
  private unwindUntil: number | null = null;

  constructor(options: {
    deps: EngineDeps;
    journal: Journal;
    lease: RunLease | null;
    driver: Driver;
    capabilities: DriverCapabilities;
    request: SandboxRequest;
    record: ActivationRecord;
    run: RunRecord;
    sandbox: SandboxRecord | null;
    sandboxId: string;
    effects: readonly EffectRecord[];
    revisions: readonly PlanRevision[];
    dry: boolean;
    countsForBreakers: boolean;
  }) {
    this.deps = options.deps;
    this.journal = options.journal;
    this.lease = options.lease;
    this.driver = options.driver;
    this.capabilities = options.capabilities;
    this.request = options.request;
    this.record = options.record;
    this.run = options.run;
    this.sandbox = options.sandbox;
    this.dry = options.dry;
    this.countsForBreakers = options.countsForBreakers;
    this.force = options.run.force;
    this.ref = { id: options.sandboxId, name: options.request.name, workspace: options.request.workspace };
    this.guard = new CallGuard(this.deps.clock);
    this.blockedTimer = new RunTimer(this.deps.clock);
    this.waitTimer = new RunTimer(this.deps.clock);
    this.startedAt = this.deps.clock.monotonic();
    this.seq = options.run.attemptCount;
    const earlier = options.run.firstError;
    if (earlier !== null) {
      this.firstError = earlier;
      this.failure = new TenonError(earlier.code, earlier.message, {
        ...(earlier.extension === null ? {} : { extension: earlier.extension }),
        ...(earlier.phase === null ? {} : { phase: earlier.phase }),
        ...(earlier.attemptId === null ? {} : { attemptId: earlier.attemptId }),
      });
    }
    this.ledger = new Ledger({
      sandboxId: options.sandboxId,
      runId: options.run.id,
      rows: options.effects,
      journal: this.journal,
      now: () => this.deps.clock.now(),
    });
    if (options.revisions.length > 0) {
      this.revisions = [...options.revisions];
      this.plan = rebuild(this.revisions, this.revisions.length - 1, this.driver.schema);
      this.owners = Owners.replay(this.revisions);
    }
  }

  close(): void {
    this.guard.close();
    this.blockedTimer.close();
    this.waitTimer.close();
  }

  // ---- journal

  step(name: string, state: StepRecord['state']): void {
    this.journal.note({ type: 'step', step: { name, state, at: this.deps.clock.now() } });
    this.run = { ...this.run, steps: [...this.run.steps.filter((step) => step.name !== name), { name, state, at: this.deps.clock.now() }] };
  }

  stepState(name: string): StepRecord['state'] | null {
    return this.run.steps.findLast((step) => step.name === name)?.state ?? null;
  }

  setSandbox(
    change: Partial<Pick<SandboxRecord, 'state' | 'stateReason' | 'blockedBy' | 'sealedRevision' | 'sealedAt' | 'instance' | 'deletedAt' | 'hidden'>>,
  ): void {
    if (this.sandbox === null) return;
    this.sandbox = { ...this.sandbox, ...change };
    this.journal.note({ type: 'sandbox', sandboxId: this.sandbox.id, change });
  }

  setState(state: SandboxState, stateReason: SandboxRecord['stateReason'] = null): void {
    this.setSandbox({ state, stateReason });
  }

  setRun(change: Partial<Pick<RunRecord, 'status' | 'waitingFor' | 'firstError' | 'endedAt' | 'preview'>>): void {
    this.run = { ...this.run, ...change };
    this.journal.note({ type: 'run', change });
  }

  addRevision(by: PlanRevision['by'], phase: Phase | null, value: Json, changes: readonly AuthoredChange[]): void {
    const number = this.revisions.length;
    const revision: PlanRevision = { number, by, phase, digest: planDigest(value), value: number === 0 ? value : null, changes };
    this.plan = value;
    this.revisions.push(revision);
    this.journal.note({ type: 'revision', revision: { ...revision, runId: this.run.id, sandboxId: this.sandbox?.id ?? null } });
  }

  /** The first error is never lost; a superseding one does not replace it. */
  fail(error: TenonError): void {
    if (this.failure !== null) return;
    this.failure = error;
    const { extension, phase, attemptId, hint, path, conflictsWith, hookCode } = error.context;
    this.firstError = {
      code: error.code,
      message: error.message,
      extension: extension ?? null,
      phase: phase ?? null,
      attemptId: attemptId ?? null,
      ...(hint === undefined ? {} : { hint }),
      ...(path === undefined ? {} : { path }),
      ...(conflictsWith === undefined ? {} : { conflictsWith }),
      ...(hookCode === undefined ? {} : { hookCode }),
    };
    this.setRun({ firstError: this.firstError });
  }

  // ---- attempts

  /** `now`, where the caller knows it: monotonic ms. */
  begin(now?: number): Begun {
    this.seq += 1;
    return new Begun(this.run.traceId, this.seq, this.deps.clock, now);
  }

  finish(
    begun: Begun,
    attempt: Partial<AttemptRecord> & Pick<AttemptRecord, 'kind' | 'phase' | 'extension' | 'outcome'>,
    link: SpanLink | null = null,
  ): AttemptRecord {
    // Field by field: two spreads for each attempt cost more than the rest of its record.
    const record: AttemptRecord = {
      id: begun.id,
      runId: this.run.id,
      sandboxId: this.sandbox?.id ?? null,
      parentId: attempt.parentId ?? null,
      kind: attempt.kind,
      phase: attempt.phase,
      extension: attempt.extension,
      revision: attempt.revision ?? null,
      seq: begun.seq,
      number: attempt.number ?? 1,
      outcome: attempt.outcome,
      reason: attempt.reason ?? null,
      message: attempt.message ?? null,
      error: attempt.error ?? null,
      startedAt: begun.startedAt,
      durationMs: Math.max(0, Math.round((this.deps.clock.monotonic() - begun.mono) * 1000) / 1000),
      changes: attempt.changes ?? NONE,
      effects: attempt.effects ?? NONE,
      wouldBeEffects: attempt.wouldBeEffects ?? NONE,
      warnings: attempt.warnings ?? NONE,
      logs: attempt.logs ?? NONE,
      compensates: attempt.compensates ?? null,
      spanId: begun.spanId,
    };
    this.journal.note({ type: 'attempt', attempt: record });
    this.makers.remember(record);
    const span = { traceId: this.run.traceId, attempt: record, linkSpanId: link?.spanId ?? null };
    this.deps.onSpan(link === null ? span : { ...span, linkTraceId: link.traceId });
    return record;
  }

  /** From now on the sandbox counts as blocked by this hook, if it takes long. `now`: monotonic ms. */
  hookBegins(extension: string, phase: Phase, now: number): void {
    this.inFlight = extension;
    this.inFlightPhase = phase;
    this.inFlightSince = now;
    this.blockedTimer.arm(BLOCKED_AFTER_MS, this.sayBlocked, now);
  }

  private readonly sayBlocked = (): void => {
    const { inFlight: extension, inFlightPhase: phase, deps } = this;
    if (extension === null || phase === null) return;
    this.blocked = true;
    this.setSandbox({ blockedBy: { extension, phase, since: deps.clock.now() - Math.round(deps.clock.monotonic() - this.inFlightSince) } });
    this.commitQuietly();
  };

  hookEnds(): void {
    this.inFlight = null;
    this.blockedTimer.disarm();
    if (!this.blocked) return;
    this.blocked = false;
    this.setSandbox({ blockedBy: null });
  }

  /** Work that may take long: after a second the run says what it waits for, and the trace so far is written. */
  async waitingFor<T>(what: WaitingFor, work: () => Promise<T>): Promise<T> {
    let said = false;
    this.waitTimer.arm(BLOCKED_AFTER_MS, () => {
      said = true;
      this.setRun({ status: 'waiting', waitingFor: what });
      this.commitQuietly();
    });
    try {
      return await work();
    } finally {
      this.waitTimer.disarm();
      if (said) this.setRun({ status: 'running', waitingFor: null });
    }
  }

  /** For writes that nobody awaits: a failure shows itself at the next awaited commit, which the run depends on. */
  commitQuietly(): void {
    this.journal.commit().catch((error: unknown) => this.deps.log.warn({ runId: this.run.id, err: String(error) }, 'a progress write failed'));
  }

  // ---- driver

  driverCall(idempotencyKey: string, signal: AbortSignal, plan: Json | null = this.plan): DriverCall {
    return {
      sandbox: this.ref,
      plan,
      idempotencyKey,
      signal,
      resolveSecret: async (id) => {
        const secret = await this.deps.vault.open(id);
        if (secret === null)
          throw new TenonError('driver_failed', `the secret ${id} of sandbox ${this.ref.name} is not in the vault any more`, {
            hint: 'Create the sandbox again: a secret dies with the run or sandbox that brought it.',
          });
        return secret;
      },
    };
  }

  /** From here on the run has the budget of unwinding, and ignores what aborted it. */
  beginUnwinding(): void {
    this.guard.reopen();
    this.unwindUntil ??= this.deps.clock.monotonic() + this.deps.limits.unwindBudgetMs;
  }

  /** What is left of the operation's budget, or of the unwinding's once it has begun, ms. */
  budgetLeft(now = this.deps.clock.monotonic()): number {
    if (this.unwindUntil !== null) return Math.max(0, this.unwindUntil - now);
    return Math.max(0, budgetOf(this.run.operation, this.deps) - (now - this.startedAt));
  }
}

/** An attempt that has begun. */
export class Begun {
  readonly id: string;
  readonly spanId: string;
  readonly seq: number;
  /** Epoch ms. */
  readonly startedAt: number;
  /** Monotonic ms. */
  readonly mono: number;
  private readonly traceId: string;

  constructor(traceId: string, seq: number, clock: Clock, now = clock.monotonic()) {
    this.startedAt = clock.now();
    this.mono = now;
    this.id = newId(this.startedAt);
    this.spanId = newSpanId();
    this.seq = seq;
    this.traceId = traceId;
  }

  get traceparent(): string {
    return traceparent(this.traceId, this.spanId);
  }
}

const NONE: readonly never[] = [];

function budgetOf(operation: Operation, deps: EngineDeps): number {
  const { limits } = deps;
  switch (operation) {
    case 'create':
    case 'preview':
      return limits.createBudgetMs;
    case 'start':
      return limits.startBudgetMs;
    case 'stop':
      return limits.stopBudgetMs;
    case 'delete':
      return limits.deleteBudgetMs;
    case 'reconcile':
      return limits.reconcileBudgetMs;
  }
}

/** Which rows fall due for a reason: those of the start, or everything. */
export function dueFor(reason: ReleaseReason): (row: EffectRecord) => boolean {
  return reason === 'delete' || reason === 'rollback' ? () => true : (row) => row.scope === 'start';
}
