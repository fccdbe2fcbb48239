import { TenonError, toTenonError } from '../errors.ts';
import { RunLost } from '../ports/store.ts';
import type { EffectRecord } from '../records.ts';
import { RunAborted } from './aborted.ts';
import { abortError, errorOf } from './attempt.ts';
import { backoff } from './backoff.ts';
import { idempotencyKey } from './keys.ts';
import { abortIfAsked, runPhase, tell } from './phases.ts';
import { callDriverRelease, owe, released, releaseRows } from './release.ts';
import { refuseUncallable } from './required.ts';
import { dueFor, type Session } from './session.ts';
import { awaitReady, becomeReady, driverCreate, driverStart, exitReason, markStarted, pendingPoints, planRequest, seal } from './steps.ts';

/** create: from the request to a ready sandbox, or to nothing at all. */
export async function runCreate(session: Session): Promise<void> {
  try {
    planRequest(session);
    await runPhase(session, 'validate_request');
    await runPhase(session, 'prepare_plan');
    await runPhase(session, 'before_create');
    if (session.driver.createStarts) await beforeStart(session);
    seal(session);
    session.setSandbox({ sealedRevision: session.revisions.length - 1, sealedAt: session.deps.clock.now() });
    await driverCreate(session);
    if (session.driver.createStarts) markStarted(session);
    await runPhase(session, 'after_create');
    if (!session.driver.createStarts) {
      await beforeStart(session);
      seal(session, 'seal again');
      await driverStart(session);
    }
    await becomeReady(session);
    succeed(session);
  } catch (thrown) {
    await failCreate(session, thrown);
  }
}

async function beforeStart(session: Session): Promise<void> {
  session.step('before_start reached', 'done');
  await runPhase(session, 'before_start');
}

/** Unwinds a create: tell, then everything newest first with the driver's own create and start in their place. */
export async function failCreate(session: Session, thrown: unknown): Promise<void> {
  beginUnwinding(session, thrown);
  if (session.stepState('before_start reached') === 'done') await tell(session, 'on_start_failed', session.entered);
  await tell(session, 'on_create_failed', session.entered);
  await releaseRows(
    session,
    session.ledger.newestFirst(() => true),
    'rollback',
  );
  session.setState('failed', { code: session.firstError?.code ?? 'internal', message: session.firstError?.message ?? 'the create failed', exitCode: null });
  end(session, 'failed');
}

/** start: from the plan as sealed before the create to ready, or back to stopped. */
export async function runStart(session: Session): Promise<void> {
  if (session.sandbox?.state !== 'starting') {
    // It waited for a reconcile run, which may have found the sandbox gone.
    if (session.sandbox?.state !== 'stopped') return refuseState(session, 'start');
    session.setState('starting');
  }
  try {
    await refuseUncallable(session);
    await beforeStart(session);
    seal(session, 'seal again');
    await driverStart(session);
    await becomeReady(session);
    succeed(session);
  } catch (thrown) {
    await failStart(session, thrown);
  }
}

export async function failStart(session: Session, thrown: unknown): Promise<void> {
  beginUnwinding(session, thrown);
  if (session.stepState('before_start reached') === 'done') await tell(session, 'on_start_failed', session.entered);
  await releaseRows(
    session,
    session.ledger.newestFirst((row) => row.scope === 'start' && row.runId === session.run.id),
    'rollback',
  );
  session.setState('stopped', { code: session.firstError?.code ?? 'internal', message: session.firstError?.message ?? 'the start failed', exitCode: null });
  end(session, 'failed');
}

/** stop: hooks, the driver's stop confirmed, then what belonged to the start is given back. Never unwound. */
export async function runStop(session: Session): Promise<void> {
  const state = session.sandbox?.state;
  // The unwinding of the start that it superseded has done its work.
  if (state === 'stopped') return succeed(session);
  if (state !== 'stopping') {
    if (state !== 'running' && state !== 'ready') return refuseState(session, 'stop');
    session.setState('stopping');
  }
  try {
    await runPhase(session, 'before_stop');
    await confirmed(session, 'stop', session.deps.limits.stopBudgetMs);
  } catch (thrown) {
    await endInDriversState(session, thrown, 'stop');
    return;
  }
  await tell(session, 'after_stop');
  await releaseRows(session, session.ledger.newestFirst(dueFor('stop')), 'stop');
  session.setState('stopped', { code: 'stopped', message: 'stopped on request', exitCode: null });
  succeed(session);
}

/**
 * delete: only an explicit deny blocks it, and a forced one goes on. Without the driver's word that it is gone nothing is given
 * back: the sandbox stays `deleting` and the next delete run tries again; a forced one ends `deleted` with the driver's row owed.
 */
export async function runDelete(session: Session): Promise<void> {
  const state = session.sandbox?.state;
  // A failed create is undone or owed already: deleting it hides it, and calls nobody.
  if (state === 'failed' || state === 'deleted') {
    session.setSandbox({ state: 'deleted', hidden: true });
    return succeed(session);
  }
  const before = state === 'deleting' ? session.run.fromState : state;
  if (state !== 'deleting') session.setState('deleting', session.sandbox?.stateReason ?? null);
  try {
    await runPhase(session, 'before_delete');
  } catch (thrown) {
    if (thrown instanceof RunLost || (thrown instanceof RunAborted && thrown.reason === 'lost')) throw thrown;
    session.fail(errorFrom(thrown));
    session.setState(before ?? 'stopped', session.sandbox?.stateReason ?? null);
    end(session, 'failed');
    return;
  }
  try {
    await confirmed(session, 'delete', session.budgetLeft());
  } catch (thrown) {
    if (thrown instanceof RunLost || (thrown instanceof RunAborted && thrown.reason === 'lost')) throw thrown;
    const error = errorFrom(thrown);
    if (!session.force) {
      session.fail(
        new TenonError('run_timed_out', `${session.driver.name} did not confirm that ${session.ref.name} is gone: ${error.message}`, {
          ...error.context,
          hint: 'It is tried again by itself; delete it with force to stop waiting.',
        }),
      );
      end(session, 'failed');
      return;
    }
    session.fail(error);
    oweFromDriverOn(session, 'delete', error, () => true);
  }
  await tell(session, 'after_delete');
  await releaseRows(
    session,
    session.ledger.newestFirst((row) => row.state !== 'owed' || session.firstError === null),
    'delete',
  );
  session.setSandbox({ state: 'deleted', stateReason: null, deletedAt: session.deps.clock.now(), blockedBy: null });
  if (session.firstError === null) succeed(session);
  else end(session, 'succeeded');
}

/** A dry run: what would be validated and planned, with nothing outside touched. */
export async function runPreview(session: Session): Promise<void> {
  try {
    planRequest(session);
    await runPhase(session, 'validate_request');
    await runPhase(session, 'prepare_plan');
    const pending = pendingPoints(session);
    seal(session);
    if (session.run.preview !== null) session.setRun({ preview: { ...session.run.preview, pending } });
    succeed(session);
  } catch (thrown) {
    if (thrown instanceof RunLost || (thrown instanceof RunAborted && thrown.reason === 'lost')) throw thrown;
    session.fail(errorFrom(thrown));
    end(session, 'failed');
  }
}

/** What a reconcile pass found out about a sandbox that no run holds. */
export type Finding = 'exited' | 'vanished' | 'replaced' | 'lost' | 'restarted';

export async function runReconcile(session: Session, finding: Finding): Promise<void> {
  try {
    const state = session.sandbox?.state;
    if (finding === 'exited' || (finding === 'vanished' && (state === 'running' || state === 'ready'))) {
      const seen = await session.driver.inspect(session.ref, session.plan);
      await tell(session, 'after_exit');
      closeDriverRow(session, 'driver_start');
      await releaseRows(session, session.ledger.newestFirst(dueFor('exit')), 'exit');
      if (finding === 'exited') session.setState('stopped', session.sandbox?.stateReason?.code === 'exited' ? session.sandbox.stateReason : exitReason(seen));
    }
    if (finding === 'vanished') {
      await tell(session, 'after_delete');
      closeDriverRow(session, 'driver_start');
      closeDriverRow(session, 'driver_create');
      await releaseRows(
        session,
        session.ledger.newestFirst(() => true),
        'delete',
      );
      session.setSandbox({
        state: 'deleted',
        stateReason: { code: 'vanished', message: 'removed at the backend by somebody else', exitCode: null },
        deletedAt: session.deps.clock.now(),
        blockedBy: null,
      });
    }
    if (finding === 'replaced') {
      const seen = await session.driver.inspect(session.ref, session.plan);
      await runPhase(session, 'after_ready');
      session.setSandbox({ instance: seen.instance });
    }
    if (finding === 'lost') {
      await restore(session);
      return;
    }
    if (finding === 'restarted') await runPhase(session, 'reconcile');
    succeed(session);
  } catch (thrown) {
    if (thrown instanceof RunLost || (thrown instanceof RunAborted && thrown.reason === 'lost')) throw thrown;
    session.fail(errorFrom(thrown));
    end(session, 'failed');
  }
}

/**
 * The workload was lost and the driver relaunches it. A failure keeps the sandbox's record and marks it for the operator: before the
 * relaunch it is stopped and what belonged to the start goes back; after it the workload runs on.
 */
async function restore(session: Session): Promise<void> {
  let relaunched = false;
  try {
    await runPhase(session, 'before_restore');
    await driverCreate(session);
    await driverStart(session);
    relaunched = true;
    const seen = await awaitReady(session);
    session.setSandbox({ instance: seen.instance });
    await runPhase(session, 'after_restore');
    session.setState('ready');
    succeed(session);
  } catch (thrown) {
    if (thrown instanceof RunLost || (thrown instanceof RunAborted && thrown.reason === 'lost')) throw thrown;
    session.fail(errorFrom(thrown));
    session.beginUnwinding();
    const mark = { code: 'restore_failed', message: session.firstError?.message ?? 'the restore failed', exitCode: null };
    if (relaunched) session.setState('running', mark);
    else {
      await releaseRows(session, session.ledger.newestFirst(dueFor('exit')), 'exit');
      session.setState('stopped', mark);
    }
    end(session, 'failed');
  }
}

/** The workload is known to be gone or ended: the driver's row is released without a call. */
function closeDriverRow(session: Session, kind: 'driver_start' | 'driver_create'): void {
  const row = session.ledger.held(null, kind, session.ref.id);
  if (row !== undefined) released(session, row, 0);
}

/** Calls the driver's stop or delete until it confirms, and marks the driver's rows that this settles. */
async function confirmed(session: Session, what: 'stop' | 'delete', budgetMs: number): Promise<void> {
  abortIfAsked(session);
  if (session.stepState(`driver:${what}`) === 'done') return;
  session.step(`driver:${what}`, 'intended');
  await session.journal.commit();
  const kind = what === 'stop' ? 'driver_start' : 'driver_create';
  const row: Pick<EffectRecord, 'kind'> = { kind };
  const key = idempotencyKey(session.run.id, what, session.ref.id);
  const { clock, limits } = session.deps;
  const until = clock.monotonic() + budgetMs;
  let parentId: string | null = null;
  for (let number = 1; ; number++) {
    const left = Math.max(1, until - clock.monotonic());
    const begun = session.begin();
    const result = await session.waitingFor('backend', () =>
      session.guard.run(left, (signal) => callDriverRelease(session.driver, row, session.driverCall(key, signal()))),
    );
    const common = { kind: 'driver', phase: null, extension: null, message: what, number, parentId } as const;
    parentId ??= begun.id;
    if (result.kind === 'value') {
      session.finish(begun, { ...common, outcome: 'ok', effects: closing(session, what) });
      session.step(`driver:${what}`, 'done');
      await session.journal.commit();
      return;
    }
    const error =
      result.kind === 'thrown'
        ? toTenonError(result.error, 'driver_failed', { attemptId: begun.id })
        : result.kind === 'timed_out'
          ? new TenonError('run_timed_out', `${session.driver.name} did not confirm the ${what} within ${Math.round(budgetMs / 1000)} s`, {
              attemptId: begun.id,
            })
          : abortError(result.cause, { attemptId: begun.id });
    session.finish(begun, {
      ...common,
      outcome: result.kind === 'timed_out' ? 'timed_out' : result.kind === 'aborted' ? 'aborted' : 'failed',
      message: `${what}: ${error.message}`,
      error: errorOf(error),
    });
    // A backend that did not answer may have done it: it is asked again, as both calls are idempotent. One that said no is not.
    const wait = backoff(clock, number - 1, limits.retryBaseMs, limits.retryMaxMs);
    if (error.code === 'driver_unavailable' && number < limits.attempts && clock.monotonic() + wait < until) {
      await session.waitingFor('retry', () => clock.sleep(wait));
      abortIfAsked(session);
      continue;
    }
    session.step(`driver:${what}`, 'failed');
    if (result.kind === 'aborted') throw new RunAborted(result.cause, error);
    throw error;
  }
}

function closing(session: Session, what: 'stop' | 'delete'): readonly string[] {
  const rows = session.ledger.newestFirst((row) => row.extension === null && (what === 'delete' || row.kind === 'driver_start'));
  for (const row of rows) released(session, row, what === 'delete' ? session.driver.lateCreateMs : 0);
  return rows.map((row) => row.id);
}

/** The driver's row and every older one due become owed together. */
function oweFromDriverOn(session: Session, reason: 'stop' | 'delete', error: TenonError, due: (row: EffectRecord) => boolean): void {
  const rows = session.ledger.newestFirst(due);
  const from = rows.findIndex((row) => row.extension === null);
  if (from < 0) return;
  for (const row of rows.slice(from))
    owe(
      session,
      row,
      reason,
      row.extension === null ? error : new TenonError('driver_failed', `waits until ${session.driver.name} confirms: ${error.message}`),
    );
}

/** A failed stop leaves the state that the driver reports. */
async function endInDriversState(session: Session, thrown: unknown, what: 'stop'): Promise<void> {
  if (thrown instanceof RunLost || (thrown instanceof RunAborted && thrown.reason === 'lost')) throw thrown;
  const error = errorFrom(thrown);
  session.fail(error);
  session.beginUnwinding();
  // Only the driver's own failure makes debts: a stop that a hook blocked, or that was superseded, has asked nothing of it.
  if (session.stepState(`driver:${what}`) === 'failed' && !(thrown instanceof RunAborted)) oweFromDriverOn(session, what, error, dueFor(what));
  const seen = await session.driver.inspect(session.ref, session.plan).catch(() => null);
  const from = session.run.fromState ?? 'ready';
  if (seen === null || seen.state === 'running') session.setState(from === 'running' || from === 'ready' ? from : 'ready');
  else session.setState('stopped', exitReason(seen));
  end(session, 'failed');
}

function refuseState(session: Session, what: string): void {
  session.fail(
    new TenonError('sandbox_state', `${session.ref.name} is ${session.sandbox?.state ?? 'gone'}, so it cannot ${what}`, { sandboxId: session.ref.id }),
  );
  end(session, 'failed');
}

function beginUnwinding(session: Session, thrown: unknown): void {
  if (thrown instanceof RunLost || (thrown instanceof RunAborted && thrown.reason === 'lost')) throw thrown;
  session.fail(errorFrom(thrown));
  session.beginUnwinding();
  session.step('unwind', 'intended');
}

function errorFrom(thrown: unknown): TenonError {
  if (thrown instanceof RunAborted) return thrown.error;
  return toTenonError(thrown, 'internal');
}

function succeed(session: Session): void {
  end(session, 'succeeded');
}

function end(session: Session, status: 'succeeded' | 'failed'): void {
  if (session.stepState('unwind') === 'intended') session.step('unwind', 'done');
  const debt = status === 'failed' && session.ledger.owed() > 0;
  session.setRun({ status: debt ? 'failed_with_debt' : status, waitingFor: null, endedAt: session.deps.clock.now() });
}
