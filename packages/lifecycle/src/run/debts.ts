import type { Caller } from '../engine.ts';
import { messageOf, storable, TenonError, toTenonError } from '../errors.ts';
import { newSpanId, newTraceId, traceparent } from '../ids.ts';
import type { EffectRecord, SandboxRecord } from '../records.ts';
import { backoff } from './backoff.ts';
import type { EngineDeps } from './deps.ts';
import { inLanesBySandbox } from './lanes.ts';
import { callDriverRelease, callRelease, type ReleaseEnd } from './release.ts';

const CLAIM_MS = 60_000;
const BATCH = 50;
/** Sandboxes whose debts are tried at once. */
const LANES = 8;

/** Pays what is owed outside any run: retries, second calls of fences, and what an operator asks for. */
export class Debts {
  private readonly deps: EngineDeps;

  constructor(deps: EngineDeps) {
    this.deps = deps;
  }

  /** Pays everything whose time has come; answers how many rows were tried. */
  async payDue(): Promise<number> {
    const due = await this.deps.store.claimDueEffects(BATCH, CLAIM_MS);
    // Newest first within a sandbox: what a workload may still use waits for the driver's own row.
    const sorted = [...due].sort((a, b) => (a.sandboxId === b.sandboxId ? b.seq - a.seq : a.sandboxId < b.sandboxId ? -1 : 1));
    await inLanesBySandbox(sorted, LANES, async (row) => {
      try {
        await this.pay(row);
      } catch (error) {
        // A run took the sandbox between the claim and the call: its debts rest until it has ended.
        if (error instanceof TenonError && error.code === 'sandbox_busy') return;
        this.deps.log.error({ effectId: row.id, err: messageOf(error) }, 'a debt could not be tried; it is claimed again later');
      }
    });
    return sorted.length;
  }

  /** An operator's retry: now, whatever the schedule says, and a driver's row that stands before it first. */
  async retry(id: string, _caller: Caller): Promise<EffectRecord> {
    const row = await this.owed(id);
    const blocking = await this.blockedBy(row);
    if (blocking !== null) await this.pay(blocking);
    await this.pay(row);
    return (await this.deps.store.getEffect(id)) ?? row;
  }

  async waive(id: string, reason: string, _caller: Caller): Promise<EffectRecord> {
    const row = await this.owed(id);
    if (reason.trim() === '')
      throw new TenonError('validation_failed', 'waiving an effect needs a reason', {
        pointer: '/reason',
        hint: 'Say who takes care of it, or why nothing is left.',
      });
    const waived: EffectRecord = {
      ...row,
      state: 'waived',
      waivedReason: storable(reason),
      nextRetryAt: null,
      releasedAt: this.deps.clock.now(),
    };
    if (!(await this.deps.store.settleEffect(waived, 'owed'))) throw await this.busy(row);
    return waived;
  }

  /** Makes rows owed under this code due at once: the kill switch is off, or the code is back. */
  async hasten(extension: string, code: string): Promise<void> {
    let cursor: string | undefined;
    do {
      const page = await this.deps.store.listEffects(
        { visible: null, state: ['owed'], extension },
        { limit: 200, ...(cursor === undefined ? {} : { cursor }) },
      );
      for (const row of page.items)
        if (row.lastError?.code === code) await this.deps.store.settleEffect({ ...row, nextRetryAt: this.deps.clock.now() }, 'owed');
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }

  private async owed(id: string): Promise<EffectRecord> {
    const row = await this.deps.store.getEffect(id);
    if (row === null) throw new TenonError('not_found', `there is no effect ${id}`);
    if (row.state !== 'owed')
      throw new TenonError('effect_not_owed', `effect ${row.kind} ${row.key} is ${row.state}, not owed`, {
        sandboxId: row.sandboxId,
        hint: 'Only owed effects can be retried or waived.',
      });
    return row;
  }

  private async busy(row: EffectRecord): Promise<TenonError> {
    const run = await this.deps.store.activeRun(row.sandboxId);
    if (run !== null)
      return new TenonError('sandbox_busy', `run ${run.id} of this sandbox is in progress; its debts rest until it has ended`, {
        sandboxId: row.sandboxId,
        runId: run.id,
      });
    return new TenonError('effect_not_owed', `effect ${row.kind} ${row.key} was settled meanwhile`, { sandboxId: row.sandboxId });
  }

  /** The newest owed row of the driver that is younger than this one: nothing older is given back before it. */
  private async blockedBy(row: EffectRecord): Promise<EffectRecord | null> {
    const owed = await this.deps.store.effectsOfSandbox(row.sandboxId, ['owed']);
    return owed.findLast((each) => each.extension === null && each.seq > row.seq) ?? null;
  }

  private async pay(row: EffectRecord): Promise<void> {
    const { deps } = this;
    const sandbox = await deps.store.getSandbox(row.sandboxId);
    if (sandbox === null) throw new TenonError('internal', `effect ${row.id} belongs to a sandbox that is not there`);
    // Asked before anybody is called: a run in progress may be making the same thing anew.
    if (row.state === 'owed' && (await deps.store.activeRun(row.sandboxId)) !== null) throw await this.busy(row);
    const blocking = row.state === 'owed' ? await this.blockedBy(row) : null;
    if (blocking !== null) {
      await deps.store.settleEffect({ ...row, nextRetryAt: Math.max(deps.clock.now() + 1_000, blocking.nextRetryAt ?? 0) }, 'owed');
      return;
    }
    const end = row.extension === null ? await this.payDriver(row, sandbox) : await this.payExtension(row, sandbox);
    const now = deps.clock.now();
    if (end.kind === 'released') {
      const settled = await deps.store.settleEffect(
        {
          ...row,
          state: 'released',
          releasedAt: row.releasedAt ?? now,
          attempts: row.attempts + 1,
          lastError: null,
          nextRetryAt: row.state === 'owed' && row.unanswered && end.fenceMs > 0 ? now + end.fenceMs : null,
        },
        row.state,
      );
      if (!settled) throw await this.busy(row);
      if (row.extension === null) await this.wakeOlder(row);
      return;
    }
    const next = now + 1_000 + backoff(deps.clock, row.attempts, deps.limits.debtRetryBaseMs, deps.limits.debtRetryMaxMs);
    const kept = await deps.store.settleEffect(
      {
        ...row,
        state: 'owed',
        due: row.due ?? 'debt',
        attempts: row.attempts + 1,
        lastError: { code: end.error.code, message: messageOf(end.error) },
        nextRetryAt: next,
      },
      row.state,
    );
    if (!kept) throw await this.busy(row);
  }

  private async payExtension(row: EffectRecord, sandbox: SandboxRecord): Promise<ReleaseEnd> {
    const { deps } = this;
    const driver = deps.drivers.find((each) => each.name === sandbox.driver) ?? null;
    const ref = { id: sandbox.id, name: sandbox.name, workspace: sandbox.workspace };
    const signal = AbortSignal.timeout(deps.limits.releaseDeadlineMs);
    const failed = (thrown: unknown): ReleaseEnd => ({ kind: 'owed', error: toTenonError(thrown, 'hook_failed') });
    return Promise.race([
      callRelease(deps, driver, ref, row, 'debt', signal, traceparent(newTraceId(), newSpanId())).catch(failed),
      new Promise<ReleaseEnd>((resolve) =>
        signal.addEventListener(
          'abort',
          () =>
            resolve(
              failed(new TenonError('hook_timed_out', `${row.extension} did not release ${row.kind} ${row.key} within ${deps.limits.releaseDeadlineMs} ms`)),
            ),
          { once: true },
        ),
      ),
    ]);
  }

  private async payDriver(row: EffectRecord, sandbox: SandboxRecord): Promise<ReleaseEnd> {
    const { deps } = this;
    const driver = deps.drivers.find((each) => each.name === sandbox.driver);
    if (driver === undefined) return { kind: 'owed', error: new TenonError('driver_unavailable', `driver ${sandbox.driver} is not loaded`) };
    const ref = { id: sandbox.id, name: sandbox.name, workspace: sandbox.workspace };
    const budget = row.kind === 'driver_start' ? deps.limits.stopBudgetMs : deps.limits.deleteBudgetMs;
    try {
      const plan = (await deps.store.revisionsOfSandbox(sandbox.id))[0]?.value ?? null;
      await callDriverRelease(driver, row, {
        sandbox: ref,
        plan,
        idempotencyKey: row.idempotencyKey,
        signal: AbortSignal.timeout(budget),
        resolveSecret: async () => '',
      });
      return { kind: 'released', fenceMs: 0 };
    } catch (thrown) {
      return { kind: 'owed', error: toTenonError(thrown, 'driver_failed') };
    }
  }

  private async wakeOlder(row: EffectRecord): Promise<void> {
    for (const older of await this.deps.store.effectsOfSandbox(row.sandboxId, ['owed'])) {
      if (older.seq < row.seq && older.extension !== null) await this.deps.store.settleEffect({ ...older, nextRetryAt: this.deps.clock.now() }, 'owed');
    }
  }
}
