import { type Phase, phaseRow } from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';
import type { HookDeclaration } from '../extension.ts';
import type { ActiveExtension } from '../records.ts';
import { isSupported, judgeHook } from '../registry/capabilities.ts';
import { RunAborted } from './aborted.ts';
import { abortError, callHook, type HookEnd, recordSkip } from './attempt.ts';
import { idempotencyKey } from './keys.ts';
import { releaseRows } from './release.ts';
import type { Session } from './session.ts';

/** Extensions with a hook for the phase, in the phase's order: setup order is the record's, reverse is exactly that, backwards. */
export function hooksOf(session: Session, phase: Phase): readonly { active: ActiveExtension; hook: HookDeclaration }[] {
  const found: { active: ActiveExtension; hook: HookDeclaration }[] = [];
  for (const active of session.record.extensions) {
    for (const hook of active.hooks) {
      if (hook.phase !== phase) continue;
      found.push({ active, hook });
      break;
    }
  }
  return phaseRow(phase).order === 'reverse' ? found.reverse() : found;
}

/**
 * Runs a phase whose hooks can change the course of the run. Throws the TenonError that fails the run, or RunAborted.
 * What a phase does on failure is the frozen policy of each extension.
 */
export async function runPhase(session: Session, phase: Phase): Promise<void> {
  const hooks = hooksOf(session, phase);
  // A run that is driven on after an interruption does not call again what had ended.
  if (hooks.length === 0 || session.stepState(`phase:${phase}`) === 'done') return;
  session.step(`phase:${phase}`, 'intended');
  try {
    for (const { active, hook } of hooks) {
      const begun = runHook(session, phase, active, hook);
      // Awaiting what is no promise would cost a turn of the loop all the same.
      const end = begun instanceof Promise ? await begun : begun;
      if (end !== null && end.kind !== 'ok') await weigh(session, phase, active, end);
    }
  } catch (error) {
    session.step(`phase:${phase}`, 'failed');
    throw error;
  }
  session.step(`phase:${phase}`, 'done');
}

/** Null: the phase goes on at once. */
function runHook(session: Session, phase: Phase, active: ActiveExtension, hook: HookDeclaration): Promise<HookEnd> | HookEnd | null {
  // One look at the clock serves everything that comes before the call.
  const now = session.deps.clock.monotonic();
  abortIfAsked(session, now);
  if (isSupported(session.driver, session.capabilities, hook)) return callHook(session, phase, active, hook, now);
  const judged = judgeHook(session.driver, session.capabilities, hook);
  if (judged.state === 'refused' && active.mode === 'enforce' && setsUp(session)) throw missing(session, active, phase, judged.reason);
  recordSkip(session, phase, active, judged.reason);
  return null;
}

/** What a hook that did not end well means for the phase: it throws what fails the run, or gives back what the hook made. */
async function weigh(session: Session, phase: Phase, active: ActiveExtension, end: Exclude<HookEnd, { kind: 'ok' }>): Promise<void> {
  if (end.kind === 'denied') {
    if (phase === 'before_delete' && session.force) return;
    throw end.error;
  }
  const policy = active.failurePolicy[phase] ?? phaseRow(phase).onFailure;
  if (end.kind === 'skipped') {
    if (end.error !== null && policy === 'fail' && active.required && active.mode === 'enforce' && setsUp(session)) throw end.error;
    return;
  }
  if (end.kind === 'aborted' && end.cause !== 'killed') throw new RunAborted(end.cause, end.error);
  if (policy === 'fail' && !(end.kind === 'aborted' && !active.required)) throw end.error;
  // The run goes on without this hook: what it made under its key goes back at once.
  const key = idempotencyKey(session.run.id, phase, active.name);
  await releaseRows(
    session,
    session.ledger.newestFirst((row) => row.idempotencyKey === key && row.extension === active.name),
    'rollback',
  );
}

/** Tells the extensions; nothing that they answer changes the run. */
export async function tell(session: Session, phase: Phase, only: ReadonlySet<string> | null = null): Promise<void> {
  const hooks = hooksOf(session, phase).filter(({ active }) => only === null || only.has(active.name));
  if (hooks.length === 0 || session.stepState(`phase:${phase}`) === 'done') return;
  session.step(`phase:${phase}`, 'intended');
  for (const { active, hook } of hooks) {
    const judged = judgeHook(session.driver, session.capabilities, hook);
    if (judged.state !== 'supported') recordSkip(session, phase, active, judged.reason);
    else {
      const end = await callHook(session, phase, active, hook);
      if (end.kind === 'aborted' && end.cause === 'lost') throw new RunAborted('lost', end.error);
    }
  }
  session.step(`phase:${phase}`, 'done');
}

/** `now`, where the caller knows it: monotonic ms. */
export function abortIfAsked(session: Session, now?: number): void {
  const cause = session.guard.aborted;
  if (cause !== null) throw new RunAborted(cause, abortError(cause, {}));
  if (session.budgetLeft(now) <= 0) throw new RunAborted('budget', abortError('budget', {}));
}

/** Operations that an extension can be required for; stop, delete and reconcile go on without one. */
function setsUp(session: Session): boolean {
  return session.run.operation === 'create' || session.run.operation === 'start' || session.run.operation === 'preview';
}

function missing(session: Session, active: ActiveExtension, phase: Phase, reason: string): TenonError {
  return new TenonError('capability_missing', `driver ${session.driver.name} cannot run ${active.name} in ${phase}: ${reason}`, {
    extension: active.name,
    phase,
    hint: `Make the hook optional (required: false), or leave ${session.driver.name} out of the activation's scope.`,
  });
}
