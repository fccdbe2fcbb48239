import { LIMITS, type Operation, SECRET_NAME_PATTERN } from '@tenon/vocabulary';
import type { BlameView, Caller, Engine, IncomingRequest, PlanView, SandboxAndRun } from '../engine.ts';
import { messageOf, TenonError } from '../errors.ts';
import { newId } from '../ids.ts';
import { blame } from '../plan/blame.ts';
import { diffPlan } from '../plan/diff.ts';
import { rebuild } from '../plan/rebuild.ts';
import { takeSecrets } from '../plan/secrets.ts';
import type { Driver } from '../ports/driver.ts';
import type { RunRecord, SandboxRecord, StoredRevision } from '../records.ts';
import { matrixCells } from '../registry/capabilities.ts';
import { splitDriverConfig } from '../registry/config-scope.ts';
import { refuseReservedEnvironment } from '../registry/labels.ts';
import { Breakers } from './breaker.ts';
import { Debts } from './debts.ts';
import { claimsFor, Decider } from './decide.ts';
import type { EngineDeps, EngineOptions } from './deps.ts';
import { ExtensionDirectory } from './directory.ts';
import { LeakAudit } from './leaks.ts';
import { decideOpen, newRun } from './open-run.ts';
import { Rulebook } from './rulebook.ts';
import { isEnded, Runner } from './runner.ts';
import { Takeover } from './takeover.ts';
import { Worker } from './worker.ts';

/** Builds the engine from its ports. It starts nothing by itself but watches of its drivers; the worker's ticks are the caller's. */
export function createEngine(options: EngineOptions): Engine {
  const limits = { ...LIMITS, ...options.limits };
  const directory = new ExtensionDirectory(options.store, options.vault, options.transports, options.clock);
  const deps: EngineDeps = {
    ...options,
    limits,
    directory,
    breakers: new Breakers(options.clock, limits),
    secretPattern: options.secretPattern ?? new RegExp(SECRET_NAME_PATTERN, 'i'),
    passThroughExtensionKeys: options.passThroughExtensionKeys ?? [],
    onSpan: options.onSpan ?? (() => undefined),
  };
  return new LifecycleEngine(deps);
}

class LifecycleEngine implements Engine {
  private readonly deps: EngineDeps;
  private readonly runner: Runner;
  private readonly worker: Worker;
  private readonly debts: Debts;
  private readonly leaks: LeakAudit;
  private readonly decider: Decider;
  private readonly rulebook: Rulebook;
  private readonly takeover: Takeover;
  private readonly stopWatching: readonly (() => void)[];
  /** Work begun on somebody's nudge, so that draining can wait for it. */
  private readonly background = new Set<Promise<void>>();

  constructor(deps: EngineDeps) {
    this.deps = deps;
    this.runner = new Runner(deps);
    this.worker = new Worker(deps, this.runner);
    this.worker.begin();
    this.debts = new Debts(deps);
    this.leaks = new LeakAudit(deps);
    this.decider = new Decider(deps);
    this.rulebook = new Rulebook(deps, this.decider, this.debts, (extension) => this.runner.kill(extension));
    this.takeover = new Takeover(deps, this.runner, this.worker);
    this.runner.onEnd = (run, sandbox) => {
      // A command that had ended before it was ready: after_exit and the start's releases follow at once.
      if (sandbox?.state === 'stopped' && sandbox.stateReason?.code === 'exited' && run.operation !== 'reconcile')
        this.soon(() => this.worker.lookAt(sandbox.id));
      else if (sandbox !== null) this.soon(() => this.worker.ended(sandbox.id));
    };
    this.stopWatching = deps.drivers.map((driver) => driver.watch((sandboxId) => this.soon(() => this.worker.lookAt(sandboxId))));
  }

  // ---- sandboxes

  async createSandbox(request: IncomingRequest, caller: Caller): Promise<SandboxAndRun> {
    this.refuseWhileDraining();
    const { deps } = this;
    const id = newId(deps.clock.now());
    const admitted = await this.admit(request, caller, id, false);
    await this.payNamesake(request, caller);
    const now = deps.clock.now();
    const sandbox: SandboxRecord = {
      id,
      name: request.name,
      workspace: request.workspace,
      driver: admitted.driver.name,
      chain: admitted.driver.chain,
      state: 'creating',
      stateReason: null,
      blockedBy: null,
      request: admitted.request,
      record: admitted.record,
      sealedRevision: null,
      sealedAt: null,
      instance: null,
      createdAt: now,
      deletedAt: null,
      hidden: false,
      createdBy: caller.actor,
    };
    const run = newRun({ operation: 'create', sandbox, request: admitted.request, caller, now });
    // Secrets stand in the vault before anything refers to them; where the create is not opened they go again.
    if (admitted.secrets.size > 0) await deps.vault.put({ kind: 'sandbox', id }, admitted.secrets);
    try {
      const lease = await deps.store.openCreate(sandbox, run, deps.holder, deps.limits.leaseMs);
      void this.runner.execute(run, lease);
      return { sandbox, run };
    } catch (error) {
      if (admitted.secrets.size > 0) await deps.vault.drop({ kind: 'sandbox', id });
      throw error;
    }
  }

  async dryRun(request: IncomingRequest, caller: Caller): Promise<{ readonly plan: PlanView | null; readonly run: RunRecord }> {
    this.refuseWhileDraining();
    const { deps } = this;
    const id = newId(deps.clock.now());
    const admitted = await this.admit(request, caller, id, true);
    const run = newRun({ operation: 'preview', sandbox: null, request: admitted.request, caller, now: deps.clock.now(), record: admitted.record, id });
    if (admitted.secrets.size > 0) await deps.vault.put({ kind: 'run', id }, admitted.secrets);
    const lease = await deps.store.openPreview(run, deps.holder, deps.limits.leaseMs).catch(async (error: unknown) => {
      await deps.vault.drop({ kind: 'run', id });
      throw error;
    });
    await this.runner.execute(run, lease);
    return { plan: await this.planOfRun(id), run: (await deps.store.getRun(id)) ?? run };
  }

  /** A deterministic name that an owed workload of ours still holds is paid for first. */
  private async payNamesake(request: IncomingRequest, caller: Caller): Promise<void> {
    const { store } = this.deps;
    const former = await store.listSandboxes(
      { visible: null, name: request.name, workspace: request.workspace, driver: request.driver, state: ['failed', 'deleted'] },
      { limit: 10 },
    );
    for (const sandbox of former.items) {
      const row = (await store.effectsOfSandbox(sandbox.id, ['owed'])).find((each) => each.kind === 'driver_create');
      if (row === undefined) continue;
      const tried = await this.debts.retry(row.id, caller);
      if (tried.state !== 'owed') continue;
      throw new TenonError(
        'driver_failed',
        `the name ${request.name} is still held by the ${sandbox.state} sandbox ${sandbox.id}, whose removal is owed: ${tried.lastError?.message ?? 'the driver did not confirm it'}`,
        {
          sandboxId: sandbox.id,
          hint: `Retry or waive effect ${row.id}, or choose another name.`,
        },
      );
    }
  }

  /** Everything that a create or dry run refuses before anything is written: reserved names, claims, config blocks, the planner, activation. */
  private async admit(incoming: IncomingRequest, caller: Caller, id: string, dryRun: boolean) {
    const { deps } = this;
    const driver = this.known(incoming.driver);
    const { claims, source } = claimsFor(incoming.claims, caller);
    const { request, secrets } = takeSecrets({ ...incoming, claims }, { pattern: deps.secretPattern, newId: () => newId() });
    refuseReservedEnvironment(request);
    splitDriverConfig(
      request.template.driverConfig,
      driver.chain.map((name) => ({ name, wrapper: null })),
    );
    const record = await this.decider.decide({
      request,
      sandboxId: id,
      driver,
      caller,
      claims,
      claimsSource: source,
      activations: await deps.directory.activations(),
      dryRun,
    });
    driver.plan(request, id);
    return { driver, request, secrets, record };
  }

  startSandbox(id: string, caller: Caller): Promise<SandboxAndRun> {
    return this.operate('start', id, caller, { force: false, reason: null });
  }

  stopSandbox(id: string, caller: Caller): Promise<SandboxAndRun> {
    return this.operate('stop', id, caller, { force: false, reason: null });
  }

  async deleteSandbox(id: string, caller: Caller, options: { readonly force: boolean; readonly reason: string | null }): Promise<SandboxAndRun> {
    if (options.force && !options.reason?.trim())
      throw new TenonError('validation_failed', 'a forced delete needs a reason', { pointer: '/reason', hint: 'Say why, as ?reason=.' });
    return this.operate('delete', id, caller, options);
  }

  private async operate(
    operation: Extract<Operation, 'start' | 'stop' | 'delete'>,
    id: string,
    caller: Caller,
    options: { readonly force: boolean; readonly reason: string | null },
  ): Promise<SandboxAndRun> {
    this.refuseWhileDraining();
    const { deps } = this;
    const sandbox = await this.sandbox(id);
    const there = { start: ['ready'], stop: ['stopped'], delete: ['deleted'] }[operation];
    if (there.includes(sandbox.state)) {
      const [active, last] = await Promise.all([deps.store.activeRun(id), deps.store.lastRun(id)]);
      if (active === null && last !== null) return { sandbox, run: last };
    }
    const run = newRun({ operation, sandbox, request: sandbox.request, caller, now: deps.clock.now(), force: options.force, reason: options.reason });
    let superseded: string | null = null;
    const opened = await deps.store.openRun(run, deps.holder, deps.limits.leaseMs, (current, active) => {
      const decision = decideOpen(operation, options.force, current, active);
      superseded = 'open' in decision && decision.open === 'supersede' ? (active?.id ?? null) : null;
      return decision;
    });
    if (opened.lease === null) {
      if (options.force) this.runner.force(opened.run.id);
    } else if (superseded !== null)
      this.soon(() => this.takeover.follow(opened.run, opened.lease ?? { runId: run.id, holder: deps.holder, token: 0 }, superseded ?? ''));
    else void this.runner.execute(opened.run, opened.lease);
    return { sandbox: (await deps.store.getSandbox(id)) ?? sandbox, run: opened.run };
  }

  async waitForRun(runId: string, timeoutMs: number, signal?: AbortSignal): Promise<RunRecord> {
    await this.runner.settled(runId, timeoutMs, signal);
    return this.run(runId);
  }

  async resumeRun(runId: string): Promise<RunRecord> {
    // A lease that has expired unnoticed counts as interrupted already.
    await this.deps.store.expiredRuns(500);
    const run = await this.run(runId);
    if (run.status !== 'interrupted')
      throw new TenonError('run_not_resumable', `run ${runId} is ${run.status}; only an interrupted run can be resumed`, {
        runId,
        hint: isEnded(run.status) ? 'It has ended.' : 'It is in progress.',
      });
    this.soon(async () => {
      await this.worker.takeUp(run);
    });
    return run;
  }

  async logs(sandboxId: string, options: { readonly tail: number }): Promise<string> {
    const sandbox = await this.sandbox(sandboxId);
    const plan = await this.plan(sandboxId);
    return this.known(sandbox.driver).logs({ id: sandbox.id, name: sandbox.name, workspace: sandbox.workspace }, plan.value, options);
  }

  // ---- plans

  async plan(sandboxId: string): Promise<PlanView> {
    const sandbox = await this.sandbox(sandboxId);
    const revisions = currentRevisions(sandbox, await this.deps.store.revisionsOfSandbox(sandboxId));
    return this.view(sandbox.driver, revisions, sandbox.sealedAt, []);
  }

  async planOfRun(runId: string): Promise<PlanView | null> {
    const run = await this.run(runId);
    const own = await this.deps.store.revisionsOfRun(runId);
    const revisions =
      run.sandboxId === null || run.operation === 'create'
        ? own
        : currentRevisions(await this.sandbox(run.sandboxId), await this.deps.store.revisionsOfSandbox(run.sandboxId), runId);
    return revisions.length === 0 ? null : this.view(run.driver, revisions, null, run.preview?.pending ?? []);
  }

  async compare(sandboxId: string, from: number, to: number) {
    const sandbox = await this.sandbox(sandboxId);
    const revisions = currentRevisions(sandbox, await this.deps.store.revisionsOfSandbox(sandboxId));
    const schema = this.known(sandbox.driver).schema;
    for (const [name, number] of [
      ['from', from],
      ['to', to],
    ] as const) {
      if (!revisions.some((revision) => revision.number === number))
        throw new TenonError('not_found', `${sandbox.name} has no plan revision ${number}`, {
          pointer: `/${name}`,
          sandboxId,
          hint: `Its revisions are 0 to ${revisions.length - 1}.`,
        });
    }
    return diffPlan(rebuild(revisions, from, schema), rebuild(revisions, to, schema), schema);
  }

  async blame(sandboxId: string, path: string): Promise<BlameView> {
    const sandbox = await this.sandbox(sandboxId);
    const revisions = currentRevisions(sandbox, await this.deps.store.revisionsOfSandbox(sandboxId));
    if (revisions.length === 0) throw new TenonError('not_found', `${sandbox.name} has no plan`, { sandboxId });
    return blame({ path, revisions, schema: this.known(sandbox.driver).schema, request: sandbox.request });
  }

  private view(driverName: string, revisions: readonly StoredRevision[], sealedAt: number | null, pending: readonly string[]): PlanView {
    const last = revisions.at(-1);
    if (last === undefined) throw new TenonError('not_found', 'there is no plan: the run ended before the driver made one');
    return { driver: driverName, revisions, value: rebuild(revisions, last.number, this.known(driverName).schema), digest: last.digest, sealedAt, pending };
  }

  // ---- effects, extensions, activations

  retryEffect(id: string, caller: Caller) {
    return this.debts.retry(id, caller);
  }
  waiveEffect(id: string, reason: string, caller: Caller) {
    return this.debts.waive(id, reason, caller);
  }
  register(...args: Parameters<Engine['register']>) {
    return this.rulebook.register(...args);
  }
  addRevision(...args: Parameters<Engine['addRevision']>) {
    return this.rulebook.addRevision(...args);
  }
  unregister(...args: Parameters<Engine['unregister']>) {
    return this.rulebook.unregister(...args);
  }
  installInProcess(...args: Parameters<Engine['installInProcess']>) {
    return this.rulebook.installInProcess(...args);
  }
  setKillSwitch(...args: Parameters<Engine['setKillSwitch']>) {
    return this.rulebook.setKillSwitch(...args);
  }
  breaker(extension: string) {
    return this.rulebook.breaker(extension);
  }
  createActivation(...args: Parameters<Engine['createActivation']>) {
    return this.rulebook.createActivation(...args);
  }
  updateActivation(...args: Parameters<Engine['updateActivation']>) {
    return this.rulebook.updateActivation(...args);
  }
  deleteActivation(...args: Parameters<Engine['deleteActivation']>) {
    return this.rulebook.deleteActivation(...args);
  }
  previewActivation(...args: Parameters<Engine['previewActivation']>) {
    return this.rulebook.preview(...args);
  }

  // ---- drivers

  drivers(): readonly Driver[] {
    return this.deps.drivers;
  }

  driver(name: string): Driver | null {
    return this.deps.drivers.find((each) => each.name === name) ?? null;
  }

  async matrix(filter: { readonly driver?: string; readonly extension?: string }) {
    const extensions = [...(await this.deps.directory.all()).values()].filter((each) => filter.extension === undefined || each.name === filter.extension);
    const drivers = this.deps.drivers.filter((each) => filter.driver === undefined || each.name === filter.driver);
    const now = this.deps.clock.now();
    const cells = await Promise.all(
      drivers.map(async (driver) => {
        const capabilities = await driver.capabilities();
        const manifests = extensions.flatMap((extension) =>
          extension.revisions.filter((each) => each.revision === extension.latest).map((each) => each.manifest),
        );
        const own = filter.extension === undefined ? matrixCells(driver, capabilities, null, now) : [];
        return [...own, ...manifests.flatMap((manifest) => matrixCells(driver, capabilities, manifest, now))];
      }),
    );
    return cells.flat();
  }

  // ---- the worker's ticks

  recover() {
    return this.worker.recover();
  }
  reconcile() {
    return this.worker.reconcile();
  }
  retryDebts() {
    return this.debts.payDue();
  }
  async auditEffects() {
    return (await this.leaks.look()).length;
  }

  async drain(graceMs: number): Promise<void> {
    for (const stop of this.stopWatching) stop();
    await this.runner.drain(graceMs);
    await Promise.all([...this.background]);
  }

  private soon(work: () => Promise<void>): void {
    const promise = work()
      .catch((error: unknown) => this.deps.log.error({ err: messageOf(error) }, 'work in the background failed'))
      .finally(() => this.background.delete(promise));
    this.background.add(promise);
  }

  private known(name: string): Driver {
    const driver = this.driver(name);
    if (driver === null)
      throw new TenonError('driver_unknown', `there is no driver ${JSON.stringify(name)}`, {
        pointer: '/driver',
        hint: `Drivers here: ${this.deps.drivers.map((each) => each.name).join(', ') || 'none'}.`,
      });
    return driver;
  }

  private async sandbox(id: string): Promise<SandboxRecord> {
    const sandbox = await this.deps.store.getSandbox(id);
    if (sandbox === null) throw new TenonError('not_found', `there is no sandbox ${id}`, { sandboxId: id });
    return sandbox;
  }

  private async run(id: string): Promise<RunRecord> {
    const run = await this.deps.store.getRun(id);
    if (run === null) throw new TenonError('not_found', `there is no run ${id}`, { runId: id });
    return run;
  }

  private refuseWhileDraining(): void {
    if (this.runner.stopped) throw new TenonError('store_unavailable', 'Tenon is shutting down and takes no new work', { hint: 'Ask again in a moment.' });
  }
}

/**
 * The revisions that make up the plan in force: those of the create, or, once the sandbox was started again, those up to the seal and then
 * the last start's (or those of the run named): changes of start points by earlier starts are not carried over.
 */
function currentRevisions(sandbox: SandboxRecord, all: readonly StoredRevision[], ofRun?: string): readonly StoredRevision[] {
  const createRun = all[0]?.runId;
  const create = all.filter((revision) => revision.runId === createRun);
  const wanted = ofRun ?? all.findLast((revision) => revision.runId !== createRun)?.runId;
  if (wanted === undefined || wanted === createRun || sandbox.sealedRevision === null) return create;
  const sealed = sandbox.sealedRevision;
  return [...create.filter((revision) => revision.number <= sealed), ...all.filter((revision) => revision.runId === wanted)];
}
