import type { AttemptView, EffectView, RunSummaryView, RunView } from '@tenon/contract';
import type { AttemptRecord, EffectRecord, FirstError, RunRecord } from '@tenon/lifecycle';
import { LIMITS } from '@tenon/vocabulary';
import { presentChange } from './plan.ts';
import { iso, isoOrNull } from './time.ts';

export function presentRunSummary(run: RunRecord): RunSummaryView {
  return {
    id: run.id,
    sandboxId: run.sandboxId,
    sandboxName: run.sandboxName,
    workspace: run.workspace,
    driver: run.driver,
    operation: run.operation,
    status: run.status,
    waitingFor: run.waitingFor,
    force: run.force,
    reason: run.reason,
    actor: run.actor.name,
    requestId: run.requestId,
    startedAt: iso(run.startedAt),
    endedAt: isoOrNull(run.endedAt),
    firstError: run.firstError === null ? null : presentFirstError(run.firstError),
    traceId: run.traceId,
    attemptCount: run.attemptCount,
  };
}

/** One run with its trace; `attempts` are its first ones, in the order in which they began. */
export function presentRun(run: RunRecord, attempts: readonly AttemptRecord[], effects: readonly EffectRecord[]): RunView {
  return {
    ...presentRunSummary(run),
    attempts: attempts.slice(0, LIMITS.attemptsInline).map((attempt) => presentAttempt(attempt)),
    effects: presentEffects(effects),
    steps: run.steps.map((step) => ({ name: step.name, state: step.state, at: iso(step.at) })),
  };
}

function presentFirstError(error: FirstError): NonNullable<RunSummaryView['firstError']> {
  return {
    code: error.code,
    message: error.message,
    extension: error.extension,
    phase: error.phase,
    attemptId: error.attemptId,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.path === undefined ? {} : { path: error.path }),
    ...(error.conflictsWith === undefined ? {} : { conflictsWith: error.conflictsWith }),
    ...(error.hookCode === undefined ? {} : { hookCode: error.hookCode }),
  };
}

/** `withChanges: false` for long lists: `changeCount` still tells how many there are. */
export function presentAttempt(attempt: AttemptRecord, withChanges = true): AttemptView {
  const { error } = attempt;
  return {
    id: attempt.id,
    runId: attempt.runId,
    parentId: attempt.parentId,
    kind: attempt.kind,
    phase: attempt.kind === 'hook' ? attempt.phase : null,
    extension: attempt.extension,
    revision: attempt.revision,
    seq: attempt.seq,
    number: attempt.number,
    outcome: attempt.outcome,
    reason: attempt.reason,
    message: attempt.message,
    error: error === null ? null : presentAttemptError(error),
    startedAt: iso(attempt.startedAt),
    durationMs: Math.max(0, Math.round(attempt.durationMs)),
    changes: withChanges ? attempt.changes.map(presentChange) : [],
    changeCount: attempt.changes.length,
    effects: [...attempt.effects],
    wouldBeEffects: [...attempt.wouldBeEffects],
    warnings: [...attempt.warnings],
    logs: attempt.logs.map((line) => ({ at: iso(line.at), level: line.level, message: line.message })),
    compensates: attempt.compensates,
    spanId: attempt.spanId,
  };
}

function presentAttemptError(error: NonNullable<AttemptRecord['error']>): NonNullable<AttemptView['error']> {
  return {
    code: error.code,
    message: error.message,
    ...(error.hookCode === undefined ? {} : { hookCode: error.hookCode }),
    ...(error.path === undefined ? {} : { path: error.path }),
    ...(error.conflictsWith === undefined ? {} : { conflictsWith: error.conflictsWith }),
  };
}

/** Effects as clients see them. */
export function presentEffects(effects: readonly EffectRecord[]): EffectView[] {
  return effects.filter(stoodForSomething).map(presentEffect);
}

/** A row that was written before a call, and whose answer made nothing, was never an effect. */
function stoodForSomething(effect: EffectRecord): boolean {
  return !(effect.kind === '*' && effect.state === 'released' && effect.attempts === 0);
}

export function presentEffect(effect: EffectRecord): EffectView {
  return {
    id: effect.id,
    kind: effect.kind,
    key: effect.key,
    handle: effect.handle,
    state: effect.state,
    scope: effect.scope,
    extension: effect.extension,
    phase: effect.phase,
    sandboxId: effect.sandboxId,
    runId: effect.runId,
    attemptId: effect.attemptId,
    attempts: effect.attempts,
    lastError: effect.lastError === null ? null : { code: effect.lastError.code, message: effect.lastError.message },
    nextRetryAt: isoOrNull(effect.nextRetryAt),
    createdAt: iso(effect.createdAt),
    releasedAt: isoOrNull(effect.releasedAt),
    waivedReason: effect.waivedReason,
  };
}
