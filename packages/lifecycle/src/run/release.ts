import type { ReleaseReason } from '@tenon/vocabulary';
import { messageOf, TenonError, toTenonError } from '../errors.ts';
import { newSpanId, traceparent } from '../ids.ts';
import type { Driver, DriverCall, SandboxRef } from '../ports/driver.ts';
import type { EffectRecord } from '../records.ts';
import { RunAborted } from './aborted.ts';
import { abortError, errorOf } from './attempt.ts';
import { backoff } from './backoff.ts';
import type { EngineDeps } from './deps.ts';
import type { Session } from './session.ts';
import { leaveShared } from './shared-things.ts';
import { linkToMaker } from './span-links.ts';

/** How a release ended. `owed` carries why: a failure, the kill switch, or a revision whose code is gone. */
export type ReleaseEnd = { readonly kind: 'released'; readonly fenceMs: number } | { readonly kind: 'owed'; readonly error: TenonError };

/**
 * Calls whoever releases one row that is not the driver's, from the row alone: in any process, after any restart.
 * One call; throws a TenonError `extension_unavailable` or `hook_timed_out` where a retry may help.
 */
export async function callRelease(
  deps: EngineDeps,
  driver: Driver | null,
  ref: SandboxRef,
  row: EffectRecord,
  reason: ReleaseReason,
  signal: AbortSignal,
  parent: string,
): Promise<ReleaseEnd> {
  const name = row.extension;
  if (name === null) throw new TenonError('internal', `${row.kind} is the driver's own and not released by an extension`);
  if (row.kind.startsWith('lease:')) {
    await deps.pools.giveBack(row.kind.slice('lease:'.length), { sandboxId: row.sandboxId, extension: name, key: row.key });
    return { kind: 'released', fenceMs: 0 };
  }
  const extension = (await deps.directory.all()).get(name);
  if (extension?.killSwitch.on)
    return {
      kind: 'owed',
      error: new TenonError('killed', `${name} is stopped by its kill switch; this is released as soon as it is off`, { extension: name }),
    };
  const resolved = await deps.directory.resolve(name, row.revision ?? '');
  if (resolved.kind === 'gone') return { kind: 'owed', error: new TenonError('revision_unavailable', resolved.detail, { extension: name }) };
  const services = driver?.services() ?? {};
  const fenceMs = (resolved.hookDeadlines || deps.limits.hookDeadlineMs) + deps.limits.fenceExtraMs;
  if (row.kind.startsWith('shared:')) {
    const kind = row.kind.slice('shared:'.length);
    if (resolved.client.shared === null || !resolved.client.shared.has(kind))
      return {
        kind: 'owed',
        error: new TenonError('revision_unavailable', `${name} ${resolved.revision} has no shared kind ${kind} any more`, { extension: name }),
      };
    await leaveShared(deps, { extension: name, kind, key: row.key }, row.id, resolved.client.shared, services, signal);
    return { kind: 'released', fenceMs: 0 };
  }
  const answer = await resolved.client.release({
    extension: name,
    revision: resolved.revision,
    sandbox: ref,
    idempotencyKey: row.idempotencyKey,
    reason,
    deadlineMs: deps.limits.releaseDeadlineMs,
    signal,
    traceparent: parent,
    services,
    effects: row.kind === '*' ? [] : [{ kind: row.kind, key: row.key, input: row.input, handle: row.handle }],
  });
  const failed = row.kind === '*' ? answer.failed[0] : answer.failed.find((each) => each.key === row.key);
  if (failed !== undefined)
    return { kind: 'owed', error: new TenonError('hook_failed', failed.message || `${name} could not release ${row.kind} ${row.key}`, { extension: name }) };
  // An effect named in neither list counts as failed.
  if (row.kind !== '*' && !answer.released.includes(row.key))
    return { kind: 'owed', error: new TenonError('hook_protocol_error', `${name} named ${row.key} neither as released nor as failed`, { extension: name }) };
  return { kind: 'released', fenceMs };
}

/** The same with the hooks' attempts and a deadline each, within a run: every attempt is recorded and linked to what it releases. */
async function releaseInRun(session: Session, row: EffectRecord, reason: ReleaseReason): Promise<ReleaseEnd> {
  const { deps } = session;
  const maker = row.attemptId;
  const link = await linkToMaker(session, maker);
  let parentId: string | null = null;
  for (let number = 1; ; number++) {
    const begun = session.begin();
    const common = {
      kind: 'release',
      phase: null,
      extension: row.extension,
      revision: row.revision,
      number,
      parentId,
      effects: [row.id],
      compensates: maker ?? row.id,
    } as const;
    parentId ??= begun.id;
    const result = await session.guard.run(deps.limits.releaseDeadlineMs, (signal) =>
      callRelease(deps, session.driver, session.ref, row, reason, signal(), begun.traceparent),
    );
    if (result.kind === 'value') {
      const end = result.value;
      const never = end.kind === 'owed' && (end.error.code === 'killed' || end.error.code === 'revision_unavailable');
      const attempt = {
        ...common,
        outcome: end.kind === 'released' ? 'ok' : never ? 'skipped' : 'failed',
        reason: never ? end.error.message : reason,
        error: end.kind === 'owed' ? errorOf(end.error) : null,
        message: end.kind === 'owed' ? end.error.message : null,
      } as const;
      session.finish(begun, attempt, link);
      return end;
    }
    if (result.kind === 'aborted' && result.cause === 'lost') throw new RunAborted('lost', abortError('lost', {}));
    const error =
      result.kind === 'thrown'
        ? toTenonError(result.error, 'hook_failed', { extension: row.extension ?? 'driver' })
        : new TenonError('hook_timed_out', `${row.extension} did not release ${row.kind} ${row.key} within ${deps.limits.releaseDeadlineMs} ms`, {
            extension: row.extension ?? 'driver',
          });
    const outcome = result.kind === 'timed_out' ? 'timed_out' : result.kind === 'aborted' ? 'aborted' : 'failed';
    session.finish(begun, { ...common, outcome, reason, error: errorOf(error), message: error.message }, link);
    const passing = result.kind === 'timed_out' || error.code === 'extension_unavailable' || error.code === 'hook_timed_out';
    if (!passing || number >= deps.limits.attempts) return { kind: 'owed', error };
    await deps.clock.sleep(backoff(deps.clock, number - 1, deps.limits.retryBaseMs, deps.limits.retryMaxMs));
  }
}

/** Stops or deletes the workload and confirms it: the release of the driver's own rows. */
export async function callDriverRelease(driver: Driver, row: Pick<EffectRecord, 'kind'>, call: DriverCall): Promise<void> {
  if (row.kind === 'driver_start') await driver.stop(call);
  else await driver.delete(call);
}

async function releaseDriver(session: Session, row: EffectRecord, reason: ReleaseReason): Promise<ReleaseEnd> {
  const { deps } = session;
  const link = await linkToMaker(session, row.attemptId);
  const begun = session.begin();
  const what = row.kind === 'driver_start' ? 'stop' : 'delete';
  const budget = row.kind === 'driver_start' ? deps.limits.stopBudgetMs : deps.limits.deleteBudgetMs;
  const result = await session.guard.run(budget, (signal) => callDriverRelease(session.driver, row, session.driverCall(row.idempotencyKey, signal())));
  const common = { kind: 'driver', phase: null, extension: null, effects: [row.id], compensates: row.attemptId ?? row.id } as const;
  if (result.kind === 'value') {
    session.finish(begun, { ...common, outcome: 'ok', message: what, reason }, link);
    // A create that nobody answered may still land: the fence looks once more when the backend's own time-out has passed.
    return { kind: 'released', fenceMs: row.kind === 'driver_create' ? session.driver.lateCreateMs : 0 };
  }
  if (result.kind === 'aborted' && result.cause === 'lost') throw new RunAborted('lost', abortError('lost', {}));
  const error =
    result.kind === 'thrown'
      ? toTenonError(result.error, 'driver_failed')
      : new TenonError('driver_failed', `${session.driver.name} did not confirm the ${what} within ${budget} ms`);
  const outcome = result.kind === 'timed_out' ? 'timed_out' : 'failed';
  session.finish(begun, { ...common, outcome, message: `${what}: ${error.message}`, reason, error: errorOf(error) }, link);
  return { kind: 'owed', error };
}

/**
 * Releases rows in the given order (newest first), the driver's in their place. An extension's failure holds up nothing; a driver
 * that cannot confirm makes its row and every older one owed together: nothing that a workload may still use is given back.
 */
export async function releaseRows(
  session: Session,
  rows: readonly EffectRecord[],
  reason: ReleaseReason,
): Promise<{ readonly driverFailed: TenonError | null; readonly owed: number }> {
  let driverFailed: TenonError | null = null;
  let owed = 0;
  for (const row of rows) {
    if (driverFailed !== null) {
      owe(session, row, reason, new TenonError('driver_failed', `waits until ${session.driver.name} confirms: ${driverFailed.message}`));
      owed += 1;
      continue;
    }
    if (session.budgetLeft() <= 0) {
      owe(session, row, reason, new TenonError('run_timed_out', 'the run had no time left to release it'));
      owed += 1;
      continue;
    }
    const end = row.extension === null ? await releaseDriver(session, row, reason) : await releaseInRun(session, row, reason);
    if (end.kind === 'owed') {
      owe(session, row, reason, end.error);
      owed += 1;
      if (row.extension === null) driverFailed = end.error;
    } else released(session, row, end.fenceMs);
    await session.journal.commit();
  }
  if (rows.length > 0) await session.journal.commit();
  return { driverFailed, owed };
}

/** Marks a row released; where an attempt under its key got no answer, the fence comes once more later. */
export function released(session: Session, row: EffectRecord, fenceMs: number): void {
  const now = session.deps.clock.now();
  const current = session.ledger.get(row.id) ?? row;
  session.ledger.change(row.id, {
    state: 'released',
    releasedAt: now,
    attempts: current.attempts + 1,
    lastError: null,
    nextRetryAt: current.unanswered && fenceMs > 0 ? now + fenceMs : null,
  });
  const running = session.stillApplying.get(row.id);
  if (running !== undefined)
    session.deps.log.warn({ effectId: row.id, kind: row.kind }, 'an apply is still running after its release: it is released again when it settles');
  running
    ?.then(() => releaseAgain(session, row))
    .catch((error: unknown) => session.deps.log.error({ effectId: row.id, err: messageOf(error) }, 'the second release after a late apply failed'));
}

async function releaseAgain(session: Session, row: EffectRecord): Promise<void> {
  const { deps } = session;
  const signal = AbortSignal.timeout(deps.limits.releaseDeadlineMs);
  const parent = traceparent(session.run.traceId, newSpanId());
  const end = await callRelease(deps, session.driver, session.ref, row, 'rollback', signal, parent).catch(
    (thrown: unknown): ReleaseEnd => ({ kind: 'owed', error: toTenonError(thrown, 'hook_failed') }),
  );
  if (end.kind === 'released') return;
  const saved = await deps.store.getEffect(row.id);
  if (saved?.state === 'released')
    await deps.store.settleEffect(
      { ...saved, state: 'owed', due: 'rollback', lastError: { code: end.error.code, message: end.error.message }, nextRetryAt: deps.clock.now() },
      'released',
    );
}

export function owe(session: Session, row: EffectRecord, reason: ReleaseReason, error: TenonError): void {
  const { deps } = session;
  const current = session.ledger.get(row.id) ?? row;
  session.ledger.change(row.id, {
    state: 'owed',
    due: current.due ?? reason,
    attempts: current.attempts + 1,
    lastError: { code: error.code, message: messageOf(error) },
    nextRetryAt: deps.clock.now() + 1_000 + backoff(deps.clock, current.attempts, deps.limits.debtRetryBaseMs, deps.limits.debtRetryMaxMs),
  });
}
