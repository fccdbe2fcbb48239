import { type Phase, phaseRow } from '@tenon/vocabulary';
import type { HookInput } from '../context.ts';
import { messageOf, storable, TenonError, toTenonError } from '../errors.ts';
import type { HookDeclaration } from '../extension.ts';
import type { JsonObject } from '../json.ts';
import { foldEdit } from '../plan/fold.ts';
import { openPoints } from '../plan/points.ts';
import type { ExtensionClient, HookAnswer } from '../ports/transport.ts';
import type { ActiveExtension, AttemptRecord, EffectRecord } from '../records.ts';
import { backoff } from './backoff.ts';
import type { AbortCause } from './deadline.ts';
import type { Resolved } from './directory.ts';
import { AttemptDoors, ShadowStop } from './doors.ts';
import { idempotencyKey } from './keys.ts';
import type { Session } from './session.ts';

/** How one hook ended, after all its attempts. */
export type HookEnd =
  | { readonly kind: 'ok'; readonly warnings: readonly string[] }
  | { readonly kind: 'skipped'; readonly error: TenonError | null }
  | { readonly kind: 'denied'; readonly error: TenonError }
  | { readonly kind: 'failed'; readonly error: TenonError }
  | { readonly kind: 'aborted'; readonly cause: AbortCause; readonly error: TenonError };

type AttemptEnd = HookEnd | { readonly kind: 'retry'; readonly error: TenonError; readonly afterMs: number | null };

/** Runs one hook of one extension with its attempts, deadline, breaker, kill switch and effects; records every attempt. */
export async function callHook(session: Session, phase: Phase, active: ActiveExtension, hook: HookDeclaration): Promise<HookEnd> {
  const { deps } = session;
  const row = phaseRow(phase);
  const extension = (await deps.directory.all()).get(active.name);
  if (extension?.killSwitch.on) {
    const reason = `kill switch on: ${extension.killSwitch.reason ?? 'no reason given'}`;
    return skip(
      session,
      phase,
      active,
      reason,
      new TenonError('killed', `${active.name} is stopped by its kill switch: ${extension.killSwitch.reason ?? ''}`, {
        extension: active.name,
        phase,
        hint: `Turn the kill switch of ${active.name} off, or leave the extension out.`,
      }),
    );
  }
  const resolved = await deps.directory.resolve(active.name, active.revision);
  if (resolved.kind === 'gone') {
    return skip(
      session,
      phase,
      active,
      `revision unavailable: ${resolved.detail}`,
      new TenonError('revision_unavailable', resolved.detail, { extension: active.name, phase }),
    );
  }
  if (session.dry && !active.dryRunSafe) return skip(session, phase, active, 'not safe to run dry (dryRunSafe is false)', null);
  const outOfProcess = resolved.transport !== 'in_process';
  if (active.mode === 'shadow' && outOfProcess && row.effects && !active.shadowSafe)
    return skip(session, phase, active, 'allocates effects and is not shadow-safe', null);
  const guarded = row.order === 'setup' && session.countsForBreakers && active.mode !== 'shadow';
  if (guarded && !deps.breakers.admit(active.name, resolved.revision)) {
    const error = new TenonError(
      'breaker_open',
      `the breaker of ${active.name} ${resolved.revision} is open after ${deps.limits.breakerFailures} failed attempts in a row`,
      {
        extension: active.name,
        phase,
        hint: `It lets one call through ${Math.round(deps.limits.breakerOpenMs / 1000)} s after it opened; look at the extension's last failures.`,
      },
    );
    return skip(session, phase, active, 'breaker open', error);
  }
  session.entered.add(active.name);
  session.hookBegins(active.name, phase);
  try {
    return await attempts(session, phase, active, hook, resolved, guarded);
  } finally {
    session.hookEnds();
  }
}

async function attempts(
  session: Session,
  phase: Phase,
  active: ActiveExtension,
  hook: HookDeclaration,
  resolved: Extract<Resolved, { kind: 'client' }>,
  guarded: boolean,
): Promise<HookEnd> {
  const { deps } = session;
  const key = idempotencyKey(session.run.id, phase, active.name);
  let wild: EffectRecord | null = null;
  if (phaseRow(phase).effects && resolved.transport !== 'in_process' && active.mode !== 'shadow') {
    wild =
      session.ledger.ofKey(key).find((each) => each.kind === '*') ??
      session.ledger.intend({
        extension: active.name,
        revision: resolved.revision,
        phase,
        attemptId: null,
        kind: '*',
        key,
        input: null,
        scope: phaseRow(phase).effectScope,
        idempotencyKey: key,
      });
    await session.journal.commit();
  }
  let parentId: string | null = null;
  for (let number = 1; ; number++) {
    const { end, attemptId } = await oneAttempt({ session, phase, active, hook, resolved, key, number, parentId, wild });
    parentId ??= attemptId;
    if (guarded) judgeForBreaker(session, active, resolved.revision, end);
    if (end.kind !== 'retry') return end;
    const wait = end.afterMs ?? backoff(deps.clock, number - 1, deps.limits.retryBaseMs, deps.limits.retryMaxMs);
    if (number >= deps.limits.attempts || wait >= session.budgetLeft()) return { kind: 'failed', error: end.error };
    await session.waitingFor('retry', () => deps.clock.sleep(wait));
    const cause = session.guard.aborted;
    if (cause !== null) return { kind: 'aborted', cause, error: end.error };
  }
}

function judgeForBreaker(session: Session, active: ActiveExtension, revision: string, end: AttemptEnd): void {
  const { breakers } = session.deps;
  if (end.kind === 'failed' || end.kind === 'retry') breakers.failed(active.name, revision);
  else if (end.kind === 'aborted') breakers.undecided(active.name, revision);
  else breakers.answered(active.name, revision);
}

interface AttemptPlan {
  readonly session: Session;
  readonly phase: Phase;
  readonly active: ActiveExtension;
  readonly hook: HookDeclaration;
  readonly resolved: Extract<Resolved, { kind: 'client' }>;
  readonly key: string;
  readonly number: number;
  readonly parentId: string | null;
  /** The row that stands for whatever an out-of-process hook makes. */
  readonly wild: EffectRecord | null;
}

async function oneAttempt(plan: AttemptPlan): Promise<{ end: AttemptEnd; attemptId: string }> {
  const { session, phase, active, hook, resolved, key, number } = plan;
  const { deps } = session;
  const begun = session.begin();
  // Its release then links to the attempt that may have made it.
  if (plan.wild !== null && number === 1) session.ledger.change(plan.wild.id, { attemptId: begun.id });
  const shadow = active.mode === 'shadow';
  const deadlineMs = Math.max(1, Math.min(hook.deadlineMs, session.budgetLeft()));
  const state = await stateOf(session, active.name);
  let signalOf: (() => AbortSignal) | null = null;
  const doors = new AttemptDoors({
    session,
    active,
    phase,
    client: resolved.client,
    revision: resolved.revision,
    attemptId: begun.id,
    idempotencyKey: key,
    scope: phaseRow(phase).effectScope,
    allowed: phaseRow(phase).effects,
    signal: () => (signalOf === null ? new AbortController().signal : signalOf()),
  });
  const declared = [...hook.points, ...hook.optionalPoints];
  const open =
    phaseRow(phase).plan === 'read' ? [] : openPoints(declared, session.driver.schema, phase).map((point) => ({ point: point.name, path: point.path }));
  const input = inputOf(plan, state.value, deadlineMs);
  const written: HookAnswer['logs'][number][] = [];
  const result = await session.guard.run(deadlineMs, (signal) => {
    signalOf = signal;
    return resolved.client.hook({
      input,
      plan: { driver: session.driver.name, revision: Math.max(0, session.revisions.length - 1), value: session.plan, open, schema: session.driver.schema },
      deadlineMs,
      signal,
      traceparent: begun.traceparent,
      doors,
      services: session.driver.services(),
      onLog: (line) => void written.push(line),
    });
  });
  doors.settle();
  const common = {
    kind: 'hook',
    phase,
    extension: active.name,
    revision: resolved.revision,
    number,
    parentId: plan.parentId,
    effects: doors.made,
    wouldBeEffects: doors.wouldBe,
    // As it stands now: a hook that timed out may go on writing.
    logs: [...written],
  } as const;
  const place = { extension: active.name, phase, attemptId: begun.id };

  if (result.kind === 'timed_out' || result.kind === 'aborted') {
    markUnanswered(session, key);
    if (result.kind === 'timed_out') {
      const error = new TenonError('hook_timed_out', `${active.name} did not answer ${phase} within ${deadlineMs} ms`, {
        ...place,
        hint: `Raise deadlineMs of this hook (at most ${deps.limits.hookDeadlineMaxMs}), or find out why it is slow.`,
      });
      session.finish(begun, { ...common, outcome: 'timed_out', error: errorOf(error), message: error.message });
      return { attemptId: begun.id, end: { kind: 'retry', error, afterMs: null } };
    }
    // An aborted call is a lost answer; in process it gets a moment to notice its signal, so that it does not run on into the unwinding.
    if (resolved.transport === 'in_process') await Promise.race([result.late, deps.clock.sleep(deps.limits.abortGraceMs)]);
    const error = abortError(result.cause, place);
    session.finish(begun, { ...common, outcome: 'aborted', reason: result.cause, error: errorOf(error), message: error.message });
    return { attemptId: begun.id, end: { kind: 'aborted', cause: result.cause, error } };
  }
  if (result.kind === 'thrown') {
    if (result.error instanceof ShadowStop) {
      session.finish(begun, { ...common, outcome: 'shadowed', reason: result.error.message });
      return { attemptId: begun.id, end: { kind: 'ok', warnings: [] } };
    }
    const error = toTenonError(result.error, 'hook_failed', place);
    const lost = error.code === 'extension_unavailable' || error.code === 'hook_timed_out';
    if (lost) markUnanswered(session, key);
    session.finish(begun, {
      ...common,
      outcome: shadow ? 'shadowed' : error.code === 'hook_timed_out' ? 'timed_out' : 'failed',
      error: errorOf(error),
      message: error.message,
    });
    if (shadow) return { attemptId: begun.id, end: { kind: 'ok', warnings: [] } };
    return { attemptId: begun.id, end: lost ? { kind: 'retry', error, afterMs: error.context.retryAfterMs ?? null } : { kind: 'failed', error } };
  }
  return { attemptId: begun.id, end: judge(plan, result.value, begun, common) };
}

type Common = Pick<AttemptRecord, 'kind' | 'phase' | 'extension' | 'revision' | 'number' | 'parentId' | 'effects' | 'wouldBeEffects' | 'logs'>;

/** Judges an answer that arrived in time: result, plan changes, effects, state. */
function judge(plan: AttemptPlan, answer: HookAnswer, begun: ReturnType<Session['begin']>, common: Common): AttemptEnd {
  const { session, phase, active, hook } = plan;
  const place = { extension: active.name, phase, attemptId: begun.id };
  const shadow = active.mode === 'shadow';
  const row = phaseRow(phase);
  const said = {
    message: answer.message === null ? null : storable(answer.message),
    warnings: answer.warnings.map((line) => storable(line)),
    logs: [...common.logs, ...answer.logs],
  } as const;
  const hookCode = answer.code === null ? {} : { hookCode: storable(answer.code, 200) };

  if (answer.result !== 'ok') {
    const denied = answer.result === 'deny' && row.denies;
    const code = answer.resourceExhausted ? 'resource_exhausted' : denied ? 'hook_denied' : 'hook_failed';
    const text = said.message ?? (denied ? `${active.name} denied it and gave no message` : `${active.name} failed and gave no message`);
    const error = new TenonError(code, text, { ...place, ...hookCode, ...(answer.retryAfterMs === null ? {} : { retryAfterMs: answer.retryAfterMs }) });
    session.finish(begun, {
      ...common,
      ...said,
      message: text,
      outcome: shadow ? 'shadowed' : denied ? 'denied' : 'failed',
      reason: shadow ? `would have been ${denied ? 'denied' : 'failed'}` : null,
      error: errorOf(error),
    });
    if (shadow) return { kind: 'ok', warnings: [] };
    if (denied) return { kind: 'denied', error };
    return answer.result === 'fail' && answer.retryAfterMs !== null ? { kind: 'retry', error, afterMs: answer.retryAfterMs } : { kind: 'failed', error };
  }

  let fold: ReturnType<typeof foldEdit> | null = null;
  let effects: readonly string[] = common.effects;
  try {
    if (answer.effects.length > 0) effects = [...effects, ...adoptEffects(plan, answer, begun.id, shadow)];
    else if (plan.wild !== null) closeWild(session, plan.wild);
    if (answer.edit !== null && session.plan !== null) {
      fold = foldEdit({
        before: session.plan,
        edit: answer.edit,
        schema: session.driver.schema,
        phase,
        declared: [...hook.points, ...hook.optionalPoints],
        owners: session.owners,
        author: { extension: active.name, revision: plan.resolved.revision, phase },
        overrides: active.overrides,
        reason: answer.message,
      });
    }
    if (answer.state !== null && !shadow) checkState(session, active.name, answer.state);
  } catch (thrown) {
    const error = toTenonError(thrown, 'hook_protocol_error', place);
    session.finish(begun, {
      ...common,
      ...said,
      effects,
      outcome: shadow ? 'shadowed' : 'failed',
      reason: shadow ? 'would have been refused' : null,
      error: errorOf(error),
      message: error.message,
    });
    return shadow ? { kind: 'ok', warnings: [] } : { kind: 'failed', error };
  }
  const changes = fold?.changes ?? [];
  if (!shadow) {
    if (fold !== null && changes.length > 0) {
      session.owners = fold.owners;
      session.addRevision({ kind: 'extension', name: active.name }, phase, fold.value, changes);
    }
    if (answer.state !== null) keepState(session, active.name, answer.state);
  }
  const wouldBe = shadow ? [...common.wouldBeEffects, ...answer.effects.map((effect) => `${effect.kind} ${effect.key}`)] : common.wouldBeEffects;
  session.finish(begun, {
    ...common,
    ...said,
    changes,
    effects,
    wouldBeEffects: wouldBe,
    outcome: shadow ? 'shadowed' : changes.length > 0 ? 'changed' : 'ok',
  });
  return { kind: 'ok', warnings: said.warnings };
}

/** The answer's effects take the place of the row that stood for them; an identity that is held keeps its row. */
function adoptEffects(plan: AttemptPlan, answer: HookAnswer, attemptId: string, shadow: boolean): string[] {
  const { session, phase, active } = plan;
  if (shadow) return [];
  if (!phaseRow(phase).effects)
    throw new TenonError('hook_protocol_error', `${active.name} answered ${answer.effects.length} effects in ${phase}, which allows none`, {
      extension: active.name,
      phase,
    });
  const { ledger, deps } = session;
  let wild = plan.wild === null ? null : (ledger.get(plan.wild.id) ?? null);
  const unanswered = wild?.unanswered ?? false;
  const ids: string[] = [];
  for (const effect of answer.effects) {
    const held = ledger.held(active.name, effect.kind, effect.key);
    if (held !== undefined && held.state !== 'owed') {
      ids.push(ledger.change(held.id, { state: 'applied', handle: effect.handle }).id);
      continue;
    }
    if (held !== undefined) ledger.change(held.id, { state: 'released', releasedAt: deps.clock.now(), nextRetryAt: null });
    const scope = effect.scope ?? phaseRow(phase).effectScope;
    const made = { kind: effect.kind, key: effect.key, handle: effect.handle, scope, attemptId, state: 'applied' as const };
    if (wild !== null && !unanswered) {
      ids.push(ledger.change(wild.id, made).id);
      wild = null;
      continue;
    }
    const row = ledger.intend({
      extension: active.name,
      revision: plan.resolved.revision,
      phase,
      attemptId,
      kind: effect.kind,
      key: effect.key,
      input: null,
      scope,
      idempotencyKey: plan.key,
    });
    ids.push(ledger.change(row.id, { ...made, unanswered }).id);
  }
  if (wild !== null) closeWild(session, wild);
  return ids;
}

function closeWild(session: Session, wild: EffectRecord): void {
  const row = session.ledger.get(wild.id);
  // An earlier attempt under this key got no answer: what it may have made is still meant by this row, so the row stays until its release.
  if (row === undefined || row.unanswered) return;
  session.ledger.change(wild.id, { state: 'released', releasedAt: session.deps.clock.now() });
}

/** What the key may have made is no longer known: its releases are fences and come twice. */
function markUnanswered(session: Session, key: string): void {
  for (const row of session.ledger.ofKey(key)) session.ledger.change(row.id, { unanswered: true });
}

async function stateOf(session: Session, extension: string): Promise<{ value: JsonObject | null }> {
  let known = session.states.get(extension);
  if (known === undefined) {
    known = {
      value: session.sandbox === null || session.run.operation === 'create' ? null : await session.deps.store.extensionState(session.sandbox.id, extension),
    };
    session.states.set(extension, known);
  }
  return known;
}

function checkState(session: Session, extension: string, state: JsonObject): void {
  const bytes = Buffer.byteLength(JSON.stringify(state));
  const max = session.deps.limits.extensionStateBytes;
  if (bytes > max)
    throw new TenonError('hook_protocol_error', `${extension} answered a state of ${bytes} bytes; at most ${max} are kept for a sandbox`, {
      extension,
      hint: 'Keep a reference in the state, and the data elsewhere.',
    });
}

function keepState(session: Session, extension: string, value: JsonObject): void {
  session.states.set(extension, { value });
  if (session.sandbox !== null) session.journal.note({ type: 'extension_state', sandboxId: session.sandbox.id, extension, value });
}

function inputOf(plan: AttemptPlan, state: JsonObject | null, deadlineMs: number): HookInput {
  const { session, phase, active } = plan;
  const { request, run } = session;
  return {
    phase,
    extension: active.name,
    revision: plan.resolved.revision,
    run: {
      id: run.id,
      operation: run.operation,
      attempt: plan.number,
      idempotencyKey: plan.key,
      deadline: new Date(session.deps.clock.now() + deadlineMs).toISOString(),
    },
    sandbox: session.ref,
    driver: { name: session.driver.name, chain: session.driver.chain, features: session.capabilities.features },
    actor: run.actor,
    requestId: run.requestId,
    template: request.template,
    resources: request.template.resources,
    gpu: request.gpu,
    command: request.command,
    claims: session.record.claims,
    config: active.config,
    requestConfig: active.requestConfig,
    state,
    shadow: active.mode === 'shadow',
    dryRun: session.dry,
    failure: session.failure === null ? null : { code: session.failure.code, message: session.failure.message },
  };
}

function skip(session: Session, phase: Phase, active: ActiveExtension, reason: string, error: TenonError | null): HookEnd {
  const begun = session.begin();
  session.finish(begun, {
    kind: 'hook',
    phase,
    extension: active.name,
    revision: active.revision,
    outcome: 'skipped',
    reason,
    error: error === null ? null : errorOf(error),
  });
  return { kind: 'skipped', error: error === null ? null : error.within({ attemptId: begun.id }) };
}

/** Records that a hook does not run, for a reason that is nobody's failure. */
export function recordSkip(session: Session, phase: Phase, active: ActiveExtension, reason: string): void {
  skip(session, phase, active, reason, null);
}

export function abortError(cause: AbortCause, place: { extension?: string; phase?: Phase; attemptId?: string }): TenonError {
  if (cause === 'killed')
    return new TenonError('killed', `the kill switch of ${place.extension ?? 'the extension'} was turned on while it was being called`, place);
  if (cause === 'budget') return new TenonError('run_timed_out', 'the run used up its time', place);
  if (cause === 'superseded') return new TenonError('run_superseded', 'another operation took this sandbox over', place);
  return new TenonError('internal', 'Tenon was stopped while this run was in progress', place);
}

export function errorOf(error: TenonError): AttemptRecord['error'] {
  return { code: error.code, message: storable(messageOf(error)), ...(error.context.hookCode === undefined ? {} : { hookCode: error.context.hookCode }) };
}

export type { ExtensionClient };
