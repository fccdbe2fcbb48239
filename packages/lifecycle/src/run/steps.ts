import { type Phase, phaseRow } from '@tenon/vocabulary';
import { messageOf, TenonError, toTenonError } from '../errors.ts';
import { copyJson } from '../plan/json-guard.ts';
import { isUnder } from '../plan/pointer.ts';
import type { DriverCall, DriverObservation } from '../ports/driver.ts';
import { RunAborted } from './aborted.ts';
import { abortError, errorOf } from './attempt.ts';
import { idempotencyKey } from './keys.ts';
import { abortIfAsked, hooksOf, runPhase } from './phases.ts';
import type { Session } from './session.ts';

/** Revision 0: what the driver's pure planner makes of the request. */
export function planRequest(session: Session): void {
  // A planner's value is copied: it must be JSON of ordinary objects, whatever the driver built it from.
  const value = copyJson(session.driver.plan(session.request, session.ref.id));
  session.addRevision({ kind: 'driver', name: session.driver.name }, null, value, []);
  session.step('plan', 'done');
}

/** The driver judges the whole plan; a refusal names the extension whose change broke it wherever one did. */
export function seal(session: Session, step: 'seal' | 'seal again' = 'seal'): void {
  const { plan, driver } = session;
  if (plan === null) throw new TenonError('internal', 'there is no plan to seal');
  // Each edit is bounded by what it changes; the whole is bounded once, here.
  copyJson(plan);
  const issue = driver.validate(plan)[0];
  if (issue !== undefined) {
    const author = session.revisions
      .flatMap((revision) => revision.changes)
      .findLast((change) => isUnder(issue.path, change.path) || isUnder(change.path, issue.path))?.by;
    throw new TenonError(
      'plan_invalid',
      `${driver.name} does not accept ${issue.path || 'the plan'}: ${issue.message}${author === undefined ? '' : ` (changed by ${author.extension} in ${author.phase})`}`,
      {
        path: issue.path,
        ...(author === undefined ? {} : { extension: author.extension, phase: author.phase }),
        ...(issue.hint === undefined ? {} : { hint: issue.hint }),
      },
    );
  }
  session.step(step, 'done');
}

/** Late points that an active extension's before_create may still fill: what a dry run cannot show. */
export function pendingPoints(session: Session): readonly string[] {
  const late = session.driver.schema.points.filter((point) => point.openIn.some((phase) => phaseRow(phase).plan === 'late'));
  const declared = new Set(hooksOf(session, 'before_create').flatMap(({ hook }) => [...hook.points, ...hook.optionalPoints]));
  return late.filter((point) => declared.has(point.name)).map((point) => point.name);
}

export async function driverCreate(session: Session): Promise<void> {
  const row = driverRow(session, 'driver_create', 'sandbox');
  const { instance } = await driverStep(session, row, 'create', session.budgetLeft(), (call) => session.driver.create(call));
  session.setSandbox({ instance });
}

export async function driverStart(session: Session): Promise<void> {
  const row = driverRow(session, 'driver_start', 'start');
  const { instance } = await driverStep(session, row, 'start', session.budgetLeft(), (call) => session.driver.start(call));
  session.setSandbox({ instance });
}

/** Where create starts, the start is an effect too, and was confirmed by the same call. */
export function markStarted(session: Session): void {
  const row = driverRow(session, 'driver_start', 'start');
  session.ledger.change(row.id, { state: 'applied' });
}

function driverRow(session: Session, kind: 'driver_create' | 'driver_start', scope: 'sandbox' | 'start') {
  return (
    session.ledger.held(null, kind, session.ref.id) ??
    session.ledger.intend({
      extension: null,
      revision: null,
      phase: null,
      attemptId: null,
      kind,
      key: session.ref.id,
      input: null,
      scope,
      idempotencyKey: idempotencyKey(session.run.id, kind, session.ref.id),
    })
  );
}

async function driverStep<T>(
  session: Session,
  row: ReturnType<typeof driverRow>,
  name: string,
  deadlineMs: number,
  work: (call: DriverCall) => Promise<T>,
): Promise<T> {
  abortIfAsked(session);
  session.step(`driver:${name}`, 'intended');
  await session.journal.commit();
  const begun = session.begin();
  const result = await session.waitingFor('backend', () =>
    session.guard.run(Math.max(1, deadlineMs), (signal) => work(session.driverCall(row.idempotencyKey, signal()))),
  );
  const common = { kind: 'driver', phase: null, extension: null, effects: [row.id], message: name } as const;
  if (result.kind === 'value') {
    session.finish(begun, { ...common, outcome: 'ok' });
    session.ledger.change(row.id, { state: 'applied', attemptId: begun.id });
    session.step(`driver:${name}`, 'done');
    return result.value;
  }
  const error =
    result.kind === 'thrown'
      ? toTenonError(result.error, 'driver_failed', { attemptId: begun.id })
      : result.kind === 'timed_out'
        ? new TenonError('run_timed_out', `${session.driver.name} did not answer ${name} within ${Math.round(deadlineMs)} ms`, { attemptId: begun.id })
        : abortError(result.cause, { attemptId: begun.id });
  // Whether it happened is not known unless the driver said no: its release looks twice.
  const unknown = result.kind !== 'thrown' || error.code === 'driver_unavailable' || error.code === 'internal';
  session.ledger.change(row.id, { unanswered: unknown, attemptId: begun.id, lastError: { code: error.code, message: messageOf(error) } });
  session.finish(begun, {
    ...common,
    outcome: result.kind === 'timed_out' ? 'timed_out' : result.kind === 'aborted' ? 'aborted' : 'failed',
    message: `${name}: ${error.message}`,
    error: errorOf(error),
  });
  session.step(`driver:${name}`, 'failed');
  if (result.kind === 'aborted') throw new RunAborted(result.cause, error);
  throw error;
}

/** Waits for the driver's own readiness within the ready budget. */
export async function awaitReady(session: Session): Promise<DriverObservation> {
  abortIfAsked(session);
  const deadlineMs = Math.max(1, Math.min(session.deps.limits.readyBudgetMs, session.budgetLeft()));
  const begun = session.begin();
  const result = await session.waitingFor('backend', () =>
    session.guard.run(deadlineMs, (signal) => session.driver.awaitReady(session.driverCall(idempotencyKey(session.run.id, 'ready', session.ref.id), signal()))),
  );
  const common = { kind: 'driver', phase: null, extension: null, message: 'ready' } as const;
  if (result.kind === 'value') {
    const seen = result.value;
    const early = seen.state !== 'running' && session.driver.ownReadiness;
    const error = early
      ? new TenonError('driver_failed', `the workload ended before it was ready: ${seen.message ?? seen.reason ?? `exit code ${seen.exitCode}`}`, {
          attemptId: begun.id,
        })
      : null;
    session.finish(begun, { ...common, outcome: error === null ? 'ok' : 'failed', reason: seen.reason, error: error === null ? null : errorOf(error) });
    if (error !== null) throw error;
    return seen;
  }
  const error =
    result.kind === 'thrown'
      ? toTenonError(result.error, 'driver_failed', { attemptId: begun.id })
      : result.kind === 'timed_out'
        ? new TenonError('run_timed_out', `${session.driver.name} did not report the sandbox ready within ${Math.round(deadlineMs / 1000)} s`, {
            attemptId: begun.id,
            hint: 'Look at its logs; a HEALTHCHECK must pass within this time.',
          })
        : abortError(result.cause, { attemptId: begun.id });
  session.finish(begun, {
    ...common,
    outcome: result.kind === 'timed_out' ? 'timed_out' : result.kind === 'aborted' ? 'aborted' : 'failed',
    message: `ready: ${error.message}`,
    error: errorOf(error),
  });
  if (result.kind === 'aborted') throw new RunAborted(result.cause, error);
  throw error;
}

/**
 * From the started workload to the end of the run: ready and after_ready, or, where the command has ended by then, `stopped`
 * with `exited`: that is no failure, after_ready is skipped with this reason, and after_exit follows.
 */
export async function becomeReady(session: Session): Promise<void> {
  session.setState('running');
  const seen = await awaitReady(session);
  if (seen.state !== 'running') {
    for (const { active } of hooksOf(session, 'after_ready')) skipAfterReady(session, active.name);
    session.setState('stopped', exitReason(seen));
    return;
  }
  session.setSandbox({ instance: seen.instance });
  await runPhase(session, 'after_ready');
  session.setState('ready');
}

function skipAfterReady(session: Session, extension: string): void {
  const begun = session.begin();
  session.finish(begun, {
    kind: 'hook',
    phase: 'after_ready' satisfies Phase,
    extension,
    outcome: 'skipped',
    reason: 'exited: the command had ended before the sandbox was ready',
  });
}

export function exitReason(seen: DriverObservation): { code: string; message: string; exitCode: number | null } {
  const message = seen.message ?? (seen.exitCode === null ? 'the command ended' : `the command ended with exit code ${seen.exitCode}`);
  return { code: 'exited', message, exitCode: seen.exitCode };
}
