import { FINAL_RUN_STATUSES, OPERATIONS, PHASE_NAMES, type Phase, type RunStatus } from '@tenon/vocabulary';
import { messageOf, TenonError, toTenonError } from '../errors.ts';
import type { Driver, DriverCapabilities } from '../ports/driver.ts';
import { type RunLease, RunLost } from '../ports/store.ts';
import type { RunRecord, SandboxRecord } from '../records.ts';
import { RunAborted } from './aborted.ts';
import type { AbortCause } from './deadline.ts';
import type { EngineDeps } from './deps.ts';
import { StoreJournal } from './journal.ts';
import { type Finding, failCreate, failStart, runCreate, runDelete, runPreview, runReconcile, runStart, runStop } from './operations.ts';
import { Session } from './session.ts';

interface Live {
  readonly session: Session;
  readonly done: Promise<void>;
}

const CREATE_PHASES: readonly Phase[] = ['validate_request', 'prepare_plan', 'before_create', 'after_create', 'before_start', 'after_ready'];

/**
 * Phases without effects write no intent, so after an interruption the journal may not say which hook had begun. Whoever hooks a phase up
 * to the one after the last on record counts as entered: being told once too often is harmless, not being told is not.
 */
function tellWhoeverMayHaveBegun(session: Session): void {
  if (session.run.operation !== 'create' || session.run.cancelledBy !== null) return;
  const last = CREATE_PHASES.findLastIndex((phase) => session.stepState(`phase:${phase}`) !== null);
  const reached = new Set(CREATE_PHASES.slice(0, Math.max(last + 1, 1) + 1));
  for (const active of session.record.extensions) if (active.hooks.some((hook) => reached.has(hook.phase))) session.entered.add(active.name);
}

/** A backend that does not answer must not keep a stop or a delete from beginning: what it could do is then taken as given. */
async function capabilitiesFor(run: RunRecord, driver: Driver): Promise<DriverCapabilities> {
  const asked = driver.capabilities();
  if (run.operation === 'create' || run.operation === 'start' || run.operation === 'preview') return asked;
  return asked.catch(() => ({
    operations: OPERATIONS,
    phases: PHASE_NAMES,
    features: [],
    limits: {},
    services: [],
    isolation: 'external',
    version: 'unknown: it did not answer',
  }));
}

/** What a run that is taken over must do instead of its ordinary course. */
export type Course =
  | { readonly kind: 'ordinary' }
  | { readonly kind: 'unwind'; readonly error: TenonError }
  | { readonly kind: 'reconcile'; readonly finding: Finding };

export function isEnded(status: RunStatus): boolean {
  return (FINAL_RUN_STATUSES as readonly RunStatus[]).includes(status);
}

/**
 * Executes runs whose lease this replica holds: builds the session, keeps the lease, listens for the cancel intent of a superseding
 * run, and writes the end. A run whose lease was lost is left at once and touched no more.
 */
export class Runner {
  private readonly deps: EngineDeps;
  private readonly live = new Map<string, Live>();
  private readonly waiters = new Map<string, Set<() => void>>();
  private draining = false;
  /** Called when a run of a sandbox has ended here. */
  onEnd: (run: RunRecord, sandbox: SandboxRecord | null) => void = () => undefined;

  constructor(deps: EngineDeps) {
    this.deps = deps;
  }

  get stopped(): boolean {
    return this.draining;
  }

  isLive(runId: string): boolean {
    return this.live.has(runId);
  }

  /** Starts executing and returns; the promise settles, never rejects, when the run has ended or was left. */
  execute(run: RunRecord, lease: RunLease, course: Course = { kind: 'ordinary' }): Promise<void> {
    const done = this.carryOut(run, lease, course).catch((error: unknown) => {
      this.deps.log.error({ runId: run.id, err: messageOf(error) }, 'a run was left: it will be taken up when its lease has expired');
    });
    return done;
  }

  /** The other replica's way is the cancel intent at its renewal; here the run hears it at once. */
  cancel(runId: string, cause: AbortCause): void {
    this.live.get(runId)?.session.guard.abort(cause);
  }

  force(runId: string): void {
    const live = this.live.get(runId);
    if (live !== undefined) live.session.force = true;
  }

  /** Aborts calls of this extension that are in flight. */
  kill(extension: string): void {
    for (const { session } of this.live.values()) if (session.inFlight === extension) session.guard.abortCall('killed');
  }

  /** Resolves when this replica has seen the run end, or after `ms`. */
  async settled(runId: string, ms: number, signal?: AbortSignal): Promise<void> {
    const until = this.deps.clock.monotonic() + ms;
    for (;;) {
      const run = await this.deps.store.getRun(runId);
      const left = until - this.deps.clock.monotonic();
      if (run === null || isEnded(run.status) || left <= 0 || signal?.aborted) return;
      await this.nudged(runId, Math.min(left, this.live.has(runId) ? left : 500), signal);
    }
  }

  async drain(graceMs: number): Promise<void> {
    this.draining = true;
    await Promise.race([Promise.all([...this.live.values()].map((live) => live.done)), this.deps.clock.sleep(graceMs)]);
    // What is still running is left as it stands: its lease expires and any replica takes it up.
    for (const { session } of this.live.values()) session.guard.abort('lost');
    await Promise.all([...this.live.values()].map((live) => live.done));
  }

  private nudged(runId: string, ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const set = this.waiters.get(runId) ?? new Set<() => void>();
      this.waiters.set(runId, set);
      const finish = () => {
        cancel();
        signal?.removeEventListener('abort', finish);
        set.delete(finish);
        if (set.size === 0) this.waiters.delete(runId);
        resolve();
      };
      const cancel = this.deps.clock.timer(ms, finish);
      set.add(finish);
      signal?.addEventListener('abort', finish, { once: true });
    });
  }

  private async carryOut(run: RunRecord, lease: RunLease, course: Course): Promise<void> {
    const session = await this.open(run, lease);
    let settle: () => void = () => undefined;
    this.live.set(run.id, {
      session,
      done: new Promise((resolve) => {
        settle = resolve;
      }),
    });
    const stopRenewing = this.keepLease(session, lease);
    try {
      await this.work(session, course);
      await session.journal.commit();
      await this.forgetSecrets(session);
    } catch (thrown) {
      if (!(thrown instanceof RunLost) && !(thrown instanceof RunAborted && thrown.reason === 'lost')) throw thrown;
      this.deps.log.warn({ runId: run.id, sandboxId: run.sandboxId }, 'a run was left to another holder, or to be taken up later');
      // Notes made so far are facts (effects released, attempts ended): they are written where the lease still allows it.
      await session.journal
        .commit()
        .catch((error: unknown) => this.deps.log.info({ runId: run.id, err: messageOf(error) }, 'the last notes of a run that was left were not written'));
      if (this.draining) await this.deps.store.dropLease(lease);
    } finally {
      stopRenewing();
      session.close();
      this.live.delete(run.id);
      settle();
      for (const nudge of [...(this.waiters.get(run.id) ?? [])]) nudge();
    }
    if (isEnded(session.run.status)) this.onEnd(session.run, session.sandbox);
  }

  private async work(session: Session, course: Course): Promise<void> {
    if (course.kind === 'unwind') {
      tellWhoeverMayHaveBegun(session);
      if (session.run.operation === 'create') return failCreate(session, course.error);
      if (session.run.operation === 'start') return failStart(session, course.error);
      session.fail(course.error);
      session.setRun({ status: 'failed', waitingFor: null, endedAt: this.deps.clock.now() });
      return;
    }
    if (course.kind === 'reconcile') return runReconcile(session, course.finding);
    switch (session.run.operation) {
      case 'create':
        return runCreate(session);
      case 'start':
        return runStart(session);
      case 'stop':
        return runStop(session);
      case 'delete':
        return runDelete(session);
      case 'preview':
        return runPreview(session);
      case 'reconcile':
        // Its finding is not journaled: the next pass finds again whatever still holds.
        session.fail(new TenonError('internal', 'Tenon was stopped while this reconcile run was in progress; the next pass looks again'));
        session.setRun({ status: 'failed', waitingFor: null, endedAt: this.deps.clock.now() });
    }
  }

  private async open(run: RunRecord, lease: RunLease): Promise<Session> {
    const { deps } = this;
    const sandbox = run.sandboxId === null ? null : await deps.store.getSandbox(run.sandboxId);
    const facts = sandbox ?? run.preview;
    if (facts === null) throw new TenonError('internal', `run ${run.id} has neither a sandbox nor a recorded request`);
    const driver = deps.drivers.find((each) => each.name === run.driver);
    if (driver === undefined)
      throw new TenonError('driver_unknown', `driver ${run.driver} of run ${run.id} is not loaded`, {
        hint: 'Start Tenon with this driver, then the run is taken up.',
      });
    const fresh = run.operation === 'create' || run.operation === 'preview';
    const [effects, revisions, capabilities] = await Promise.all([
      sandbox === null || (fresh && run.attemptCount === 0 && run.steps.length === 0)
        ? []
        : deps.store.effectsOfSandbox(sandbox.id, ['intended', 'applied', 'owed']),
      this.planSoFar(run, sandbox),
      capabilitiesFor(run, driver),
    ]);
    const session = new Session({
      deps,
      journal: new StoreJournal(deps.store, lease, deps.clock, deps.log),
      lease,
      driver,
      capabilities,
      request: facts.request,
      record: facts.record,
      run,
      sandbox,
      sandboxId: sandbox?.id ?? run.id,
      effects,
      revisions,
      dry: run.operation === 'preview',
      countsForBreakers: true,
    });
    if (run.attemptCount > 0) for (const name of await deps.store.enteredExtensions(run.id)) session.entered.add(name);
    for (const effect of effects) if (effect.runId === run.id && effect.extension !== null) session.entered.add(effect.extension);
    // Who was being called when the last holder ended has never answered: its releases are fences, and come twice.
    for (const { id, runId, extension, state } of effects)
      if (runId === run.id && extension !== null && state === 'intended') session.ledger.change(id, { unanswered: true });
    if (run.status !== 'running') session.setRun({ status: 'running', waitingFor: null });
    return session;
  }

  /** Every run but a create begins from the plan as sealed before the create. */
  private async planSoFar(run: RunRecord, sandbox: SandboxRecord | null) {
    if (sandbox === null || (run.operation === 'create' && run.steps.length === 0)) return [];
    const all = await this.deps.store.revisionsOfSandbox(sandbox.id);
    const create = all[0]?.runId;
    const last = run.operation === 'create' ? Number.POSITIVE_INFINITY : (sandbox.sealedRevision ?? Number.POSITIVE_INFINITY);
    return all.filter((revision) => revision.runId === create && revision.number <= last);
  }

  private keepLease(session: Session, lease: RunLease): () => void {
    const { deps } = this;
    let over = false;
    let stop: () => void = () => undefined;
    const next = () => {
      stop = deps.clock.timer(deps.limits.leaseRenewMs, () => {
        deps.store
          .renewLease(lease, deps.limits.leaseMs)
          .then(async ({ cancelledBy, force }) => {
            if (force) session.force = true;
            if (cancelledBy !== null && !over) session.guard.abort('superseded');
            await this.hearKillSwitch(session);
          })
          .catch((error: unknown) => {
            if (error instanceof RunLost) session.guard.abort('lost');
            else deps.log.warn({ runId: lease.runId, err: messageOf(error) }, 'a lease was not renewed');
          })
          .finally(() => {
            if (!over) next();
          });
      });
    };
    next();
    return () => {
      over = true;
      stop();
    };
  }

  /** A switch that was thrown at another replica ends a call in flight here at the next renewal. */
  private async hearKillSwitch(session: Session): Promise<void> {
    const called = session.inFlight;
    if (called === null) return;
    const extension = (await this.deps.directory.all()).get(called);
    if (extension?.killSwitch.on && session.inFlight === called) session.guard.abortCall('killed');
  }

  /** Secrets die with what brought them. */
  private async forgetSecrets(session: Session): Promise<void> {
    const { sandbox, run } = session;
    try {
      if (run.operation === 'preview') await this.deps.vault.drop({ kind: 'run', id: run.id });
      else if (sandbox !== null && (sandbox.state === 'failed' || sandbox.state === 'deleted')) await this.deps.vault.drop({ kind: 'sandbox', id: sandbox.id });
    } catch (error) {
      this.deps.log.error({ runId: run.id, err: messageOf(toTenonError(error)) }, 'secrets of an ended sandbox could not be dropped; pruning does it');
    }
  }
}
