import type { EffectState, SandboxState } from '@tenon/vocabulary';
import type { JsonObject } from '../src/json.ts';
import type { EffectFilter, JournalStore, Page, Paged, RunFilter, SandboxFilter } from '../src/ports/store.ts';
import type { AttemptRecord, EffectRecord, RunRecord, SandboxRecord, StoredRevision } from '../src/records.ts';
import { MemoryRegistry } from './memory-registry.ts';
import { copy, isEnded, isVisible, isWithin, newestFirst, oldestFirst } from './memory-tables.ts';

/** What the memory store's journal answers without writing. */
export class MemoryReads extends MemoryRegistry {
  async now(): Promise<number> {
    return this.clock.now();
  }

  async getSandbox(id: string): Promise<SandboxRecord | null> {
    return copy(this.sandboxes.get(id) ?? null);
  }

  async listSandboxes(filter: SandboxFilter, page: Page): Promise<Paged<SandboxRecord>> {
    const rows = [...this.sandboxes.values()].filter(
      (row) =>
        isVisible(filter.visible, row.workspace) &&
        isListed(row, filter.state) &&
        (filter.driver === undefined || row.driver === filter.driver) &&
        (filter.workspace === undefined || row.workspace === filter.workspace) &&
        (filter.name === undefined || row.name === filter.name) &&
        (filter.extension === undefined || row.record.extensions.some((active) => active.name === filter.extension)) &&
        isWithin(row.createdAt, filter.from, filter.to),
    );
    return newestFirst('sandboxes', rows, (row) => ({ at: row.createdAt, id: row.id }), page);
  }

  async idleSandboxes(driver: string, states: readonly SandboxState[], limit: number): Promise<readonly SandboxRecord[]> {
    const idle = [...this.sandboxes.values()].filter(
      (row) => row.driver === driver && !row.hidden && states.includes(row.state) && this.activeRow(row.id) === null,
    );
    return copy(idle.sort((a, b) => a.createdAt - b.createdAt).slice(0, limit));
  }

  async activeRun(sandboxId: string): Promise<RunRecord | null> {
    return copy(this.activeRow(sandboxId)?.record ?? null);
  }

  async lastRun(sandboxId: string): Promise<RunRecord | null> {
    return copy(this.runsOf(sandboxId)[0]?.record ?? null);
  }

  async sandboxSummaries(ids: readonly string[]): ReturnType<JournalStore['sandboxSummaries']> {
    const summaries = new Map<string, { lastRun: RunRecord | null; owed: number }>();
    for (const id of ids) {
      const owed = this.effectsOf(id).filter((effect) => effect.state === 'owed').length;
      summaries.set(id, { lastRun: copy(this.runsOf(id)[0]?.record ?? null), owed });
    }
    return summaries;
  }

  async countSandboxes(driver: string): Promise<number> {
    return [...this.sandboxes.values()].filter((row) => row.driver === driver && row.state !== 'deleted' && row.state !== 'failed').length;
  }

  async recentRequests(scope: Parameters<JournalStore['recentRequests']>[0], limit: number): ReturnType<JournalStore['recentRequests']> {
    const rows = [...this.runs.values()].sort((a, b) => b.opened - a.opened);
    const found: Awaited<ReturnType<JournalStore['recentRequests']>>[number][] = [];
    for (const { record: run } of rows) {
      if (found.length >= limit) break;
      if (scope.drivers !== null && !scope.drivers.includes(run.driver)) continue;
      if (scope.workspaces !== null && !scope.workspaces.includes(run.workspace)) continue;
      const sandbox = run.operation === 'create' && run.sandboxId !== null ? this.sandboxes.get(run.sandboxId) : undefined;
      const source = sandbox ?? (run.operation === 'preview' ? run.preview : null);
      if (source) found.push(copy({ request: source.request, record: source.record, runId: run.id, sandboxId: run.sandboxId, at: run.startedAt }));
    }
    return found;
  }

  async sandboxesHolding(extension: string, limit: number): Promise<{ readonly total: number; readonly items: readonly SandboxRecord[] }> {
    const rows = [...this.sandboxes.values()].filter(
      (row) => row.state !== 'deleted' && !row.hidden && row.record.extensions.some((active) => active.name === extension),
    );
    const items = rows.sort((a, b) => b.createdAt - a.createdAt).slice(0, limit);
    return { total: rows.length, items: copy(items) };
  }

  async getRun(id: string): Promise<RunRecord | null> {
    return copy(this.runs.get(id)?.record ?? null);
  }

  async listRuns(filter: RunFilter, page: Page): Promise<Paged<RunRecord>> {
    const { status, operation, phase, extension } = filter;
    const byAttempt = phase === undefined && extension === undefined ? null : new Set<string>();
    if (byAttempt !== null) {
      for (const attempt of this.attempts.values()) {
        if ((phase === undefined || attempt.phase === phase) && (extension === undefined || attempt.extension === extension)) byAttempt.add(attempt.runId);
      }
    }
    const rows = [...this.runs.values()]
      .map((row) => row.record)
      .filter(
        (run) =>
          isVisible(filter.visible, run.workspace) &&
          (status === undefined || status.includes(run.status)) &&
          (operation === undefined || operation.includes(run.operation)) &&
          (filter.sandboxId === undefined || run.sandboxId === filter.sandboxId) &&
          (filter.driver === undefined || run.driver === filter.driver) &&
          (filter.workspace === undefined || run.workspace === filter.workspace) &&
          (filter.code === undefined || run.firstError?.code === filter.code) &&
          (byAttempt === null || byAttempt.has(run.id)) &&
          isWithin(run.startedAt, filter.from, filter.to),
      );
    return newestFirst('runs', rows, (run) => ({ at: run.startedAt, id: run.id }), page);
  }

  async listAttempts(runId: string, page: Page): Promise<Paged<AttemptRecord>> {
    const rows = [...this.attempts.values()].filter((attempt) => attempt.runId === runId);
    return oldestFirst('attempts', rows, (attempt) => ({ at: attempt.seq, id: attempt.id }), page);
  }

  async getAttempt(id: string): Promise<AttemptRecord | null> {
    return copy(this.attempts.get(id) ?? null);
  }

  async enteredExtensions(runId: string): Promise<ReadonlySet<string>> {
    const entered = new Set<string>();
    for (const attempt of this.attempts.values()) {
      if (attempt.runId === runId && attempt.kind === 'hook' && attempt.outcome !== 'skipped' && attempt.extension !== null) entered.add(attempt.extension);
    }
    // A hook that was cut off left no attempt, but what it was about to make: it was entered too.
    for (const { record } of this.effects.values()) if (record.runId === runId && record.extension !== null) entered.add(record.extension);
    return entered;
  }

  async revisionsOfRun(runId: string): Promise<readonly StoredRevision[]> {
    return copy([...(this.revisions.get(runId) ?? [])].sort((a, b) => a.number - b.number));
  }

  async revisionsOfSandbox(sandboxId: string): Promise<readonly StoredRevision[]> {
    const runs = this.runsOf(sandboxId).reverse();
    const ordered = [...runs.filter(({ record }) => record.operation === 'create'), ...runs.filter(({ record }) => record.operation !== 'create')];
    return copy(ordered.flatMap(({ record }) => [...(this.revisions.get(record.id) ?? [])].sort((a, b) => a.number - b.number)));
  }

  async getEffect(id: string): Promise<EffectRecord | null> {
    return copy(this.effects.get(id)?.record ?? null);
  }

  async listEffects(filter: EffectFilter, page: Page): Promise<Paged<EffectRecord>> {
    const rows = [...this.effects.values()]
      .map((row) => row.record)
      .filter((effect) => {
        const sandbox = this.sandboxes.get(effect.sandboxId);
        return (
          sandbox !== undefined &&
          isVisible(filter.visible, sandbox.workspace) &&
          (filter.state === undefined || filter.state.includes(effect.state)) &&
          (filter.sandboxId === undefined || effect.sandboxId === filter.sandboxId) &&
          (filter.runId === undefined || effect.runId === filter.runId) &&
          (filter.extension === undefined || effect.extension === filter.extension) &&
          (filter.driver === undefined || sandbox.driver === filter.driver) &&
          (filter.workspace === undefined || sandbox.workspace === filter.workspace) &&
          (filter.phase === undefined || effect.phase === filter.phase) &&
          (filter.code === undefined || effect.lastError?.code === filter.code) &&
          isWithin(effect.createdAt, filter.from, filter.to)
        );
      });
    return newestFirst('effects', rows, (effect) => ({ at: effect.createdAt, id: effect.id }), page);
  }

  async effectsOfSandbox(sandboxId: string, states?: readonly EffectState[]): Promise<readonly EffectRecord[]> {
    return copy(
      this.effectsOf(sandboxId)
        .filter((effect) => states === undefined || states.includes(effect.state))
        .sort(bySeq),
    );
  }

  async effectsOfRun(runId: string): Promise<readonly EffectRecord[]> {
    return copy(
      [...this.effects.values()]
        .map((row) => row.record)
        .filter((effect) => effect.runId === runId)
        .sort(bySeq),
    );
  }

  async extensionState(sandboxId: string, extension: string): Promise<JsonObject | null> {
    return copy(this.states.get(JSON.stringify([sandboxId, extension])) ?? null);
  }

  protected effectsOf(sandboxId: string): EffectRecord[] {
    return [...this.effects.values()].map((row) => row.record).filter((effect) => effect.sandboxId === sandboxId);
  }

  protected hasActiveRun(sandboxId: string): boolean {
    return [...this.runs.values()].some(({ record }) => record.sandboxId === sandboxId && !isEnded(record.status));
  }
}

function bySeq(a: EffectRecord, b: EffectRecord): number {
  return a.seq - b.seq || (a.id < b.id ? -1 : 1);
}

/** Deleted and hidden ones are listed only where `deleted` is asked for. */
function isListed(row: SandboxRecord, states: readonly SandboxState[] | undefined): boolean {
  if (row.hidden || row.state === 'deleted') return states?.includes('deleted') ?? false;
  return states === undefined || states.includes(row.state);
}
