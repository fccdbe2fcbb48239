import { type Phase, phaseRow } from '@tenon/vocabulary';
import { messageOf, storable, TenonError, toTenonError } from '../errors.ts';
import type { HookDeclaration } from '../extension.ts';
import type { JsonObject } from '../json.ts';
import { foldEdit } from '../plan/fold.ts';
import type { HookAnswer } from '../ports/transport.ts';
import type { ActiveExtension, AttemptRecord, EffectRecord, ExtensionRecord } from '../records.ts';
import { backoff } from './backoff.ts';
import type { AbortCause, GuardedResult } from './deadline.ts';
import type { Resolved } from './directory.ts';
import { ShadowStop } from './doors.ts';
import { HookAttempt, HookTurn } from './hook-attempt.ts';
import type { Begun, Session } from './session.ts';

/** How one hook ended, after all its attempts. */
export type HookEnd =
  | { readonly kind: 'ok'; readonly warnings: readonly string[] }
  | { readonly kind: 'skipped'; readonly error: TenonError | null }
  | { readonly kind: 'denied'; readonly error: TenonError }
  | { readonly kind: 'failed'; readonly error: TenonError }
  | { readonly kind: 'aborted'; readonly cause: AbortCause; readonly error: TenonError };

type AttemptEnd = HookEnd | { readonly kind: 'retry'; readonly error: TenonError; readonly afterMs: number | null };

const WELL: HookEnd = { kind: 'ok', warnings: [] };

/**
 * Runs one hook of one extension with its attempts, deadline, breaker, kill switch and effects; records every attempt. The answer is no
 * promise where nothing had to be awaited.
 */
export function callHook(
  session: Session,
  phase: Phase,
  active: ActiveExtension,
  hook: HookDeclaration,
  now = session.deps.clock.monotonic(),
): HookEnd | Promise<HookEnd> {
  const known = session.deps.directory.atHand(active.name, active.revision, now);
  if (known === null) return lookUpAndCall(session, phase, active, hook);
  return killed(session, phase, active, known.extension) ?? callResolved(session, phase, active, hook, known.resolved, now);
}

async function lookUpAndCall(session: Session, phase: Phase, active: ActiveExtension, hook: HookDeclaration): Promise<HookEnd> {
  const { directory } = session.deps;
  const stopped = killed(session, phase, active, (await directory.all()).get(active.name));
  if (stopped !== null) return stopped;
  const resolved = await directory.resolve(active.name, active.revision);
  if (resolved.kind === 'client') return callResolved(session, phase, active, hook, resolved, session.deps.clock.monotonic());
  const error = new TenonError('revision_unavailable', resolved.detail, { extension: active.name, phase });
  return skip(session, phase, active, `revision unavailable: ${resolved.detail}`, error);
}

function killed(session: Session, phase: Phase, active: ActiveExtension, extension: ExtensionRecord | undefined): HookEnd | null {
  if (!extension?.killSwitch.on) return null;
  const error = new TenonError('killed', `${active.name} is stopped by its kill switch: ${extension.killSwitch.reason ?? ''}`, {
    extension: active.name,
    phase,
    hint: `Turn the kill switch of ${active.name} off, or leave the extension out.`,
  });
  return skip(session, phase, active, `kill switch on: ${extension.killSwitch.reason ?? 'no reason given'}`, error);
}

function callResolved(
  session: Session,
  phase: Phase,
  active: ActiveExtension,
  hook: HookDeclaration,
  resolved: Extract<Resolved, { kind: 'client' }>,
  now: number,
): HookEnd | Promise<HookEnd> {
  const { deps } = session;
  const row = phaseRow(phase);
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
  return attempts(new HookTurn(session, phase, active, hook, resolved), guarded, now);
}

async function attempts(turn: HookTurn, guarded: boolean, now: number): Promise<HookEnd> {
  const { session, active } = turn;
  const { deps } = session;
  let parentId: string | null = null;
  let begun: Begun | null = null;
  try {
    if (phaseRow(turn.phase).effects && turn.resolved.transport !== 'in_process' && active.mode !== 'shadow') {
      session.hookBegins(active.name, turn.phase, now);
      await standForEffects(turn);
    } else {
      begun = session.begin(now);
      session.hookBegins(active.name, turn.phase, now);
    }
    for (let number = 1; ; number++) {
      begun ??= session.begin();
      const state = session.states.get(active.name) ?? (beginsWithNothing(session) ? NO_STATE : await stateOf(session, active.name));
      // Its release then links to the attempt that may have made it.
      if (turn.wild !== null && number === 1) session.ledger.change(turn.wild.id, { attemptId: begun.id });
      const deadlineMs = Math.max(1, Math.floor(Math.min(turn.hook.deadlineMs, session.budgetLeft(begun.mono))));
      const attempt = new HookAttempt(turn, begun, number, parentId, deadlineMs, state.value);
      const result = await attempt.call();
      attempt.settle();
      const end =
        result.kind === 'value' ? judge(attempt, result.value) : result.kind === 'thrown' ? failed(attempt, result.error) : await cutOff(attempt, result);
      parentId ??= begun.id;
      if (guarded) judgeForBreaker(session, active, turn.resolved.revision, end);
      if (end.kind !== 'retry') return end;
      const wait = end.afterMs ?? backoff(deps.clock, number - 1, deps.limits.retryBaseMs, deps.limits.retryMaxMs);
      if (number >= deps.limits.attempts || wait >= session.budgetLeft()) return { kind: 'failed', error: end.error };
      await session.waitingFor('retry', () => deps.clock.sleep(wait));
      const cause = session.guard.aborted;
      if (cause !== null) return { kind: 'aborted', cause, error: end.error };
      // The breaker counts attempts: one that has opened meanwhile refuses the next try of this very hook.
      if (guarded && !deps.breakers.admit(active.name, turn.resolved.revision)) return { kind: 'failed', error: end.error };
      begun = null;
    }
  } finally {
    session.hookEnds();
  }
}

/** Commits the row that stands for whatever an out-of-process hook is about to make. */
async function standForEffects(turn: HookTurn): Promise<void> {
  const { session, phase, key } = turn;
  turn.wild =
    session.ledger.ofKey(key).find((each) => each.kind === '*') ??
    session.ledger.intend({
      extension: turn.active.name,
      revision: turn.resolved.revision,
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

function judgeForBreaker(session: Session, active: ActiveExtension, revision: string, end: AttemptEnd): void {
  const { breakers } = session.deps;
  if (end.kind === 'failed' || end.kind === 'retry') breakers.failed(active.name, revision);
  else if (end.kind === 'aborted') breakers.undecided(active.name, revision);
  else breakers.answered(active.name, revision);
}

type Common = Pick<AttemptRecord, 'kind' | 'phase' | 'extension' | 'revision' | 'number' | 'parentId' | 'effects' | 'wouldBeEffects' | 'logs'>;

function commonOf(attempt: HookAttempt): Common {
  return {
    kind: 'hook',
    phase: attempt.turn.phase,
    extension: attempt.turn.active.name,
    revision: attempt.turn.resolved.revision,
    number: attempt.number,
    parentId: attempt.parentId,
    effects: attempt.made,
    wouldBeEffects: attempt.wouldBe,
    logs: attempt.lines,
  };
}

function placeOf(attempt: HookAttempt) {
  return { extension: attempt.turn.active.name, phase: attempt.turn.phase, attemptId: attempt.begun.id };
}

/** The deadline or an abort came before the answer. */
async function cutOff(attempt: HookAttempt, result: Extract<GuardedResult<HookAnswer>, { kind: 'timed_out' | 'aborted' }>): Promise<AttemptEnd> {
  const { begun, deadlineMs } = attempt;
  const { session, phase, active, key, resolved } = attempt.turn;
  const { deps } = session;
  const common = commonOf(attempt);
  const place = placeOf(attempt);
  markUnanswered(session, key);
  if (result.kind === 'timed_out') {
    const error = new TenonError('hook_timed_out', `${active.name} did not answer ${phase} within ${deadlineMs} ms`, {
      ...place,
      hint: `Raise deadlineMs of this hook (at most ${deps.limits.hookDeadlineMaxMs}), or find out why it is slow.`,
    });
    const shadow = active.mode === 'shadow';
    session.finish(begun, { ...common, outcome: shadow ? 'shadowed' : 'timed_out', error: errorOf(error), message: error.message });
    return shadow ? WELL : { kind: 'retry', error, afterMs: null };
  }
  // An aborted call is a lost answer; in process it gets a moment to notice its signal, so that it does not run on into the unwinding.
  if (resolved.transport === 'in_process') await Promise.race([result.late, deps.clock.sleep(deps.limits.abortGraceMs)]);
  const error = abortError(result.cause, place);
  session.finish(begun, { ...common, outcome: 'aborted', reason: result.cause, error: errorOf(error), message: error.message });
  return { kind: 'aborted', cause: result.cause, error };
}

/** The call threw: the hook itself, its transport, or a door in shadow. */
function failed(attempt: HookAttempt, thrown: unknown): AttemptEnd {
  const { begun } = attempt;
  const { session, active, key } = attempt.turn;
  const common = commonOf(attempt);
  if (thrown instanceof ShadowStop) {
    session.finish(begun, { ...common, outcome: 'shadowed', reason: thrown.message });
    return WELL;
  }
  const shadow = active.mode === 'shadow';
  const error = toTenonError(thrown, 'hook_failed', placeOf(attempt));
  const lost = error.code === 'extension_unavailable' || error.code === 'hook_timed_out';
  if (lost) markUnanswered(session, key);
  session.finish(begun, {
    ...common,
    outcome: shadow ? 'shadowed' : error.code === 'hook_timed_out' ? 'timed_out' : 'failed',
    error: errorOf(error),
    message: error.message,
  });
  if (shadow) return WELL;
  return lost ? { kind: 'retry', error, afterMs: error.context.retryAfterMs ?? null } : { kind: 'failed', error };
}

/** Judges an answer that arrived in time: result, plan changes, effects, state. */
function judge(attempt: HookAttempt, answer: HookAnswer): AttemptEnd {
  const { begun, turn } = attempt;
  const { session, phase, active, hook } = turn;
  const shadow = active.mode === 'shadow';
  const silent = answer.result === 'ok' && answer.edit === null && answer.state === null && answer.effects.length === 0 && answer.message === null;
  if (silent && answer.warnings.length === 0 && turn.wild === null && !shadow) {
    session.finish(begun, {
      kind: 'hook',
      phase,
      extension: active.name,
      revision: turn.resolved.revision,
      number: attempt.number,
      parentId: attempt.parentId,
      outcome: 'ok',
      effects: attempt.made,
      wouldBeEffects: attempt.wouldBe,
      logs: answer.logs.length === 0 ? attempt.lines : [...attempt.lines, ...answer.logs],
    });
    return WELL;
  }
  const row = phaseRow(phase);
  const common = commonOf(attempt);
  const place = placeOf(attempt);
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
    if (answer.effects.length > 0) effects = [...effects, ...adoptEffects(turn, answer, begun.id, shadow)];
    else if (turn.wild !== null) closeWild(session, turn.wild);
    if (answer.edit !== null && session.plan !== null) {
      fold = foldEdit({
        before: session.plan,
        edit: answer.edit,
        schema: session.driver.schema,
        phase,
        declared: [...hook.points, ...hook.optionalPoints],
        owners: session.owners,
        author: { extension: active.name, revision: turn.resolved.revision, phase },
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
function adoptEffects(turn: HookTurn, answer: HookAnswer, attemptId: string, shadow: boolean): string[] {
  const { session, phase, active } = turn;
  if (shadow) return [];
  if (!phaseRow(phase).effects)
    throw new TenonError('hook_protocol_error', `${active.name} answered ${answer.effects.length} effects in ${phase}, which allows none`, {
      extension: active.name,
      phase,
    });
  const { ledger, deps } = session;
  let wild = turn.wild === null ? null : (ledger.get(turn.wild.id) ?? null);
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
      revision: turn.resolved.revision,
      phase,
      attemptId,
      kind: effect.kind,
      key: effect.key,
      input: null,
      scope,
      idempotencyKey: turn.key,
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

interface State {
  readonly value: JsonObject | null;
}
const NO_STATE: State = { value: null };

/** A create that began in this session has no state kept yet; one that was taken over may have. */
function beginsWithNothing(session: Session): boolean {
  return session.sandbox === null || (session.run.operation === 'create' && session.run.attemptCount === 0);
}

async function stateOf(session: Session, extension: string): Promise<State> {
  if (session.sandbox === null) return NO_STATE;
  const known = { value: await session.deps.store.extensionState(session.sandbox.id, extension) };
  session.states.set(extension, known);
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
  return new TenonError('internal', 'Tenon was stopped while this run was in progress', { ...place, hint: 'What it had made is given back. Do it again.' });
}

export function errorOf(error: TenonError): AttemptRecord['error'] {
  const { hookCode, path, conflictsWith } = error.context;
  return {
    code: error.code,
    message: storable(messageOf(error)),
    ...(hookCode === undefined ? {} : { hookCode }),
    ...(path === undefined ? {} : { path }),
    ...(conflictsWith === undefined ? {} : { conflictsWith }),
  };
}
