import { messageOf, TenonError } from '../errors.ts';
import type { Driver, DriverObservation } from '../ports/driver.ts';
import type { RunLease } from '../ports/store.ts';
import type { Actor, RunRecord, SandboxRecord } from '../records.ts';
import { abortError } from './attempt.ts';
import { backoff } from './backoff.ts';
import type { EngineDeps } from './deps.ts';
import { inLanes } from './lanes.ts';
import { decideOpen, newRun } from './open-run.ts';
import type { Finding } from './operations.ts';
import { type Course, isEnded, type Runner } from './runner.ts';

const BATCH = 500;
/** How many interrupted runs a replica brings to their end at once. */
const RECOVERIES = 16;
/** How many sandboxes a pass looks at once. */
const LOOKS = 8;
const WORKER: Actor = { kind: 'worker', name: 'worker', role: 'admin' };
const CALLER = { actor: WORKER, requestId: 'worker' } as const;

/** What goes on without being asked: interrupted runs are brought to their end, and sandboxes that changed by themselves are noticed. */
export class Worker {
  private readonly deps: EngineDeps;
  private readonly runner: Runner;
  /** Sandboxes whose `reconcile` hooks have run since this replica started. */
  private readonly reconciled = new Set<string>();
  private readonly looking = new Map<string, Promise<void>>();
  /** Sandboxes of which their driver reported something while a run held them: they are looked at when it has ended. */
  private readonly lookLater = new Set<string>();
  private inRecovery = 0;

  constructor(deps: EngineDeps, runner: Runner) {
    this.deps = deps;
    this.runner = runner;
  }

  // ---- recovery

  async recover(): Promise<number> {
    if (this.runner.stopped) return 0;
    let taken = 0;
    // In the order in which they were opened: a run that waits for another finds that one ended.
    for (const run of await this.deps.store.expiredRuns(BATCH)) {
      if (this.inRecovery >= RECOVERIES) break;
      if (await this.takeUp(run)) taken += 1;
    }
    return taken;
  }

  /** Takes an interrupted run's lease and brings it to its end; false where somebody else has it, or it must wait for an older run. */
  async takeUp(run: RunRecord): Promise<boolean> {
    const { deps } = this;
    if (this.runner.isLive(run.id)) return false;
    if (run.sandboxId !== null) {
      const others = await deps.store.listRuns({ visible: null, sandboxId: run.sandboxId, status: ['running', 'waiting', 'interrupted'] }, { limit: 10 });
      if (others.items.some((other) => other.id !== run.id && other.cancelledBy === run.id)) return false;
    }
    const lease = await deps.store.takeLease(run.id, deps.holder, deps.limits.leaseMs);
    if (lease === null) return false;
    // Not awaited: one run whose extension hangs must not hold up the recovery of all others.
    this.inRecovery += 1;
    this.carryOn(run.id, lease)
      .catch((error: unknown) => this.deps.log.error({ runId: run.id, err: messageOf(error) }, 'a run that was taken up was left'))
      .finally(() => {
        this.inRecovery -= 1;
      });
    return true;
  }

  /** Brings a run whose lease was just taken to its end. It is read under the lease: the last holder may have written since. */
  async carryOn(runId: string, lease: RunLease): Promise<void> {
    const run = await this.deps.store.getRun(runId);
    if (run !== null && !isEnded(run.status)) await this.runner.execute(run, lease, courseOf(run));
  }

  // ---- reconcile

  /** One pass over every driver; answers the number of findings. */
  async reconcile(): Promise<number> {
    let found = 0;
    for (const driver of this.deps.drivers) {
      try {
        found += await this.pass(driver);
      } catch (error) {
        this.deps.log.warn({ driver: driver.name, err: messageOf(error) }, 'a reconcile pass could not ask the driver');
      }
    }
    return found;
  }

  private async pass(driver: Driver): Promise<number> {
    const { deps } = this;
    // The store is read before the backend, so that what is created in between is not taken for vanished.
    const sandboxes = await deps.store.idleSandboxes(driver.name, ['running', 'ready', 'stopped', 'deleting'], BATCH);
    const seen = new Map((await driver.list()).map((observation) => [observation.sandboxId, observation]));
    let found = 0;
    await inLanes(sandboxes, LOOKS, async (sandbox) => {
      if (await this.look(driver, sandbox, seen.get(sandbox.id) ?? null)) found += 1;
    });
    await inLanes([...seen.values()], LOOKS, async (observation) => {
      if (await this.removeLeftover(driver, observation)) found += 1;
    });
    return found;
  }

  /** Looks at one sandbox at once: its driver said that something changed. Looks of one sandbox never overlap. */
  lookAt(sandboxId: string): Promise<void> {
    const before = this.looking.get(sandboxId) ?? Promise.resolve();
    const next = before
      .then(() => this.lookOnce(sandboxId))
      .catch((error: unknown) => {
        this.deps.log.warn({ sandboxId, err: messageOf(error) }, 'a sandbox could not be looked at; the next pass does it');
      });
    this.looking.set(sandboxId, next);
    return next.finally(() => {
      if (this.looking.get(sandboxId) === next) this.looking.delete(sandboxId);
    });
  }

  /** A run of this sandbox has ended: what was reported meanwhile is judged now. */
  ended(sandboxId: string): Promise<void> {
    return this.lookLater.delete(sandboxId) ? this.lookAt(sandboxId) : Promise.resolve();
  }

  private async lookOnce(sandboxId: string): Promise<void> {
    const sandbox = await this.deps.store.getSandbox(sandboxId);
    if (sandbox === null) return;
    if ((await this.deps.store.activeRun(sandboxId)) !== null) {
      this.lookLater.add(sandboxId);
      return;
    }
    const driver = this.deps.drivers.find((each) => each.name === sandbox.driver);
    if (driver !== undefined) await this.look(driver, sandbox, null);
  }

  private async look(driver: Driver, sandbox: SandboxRecord, listed: DriverObservation | null): Promise<boolean> {
    if (this.runner.stopped) return false;
    if (sandbox.state === 'deleting') return this.deleteAgain(sandbox);
    if (sandbox.state !== 'running' && sandbox.state !== 'ready' && sandbox.state !== 'stopped') return false;
    const observation = listed ?? (await driver.inspect({ id: sandbox.id, name: sandbox.name, workspace: sandbox.workspace }, null));
    const finding = await this.judge(driver, sandbox, observation);
    if (finding === null) return false;
    return this.open(sandbox, finding);
  }

  private async judge(driver: Driver, sandbox: SandboxRecord, seen: DriverObservation): Promise<Finding | null> {
    const up = sandbox.state === 'running' || sandbox.state === 'ready';
    // `lost` is a driver's word for a workload that went without ending: one that relaunches has the phases for it.
    if (up && seen.state !== 'running' && seen.reason === 'lost' && (await driver.capabilities()).phases.includes('before_restore')) return 'lost';
    if (seen.state === 'absent') return 'vanished';
    if (sandbox.state === 'stopped') {
      if (sandbox.stateReason?.code !== 'exited') return this.restarted(sandbox);
      const held = await this.deps.store.effectsOfSandbox(sandbox.id, ['intended', 'applied']);
      return held.some((row) => row.kind === 'driver_start') ? 'exited' : this.restarted(sandbox);
    }
    if (seen.state !== 'running') return 'exited';
    if (sandbox.instance !== null && seen.instance !== null && seen.instance !== sandbox.instance) return 'replaced';
    return this.restarted(sandbox);
  }

  /** After a restart of Tenon, once for each sandbox whose record hooks `reconcile`. */
  private restarted(sandbox: SandboxRecord): Finding | null {
    if (this.reconciled.has(sandbox.id)) return null;
    this.reconciled.add(sandbox.id);
    return sandbox.createdAt < this.startedAt && sandbox.record.extensions.some((active) => active.hooks.some((hook) => hook.phase === 'reconcile'))
      ? 'restarted'
      : null;
  }

  private get startedAt(): number {
    this.since ??= this.deps.clock.now();
    return this.since;
  }
  private since: number | null = null;

  /** Remembers when this replica began; sandboxes made later need no look after a restart. */
  begin(): void {
    this.since = this.deps.clock.now();
  }

  private async open(sandbox: SandboxRecord, finding: Finding): Promise<boolean> {
    const { deps } = this;
    const run = newRun({ operation: 'reconcile', sandbox, request: sandbox.request, caller: CALLER, now: deps.clock.now(), reason: finding });
    try {
      const opened = await deps.store.openRun(run, deps.holder, deps.limits.leaseMs, (current, active) => {
        if (active !== null || current.state !== sandbox.state)
          throw new TenonError('sandbox_busy', `${sandbox.name} changed while it was looked at`, { sandboxId: sandbox.id });
        return { open: 'now' };
      });
      // Not awaited: the run is journaled and held by its lease, and the pass goes on.
      if (opened.lease !== null) void this.runner.execute(opened.run, opened.lease, { kind: 'reconcile', finding });
      return true;
    } catch (error) {
      if (error instanceof TenonError && error.code === 'sandbox_busy') return false;
      throw error;
    }
  }

  /** A delete that the driver did not confirm is tried again, with back-off. */
  private async deleteAgain(sandbox: SandboxRecord): Promise<boolean> {
    const { deps } = this;
    const tries = (await deps.store.listRuns({ visible: null, sandboxId: sandbox.id, operation: ['delete'] }, { limit: 20 })).items;
    const last = tries[0];
    const wait = Math.min(deps.limits.debtRetryMaxMs, deps.limits.debtRetryBaseMs * 2 ** Math.max(0, tries.length - 1));
    if (last?.endedAt != null && deps.clock.now() < last.endedAt + wait / 2 + backoff(deps.clock, 0, wait / 2, wait / 2)) return false;
    const run = newRun({
      operation: 'delete',
      sandbox,
      request: sandbox.request,
      caller: CALLER,
      now: deps.clock.now(),
      reason: 'the driver had not confirmed the delete',
    });
    const opened = await deps.store.openRun(run, deps.holder, deps.limits.leaseMs, (current, active) => decideOpen('delete', false, current, active));
    if (opened.lease === null) return false;
    void this.runner.execute(opened.run, opened.lease);
    return true;
  }

  /** An object at the backend whose sandbox is failed or deleted in our own store is removed, and recorded. */
  private async removeLeftover(driver: Driver, seen: DriverObservation): Promise<boolean> {
    const { deps } = this;
    const sandbox = await deps.store.getSandbox(seen.sandboxId);
    if (sandbox === null || (sandbox.state !== 'failed' && sandbox.state !== 'deleted') || sandbox.driver !== driver.name) return false;
    if ((await deps.store.activeRun(sandbox.id)) !== null) return false;
    const plan = (await deps.store.revisionsOfSandbox(sandbox.id))[0]?.value ?? null;
    await driver.delete({
      sandbox: { id: sandbox.id, name: sandbox.name, workspace: sandbox.workspace },
      plan,
      idempotencyKey: `leftover ${sandbox.id}`,
      signal: AbortSignal.timeout(deps.limits.deleteBudgetMs),
      resolveSecret: async () => '',
    });
    await deps.store.addAudit({
      actor: WORKER.name,
      action: 'sandbox.remove_leftover',
      object: { kind: 'sandbox', name: sandbox.name },
      outcome: 'done',
      reason: `the backend still had ${sandbox.name}, which is ${sandbox.state} here`,
      before: { id: sandbox.id, state: seen.state },
      after: null,
      requestId: CALLER.requestId,
      runIds: [],
      workspace: sandbox.workspace,
    });
    return true;
  }
}

function courseOf(run: RunRecord): Course {
  if (run.operation === 'stop' || run.operation === 'delete')
    return run.cancelledBy === null ? { kind: 'ordinary' } : { kind: 'unwind', error: abortError('superseded', {}) };
  if (run.operation === 'reconcile' && run.cancelledBy === null) return { kind: 'ordinary' };
  return { kind: 'unwind', error: run.cancelledBy === null ? abortError('lost', {}) : abortError('superseded', {}) };
}
