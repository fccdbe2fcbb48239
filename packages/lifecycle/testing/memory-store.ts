import type { EffectState } from '@tenon/vocabulary';
import { TenonError } from '../src/errors.ts';
import { type JournalEntry, type JournalStore, type RunLease, RunLost, type Store } from '../src/ports/store.ts';
import type { AttemptRecord, EffectRecord, RunRecord, SandboxRecord, StepRecord, StoredRevision } from '../src/records.ts';
import { eventsOf, type NewEvent, runEvent, sandboxEvent } from '../src/run/events.ts';
import { MemoryReads } from './memory-reads.ts';
import { copy, isEnded, isOpenEffect, type RunRow } from './memory-tables.ts';

type Decide = Parameters<JournalStore['openRun']>[3];

/**
 * The whole store in memory, with every rule of the ports: for the engine's tests and for whoever tests against the engine.
 * Its clock stands for the database's.
 */
export class MemoryStore extends MemoryReads implements Store {
  async openCreate(sandbox: SandboxRecord, run: RunRecord, holder: string, leaseMs: number): Promise<RunLease> {
    const now = this.clock.now();
    if (this.sandboxes.has(sandbox.id))
      throw new TenonError('sandbox_exists', `A sandbox with the id ${sandbox.id} exists already.`, { sandboxId: sandbox.id });
    this.refuseTakenName(sandbox);
    this.refuseTakenRun(run);
    const saved = copy({ ...sandbox, createdAt: now });
    this.sandboxes.set(sandbox.id, saved);
    const row = this.insertRun({ ...run, fromState: null }, holder, leaseMs);
    this.emit([sandboxEvent(saved, run.id), runEvent(row.record)]);
    return leaseOf(row);
  }

  async openPreview(run: RunRecord, holder: string, leaseMs: number): Promise<RunLease> {
    this.refuseTakenRun(run);
    const row = this.insertRun(run, holder, leaseMs);
    this.emit([runEvent(row.record)]);
    return leaseOf(row);
  }

  async openRun(run: RunRecord, holder: string, leaseMs: number, decide: Decide): Promise<{ readonly run: RunRecord; readonly lease: RunLease | null }> {
    const sandbox = run.sandboxId === null ? undefined : this.sandboxes.get(run.sandboxId);
    if (sandbox === undefined) throw new TenonError('not_found', `There is no sandbox ${run.sandboxId ?? '(none)'}.`);
    this.refuseTakenRun(run);
    const active = this.activeRow(sandbox.id);
    const decision = decide(copy(sandbox), copy(active?.record ?? null));
    if ('existing' in decision) return { run: this.joinRun(decision.existing, decision.force === true), lease: null };
    if (decision.open === 'now' && active !== null) {
      throw new TenonError('internal', `Run ${active.record.id} of sandbox ${sandbox.id} has not ended: a second one may only supersede it.`);
    }
    const next = decision.state === undefined ? sandbox : { ...sandbox, state: decision.state };
    if (next !== sandbox) this.refuseTakenName(next);
    const events: NewEvent[] = [];
    if (active !== null) {
      active.record = { ...active.record, cancelledBy: run.id };
      events.push(runEvent(active.record));
    }
    const opened: RunRecord = active === null ? run : { ...run, status: 'waiting', waitingFor: 'run' };
    const row = this.insertRun({ ...opened, fromState: sandbox.state }, holder, leaseMs);
    events.push(runEvent(row.record));
    if (next !== sandbox) {
      this.sandboxes.set(sandbox.id, next);
      events.push(sandboxEvent(next, run.id));
    }
    this.emit(events);
    return { run: copy(row.record), lease: leaseOf(row) };
  }

  async takeLease(runId: string, holder: string, leaseMs: number): Promise<RunLease | null> {
    const row = this.runs.get(runId);
    const now = this.clock.now();
    if (row === undefined || isEnded(row.record.status)) return null;
    if (row.holder !== null && row.leaseUntil > now) return null;
    row.holder = holder;
    row.token += 1;
    row.leaseUntil = now + leaseMs;
    return leaseOf(row);
  }

  async renewLease(lease: RunLease, leaseMs: number): Promise<{ readonly cancelledBy: string | null; readonly force: boolean }> {
    const row = this.held(lease);
    row.leaseUntil = this.clock.now() + leaseMs;
    // Found late but by nobody else: it was not interrupted after all.
    if (row.record.status === 'interrupted') {
      row.record = { ...row.record, status: 'running' };
      this.emit([runEvent(row.record)]);
    }
    return { cancelledBy: row.record.cancelledBy, force: row.record.force };
  }

  async dropLease(lease: RunLease): Promise<void> {
    const row = this.runs.get(lease.runId);
    if (row === undefined || row.holder !== lease.holder || row.token !== lease.token) return;
    row.holder = null;
    row.leaseUntil = 0;
  }

  async commit(lease: RunLease, entries: readonly JournalEntry[]): Promise<void> {
    const row = this.held(lease);
    const written = copy(entries);
    const staged = this.stage(row.record, written);
    // Nothing threw: everything becomes visible at once.
    row.record = staged.run;
    if (staged.sandbox !== null) this.sandboxes.set(staged.sandbox.id, staged.sandbox);
    for (const attempt of staged.attempts.values()) this.attempts.set(attempt.id, attempt);
    for (const effect of staged.effects.values()) this.effects.set(effect.id, { record: effect, claimedUntil: 0 });
    if (staged.revisions !== null) this.revisions.set(row.record.id, staged.revisions);
    for (const entry of written) if (entry.type === 'extension_state') this.states.set(JSON.stringify([entry.sandboxId, entry.extension]), entry.value);
    this.emit(eventsOf(written, { runId: row.record.id, sandboxId: row.record.sandboxId, workspace: row.record.workspace }));
  }

  async expiredRuns(limit: number): Promise<readonly RunRecord[]> {
    const now = this.clock.now();
    const expired = [...this.runs.values()]
      .filter((row) => !isEnded(row.record.status) && (row.holder === null || row.leaseUntil <= now))
      .sort((a, b) => a.opened - b.opened)
      .slice(0, limit);
    for (const row of expired) {
      if (row.record.status === 'interrupted') continue;
      row.record = { ...row.record, status: 'interrupted', waitingFor: null };
      this.emit([runEvent(row.record)]);
    }
    return copy(expired.map((row) => row.record));
  }

  async claimDueEffects(limit: number, leaseMs: number): Promise<readonly EffectRecord[]> {
    const now = this.clock.now();
    const due = [...this.effects.values()]
      .filter(({ record, claimedUntil }) => {
        const waits = record.state === 'owed' || record.state === 'released';
        return waits && record.nextRetryAt !== null && record.nextRetryAt <= now && claimedUntil <= now && !this.hasActiveRun(record.sandboxId);
      })
      .sort((a, b) => (a.record.nextRetryAt ?? 0) - (b.record.nextRetryAt ?? 0) || b.record.seq - a.record.seq)
      .slice(0, limit);
    for (const row of due) row.claimedUntil = now + leaseMs;
    return copy(due.map((row) => row.record));
  }

  async settleEffect(effect: EffectRecord, expected: EffectState): Promise<boolean> {
    const row = this.effects.get(effect.id);
    if (row === undefined || row.record.state !== expected || this.hasActiveRun(row.record.sandboxId)) return false;
    const next = copy({ ...effect, createdAt: row.record.createdAt });
    this.refuseTakenIdentity(next, new Map());
    this.effects.set(effect.id, { record: next, claimedUntil: 0 });
    const workspace = this.sandboxes.get(effect.sandboxId)?.workspace ?? null;
    this.emit(eventsOf([{ type: 'effect', effect: next }], { runId: effect.runId, sandboxId: effect.sandboxId, workspace }));
    return true;
  }

  async prune(before: { readonly traces: number; readonly events: number }): Promise<number> {
    let removed = 0;
    const drop = (has: boolean) => {
      if (has) removed += 1;
    };
    const dropRun = (id: string) => {
      for (const attempt of [...this.attempts.values()]) if (attempt.runId === id) drop(this.attempts.delete(attempt.id));
      drop(this.runs.delete(id));
      removed += this.revisions.get(id)?.length ?? 0;
      this.revisions.delete(id);
    };
    for (const sandbox of [...this.sandboxes.values()]) {
      const gone = sandbox.state === 'deleted' || sandbox.hidden;
      const pending = this.effectsOf(sandbox.id).some((effect) => isOpenEffect(effect) || effect.nextRetryAt !== null);
      const old = (sandbox.deletedAt ?? sandbox.createdAt) < before.traces;
      if (!gone || pending || !old || this.hasActiveRun(sandbox.id)) continue;
      for (const run of this.runsOf(sandbox.id)) dropRun(run.record.id);
      for (const effect of this.effectsOf(sandbox.id)) drop(this.effects.delete(effect.id));
      for (const place of [...this.states.keys()]) if ((JSON.parse(place) as string[])[0] === sandbox.id) drop(this.states.delete(place));
      drop(this.sandboxes.delete(sandbox.id));
    }
    for (const { record: run } of [...this.runs.values()]) {
      if (run.endedAt === null || run.endedAt >= before.traces) continue;
      if (this.isNeeded(run)) for (const attempt of [...this.attempts.values()]) drop(attempt.runId === run.id && this.attempts.delete(attempt.id));
      else dropRun(run.id);
    }
    for (const [place, row] of [...this.idempotency]) drop(row.begunAt < before.events && this.idempotency.delete(place));
    for (const session of [...this.sessions.values()]) drop(session.expiresAt < before.events && this.sessions.delete(session.hash));
    const old = this.events.filter((event) => event.at < before.events);
    this.prunedEvent = Math.max(this.prunedEvent, Number(old.at(-1)?.id ?? 0));
    this.events = this.events.filter((event) => event.at >= before.events);
    return removed + old.length;
  }

  async ready(): Promise<void> {}

  async installationId(): Promise<string> {
    return this.installation;
  }

  async close(): Promise<void> {}

  /** A sandbox not deleted keeps its create, its last run, and every run that an effect of it names. */
  private isNeeded(run: RunRecord): boolean {
    if (run.sandboxId === null) return false;
    const last = this.runsOf(run.sandboxId)[0]?.record.id;
    return run.operation === 'create' || run.id === last || [...this.effects.values()].some(({ record }) => record.runId === run.id);
  }

  private insertRun(run: RunRecord, holder: string, leaseMs: number): RunRow {
    const now = this.clock.now();
    const record = copy({ ...run, startedAt: now, attemptCount: 0 });
    const row: RunRow = { record, holder, token: 1, leaseUntil: now + leaseMs, opened: this.nextOpened() };
    this.runs.set(run.id, row);
    return row;
  }

  private joinRun(id: string, force: boolean): RunRecord {
    const row = this.runs.get(id);
    if (row === undefined) throw new TenonError('internal', `There is no run ${id} to answer with.`);
    if (force && !row.record.force) {
      row.record = { ...row.record, force: true };
      this.emit([runEvent(row.record)]);
    }
    return copy(row.record);
  }

  private held(lease: RunLease): RunRow {
    const row = this.runs.get(lease.runId);
    if (row === undefined || row.holder !== lease.holder || row.token !== lease.token) throw new RunLost(lease.runId);
    return row;
  }

  private stage(start: RunRecord, entries: readonly JournalEntry[]) {
    const now = this.clock.now();
    let run = start;
    let sandbox = start.sandboxId === null ? null : (this.sandboxes.get(start.sandboxId) ?? null);
    let revisions: StoredRevision[] | null = null;
    const attempts = new Map<string, AttemptRecord>();
    const effects = new Map<string, EffectRecord>();
    for (const entry of entries) {
      switch (entry.type) {
        case 'step':
          run = { ...run, steps: withStep(run.steps, entry.step) };
          break;
        case 'attempt':
          if (!attempts.has(entry.attempt.id) && !this.attempts.has(entry.attempt.id)) run = { ...run, attemptCount: run.attemptCount + 1 };
          attempts.set(entry.attempt.id, { ...entry.attempt, runId: run.id });
          break;
        case 'revision':
          revisions = [...(revisions ?? this.revisions.get(run.id) ?? []).filter(({ number }) => number !== entry.revision.number), entry.revision];
          break;
        case 'effect': {
          if (entry.effect.sandboxId !== run.sandboxId) throw foreign(run.id, entry.effect.sandboxId);
          this.refuseTakenIdentity(entry.effect, effects);
          const createdAt = effects.get(entry.effect.id)?.createdAt ?? this.effects.get(entry.effect.id)?.record.createdAt ?? now;
          effects.set(entry.effect.id, { ...entry.effect, createdAt });
          break;
        }
        case 'sandbox':
          if (sandbox === null || entry.sandboxId !== sandbox.id) throw foreign(run.id, entry.sandboxId);
          sandbox = { ...sandbox, ...entry.change };
          if (sandbox.state === 'deleted' && sandbox.deletedAt === null) sandbox = { ...sandbox, deletedAt: now };
          this.refuseTakenName(sandbox);
          break;
        case 'run':
          run = { ...run, ...entry.change };
          run = isEnded(run.status) ? { ...run, endedAt: start.endedAt ?? now, waitingFor: null } : { ...run, endedAt: null };
          break;
        case 'extension_state':
          if (entry.sandboxId !== run.sandboxId) throw foreign(run.id, entry.sandboxId);
          break;
      }
    }
    return { run, sandbox, revisions, attempts, effects };
  }

  private refuseTakenRun(run: RunRecord): void {
    if (this.runs.has(run.id)) throw new TenonError('internal', `A run with the id ${run.id} exists already.`, { runId: run.id });
  }

  private refuseTakenName(sandbox: SandboxRecord): void {
    if (freesName(sandbox)) return;
    const taken = [...this.sandboxes.values()].find(
      (other) => other.id !== sandbox.id && other.workspace === sandbox.workspace && other.name === sandbox.name && !freesName(other),
    );
    if (taken === undefined) return;
    throw new TenonError('sandbox_exists', `The workspace "${sandbox.workspace}" has a sandbox named "${sandbox.name}" already (${taken.state}).`, {
      sandboxId: taken.id,
      hint: 'Choose another name, or delete that sandbox first.',
    });
  }

  /** At most one row not released per (sandbox, extension, kind, key). */
  private refuseTakenIdentity(effect: EffectRecord, staged: ReadonlyMap<string, EffectRecord>): void {
    if (!isOpenEffect(effect)) return;
    const others = [...staged.values(), ...this.effectsOf(effect.sandboxId).filter(({ id }) => !staged.has(id))];
    const taken = others.find(
      (other) =>
        other.id !== effect.id &&
        isOpenEffect(other) &&
        other.sandboxId === effect.sandboxId &&
        other.extension === effect.extension &&
        other.kind === effect.kind &&
        other.key === effect.key,
    );
    if (taken === undefined) return;
    throw new TenonError(
      'internal',
      `The effect ${effect.kind} "${effect.key}" of ${effect.extension ?? 'the driver'} stands already as ${taken.id} (${taken.state}).`,
      {
        sandboxId: effect.sandboxId,
      },
    );
  }
}

function leaseOf(row: RunRow): RunLease {
  return { runId: row.record.id, holder: row.holder ?? '', token: row.token };
}

/** One row a step: its intent, then what became of it, at the place where it began. */
function withStep(steps: readonly StepRecord[], step: StepRecord): StepRecord[] {
  return steps.some(({ name }) => name === step.name) ? steps.map((known) => (known.name === step.name ? step : known)) : [...steps, step];
}

function freesName(sandbox: SandboxRecord): boolean {
  return sandbox.state === 'deleted' || sandbox.state === 'failed';
}

function foreign(runId: string, sandboxId: string): TenonError {
  return new TenonError('internal', `Run ${runId} wrote an entry of another sandbox, ${sandboxId}.`, { runId });
}
