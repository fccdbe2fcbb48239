import { describe, expect, it } from 'vitest';
import type { EffectRecord } from '../src/records.ts';
import { ALL, attempt, created, effect, extension, LEASE_MS, openCreate, pause, revision, run, type StoreBench, sandbox } from './store-builders.ts';

type Bench = () => StoreBench;

export function effectConformance(bench: Bench): void {
  describe('effects', () => {
    it('have at most one row not released of an identity', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      const first = effect(create, 1, { key: 'a' });
      await store.commit(lease, [{ type: 'effect', effect: first }]);
      for (const state of ['intended', 'applied', 'owed'] as const) {
        await store.commit(lease, [{ type: 'effect', effect: { ...first, state } }]);
        await expect(store.commit(lease, [{ type: 'effect', effect: effect(create, 2, { key: 'a' }) }])).rejects.toMatchObject({ code: 'internal' });
      }
      // Another key, kind or extension is another identity; so is the driver's own.
      await store.commit(lease, [
        { type: 'effect', effect: effect(create, 3, { key: 'b' }) },
        { type: 'effect', effect: effect(create, 4, { key: 'a', kind: 'other' }) },
        { type: 'effect', effect: effect(create, 5, { key: 'a', extension: 'second' }) },
        { type: 'effect', effect: effect(create, 6, { key: 'a', extension: null }) },
      ]);
      await expect(store.commit(lease, [{ type: 'effect', effect: effect(create, 7, { key: 'a', extension: null }) }])).rejects.toMatchObject({
        code: 'internal',
      });
      // The old row closed and the new one opened in one commit, in that order.
      await store.commit(lease, [
        { type: 'effect', effect: { ...first, state: 'released', releasedAt: 5 } },
        { type: 'effect', effect: effect(create, 8, { key: 'a' }) },
      ]);
      expect((await store.effectsOfRun(create.id)).map((each) => each.seq)).toEqual([1, 3, 4, 5, 6, 8]);
      expect((await store.effectsOfSandbox(create.sandboxId ?? '', ['released'])).map((each) => each.id)).toEqual([first.id]);
    });

    it('are replaced whole by id, within one commit too', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      const row = effect(create, 1);
      await store.commit(lease, [
        { type: 'effect', effect: row },
        { type: 'effect', effect: { ...row, state: 'applied', handle: [1] } },
      ]);
      const saved = await store.getEffect(row.id);
      expect(saved).toMatchObject({ state: 'applied', handle: [1] });
      await store.commit(lease, [{ type: 'effect', effect: { ...row, state: 'released', handle: null, releasedAt: 7 } }]);
      expect(await store.getEffect(row.id)).toMatchObject({ state: 'released', handle: null, releasedAt: 7, createdAt: saved?.createdAt });
    });
  });

  describe('debt', () => {
    const owed = (at: number | null): Partial<EffectRecord> => ({
      state: 'owed',
      nextRetryAt: at,
      due: 'rollback',
      lastError: { code: 'hook_failed', message: 'no' },
    });

    it('is claimed when due, by one worker, for the length of its lease', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      const now = await store.now();
      const due = effect(create, 1, owed(now - 2000));
      const fence = effect(create, 2, { state: 'released', nextRetryAt: now - 1000, releasedAt: now - 5000 });
      const later = effect(create, 3, owed(now + 60_000));
      const unscheduled = effect(create, 4, owed(null));
      const applied = effect(create, 5, { state: 'applied' });
      await store.commit(
        lease,
        [due, fence, later, unscheduled, applied].map((each) => ({ type: 'effect' as const, effect: each })),
      );
      // While a run of the sandbox is active nothing of it is due.
      expect(await store.claimDueEffects(10, 60)).toEqual([]);
      await store.commit(lease, [{ type: 'run', change: { status: 'failed_with_debt' } }]);
      const claims = await Promise.all(Array.from({ length: 4 }, () => store.claimDueEffects(10, LEASE_MS)));
      expect(
        claims
          .flat()
          .map((each) => each.id)
          .sort(),
      ).toEqual([due.id, fence.id].sort());
      expect(await store.claimDueEffects(10, LEASE_MS)).toEqual([]);
    });

    it('is claimed again when its worker did not settle it in time', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      const now = await store.now();
      const [older, newer] = [effect(create, 1, owed(now - 2000)), effect(create, 2, owed(now - 1000))];
      await store.commit(lease, [
        { type: 'effect', effect: older },
        { type: 'effect', effect: newer },
        { type: 'run', change: { status: 'failed_with_debt' } },
      ]);
      expect(await store.claimDueEffects(10, 1)).toHaveLength(2);
      await pause(30);
      expect((await store.claimDueEffects(10, LEASE_MS)).map((each) => each.id)).toEqual([older.id, newer.id]);
    });

    it('is settled only where it stands as expected and no run holds the sandbox', async () => {
      const { store } = bench();
      const { run: create, lease, sandbox: box } = await openCreate(store);
      const row = effect(create, 1, owed((await store.now()) - 1));
      await store.commit(lease, [{ type: 'effect', effect: row }]);
      expect(await store.settleEffect({ ...row, state: 'released' }, 'owed')).toBe(false);
      await store.commit(lease, [
        { type: 'sandbox', sandboxId: box.id, change: { state: 'failed' } },
        { type: 'run', change: { status: 'failed_with_debt' } },
      ]);
      expect(await store.settleEffect({ ...row, state: 'released' }, 'applied')).toBe(false);
      expect(await store.settleEffect({ ...row, attempts: 1, nextRetryAt: (await store.now()) - 1 }, 'owed')).toBe(true);
      expect((await store.claimDueEffects(10, 50)).map((each) => each.attempts)).toEqual([1]);
      expect(await store.settleEffect({ ...row, state: 'released', nextRetryAt: null, releasedAt: 9 }, 'owed')).toBe(true);
      expect(await store.settleEffect({ ...row, state: 'waived' }, 'owed')).toBe(false);
      expect(await store.getEffect(row.id)).toMatchObject({ state: 'released', releasedAt: 9 });
      expect(await store.settleEffect(effect(create, 9), 'owed')).toBe(false);
    });
  });

  describe('what stands where', () => {
    it('counts, summarises and finds sandboxes', async () => {
      const { store } = bench();
      const now = await store.now();
      const one = await created(store, { driver: 'one' });
      await created(store, { driver: 'one', state: 'stopped', record: { ...sandbox().record, extensions: [] } });
      await created(store, { driver: 'one', state: 'deleted' });
      const busy = await openCreate(store, { driver: 'one' });
      await store.commit(busy.lease, [{ type: 'effect', effect: effect(busy.run, 1, { state: 'owed', nextRetryAt: now }) }]);
      expect(await store.countSandboxes('one')).toBe(3);
      expect(await store.countSandboxes('none')).toBe(0);
      expect((await store.idleSandboxes('one', ['ready', 'creating'], 10)).map((each) => each.id)).toEqual([one.sandbox.id]);
      const summaries = await store.sandboxSummaries([one.sandbox.id, busy.sandbox.id]);
      expect(summaries.get(one.sandbox.id)).toMatchObject({ owed: 0, lastRun: { id: one.run.id } });
      expect(summaries.get(busy.sandbox.id)).toMatchObject({ owed: 1, lastRun: { id: busy.run.id } });
      const holding = await store.sandboxesHolding('network', 1);
      expect(holding.total).toBe(2);
      expect(holding.items).toHaveLength(1);
      await store.addExtension(extension('network'), () => undefined);
      expect(await store.extensionUses('network')).toEqual({ activations: 0, owed: 1, sandboxes: 2 });
    });

    it('answers the newest create and preview requests in scope', async () => {
      const { store } = bench();
      const first = await created(store, { workspace: 'team-a' });
      const dry = run(null, { workspace: 'team-a' });
      const lease = await store.openPreview(dry, 'holder', LEASE_MS);
      await store.commit(lease, [
        { type: 'run', change: { status: 'succeeded', preview: { request: first.sandbox.request, record: first.sandbox.record, pending: [] } } },
      ]);
      await created(store, { workspace: 'team-b', driver: 'other' });
      await store.openRun(run(first.sandbox, { operation: 'stop' }), 'holder', LEASE_MS, () => ({ open: 'now' }));
      const inScope = await store.recentRequests({ drivers: null, workspaces: ['team-a'] }, 10);
      expect(inScope.map((each) => [each.runId, each.sandboxId])).toEqual([
        [dry.id, null],
        [first.run.id, first.sandbox.id],
      ]);
      expect(inScope[1]).toMatchObject({ request: first.sandbox.request, record: first.sandbox.record });
      expect(await store.recentRequests({ drivers: ['other'], workspaces: null }, 10)).toHaveLength(1);
      expect(await store.recentRequests({ drivers: null, workspaces: null }, 2)).toHaveLength(2);
    });
  });

  describe('pruning', () => {
    it('keeps what a sandbox not deleted needs, all debt and the audit; the rest goes', async () => {
      const { store } = bench();
      const alive = await openCreate(store);
      await store.commit(alive.lease, [
        { type: 'attempt', attempt: attempt(alive.run, 1) },
        { type: 'revision', revision: revision(alive.run, 0) },
        { type: 'effect', effect: effect(alive.run, 1, { state: 'applied' }) },
        { type: 'sandbox', sandboxId: alive.sandbox.id, change: { state: 'stopped' } },
        { type: 'run', change: { status: 'succeeded' } },
      ]);
      const middle = run(alive.sandbox, { operation: 'start' });
      const opened = await store.openRun(middle, 'holder', LEASE_MS, () => ({ open: 'now' }));
      if (opened.lease === null) throw new Error('no lease');
      await store.commit(opened.lease, [{ type: 'run', change: { status: 'succeeded' } }]);
      const last = await store.openRun(run(alive.sandbox, { operation: 'stop' }), 'holder', LEASE_MS, () => ({ open: 'now' }));
      if (last.lease === null) throw new Error('no lease');
      await store.commit(last.lease, [{ type: 'run', change: { status: 'succeeded' } }]);
      const gone = await created(store, { state: 'deleted' });
      const box = sandbox();
      const indebted = { sandbox: box, run: run(box) };
      const lease = await store.openCreate(box, indebted.run, 'holder', LEASE_MS);
      await store.commit(lease, [
        { type: 'effect', effect: effect(indebted.run, 1, { state: 'owed', nextRetryAt: 5 }) },
        { type: 'sandbox', sandboxId: box.id, change: { state: 'deleted' } },
        { type: 'run', change: { status: 'failed_with_debt' } },
      ]);
      const dry = run(null);
      await store.commit(await store.openPreview(dry, 'holder', LEASE_MS), [{ type: 'run', change: { status: 'succeeded' } }]);
      const running = await openCreate(store);
      await store.addAudit({
        actor: 'a',
        action: 'x',
        object: { kind: 'k', name: 'n' },
        outcome: 'done',
        reason: null,
        before: null,
        after: null,
        requestId: 'r',
        runIds: [],
        workspace: null,
      });

      expect(await store.prune({ traces: 5, events: 5 })).toBe(0);
      await pause(15);
      const now = await store.now();
      expect(await store.prune({ traces: now, events: now })).toBeGreaterThan(5);
      expect(await store.getSandbox(gone.sandbox.id)).toBeNull();
      expect(await store.getRun(gone.run.id)).toBeNull();
      expect(await store.getRun(dry.id)).toBeNull();
      expect(await store.getRun(middle.id)).toBeNull();
      expect(await store.getRun(alive.run.id)).not.toBeNull();
      expect(await store.getRun(last.run.id)).not.toBeNull();
      expect(await store.getRun(running.run.id)).not.toBeNull();
      expect((await store.listAttempts(alive.run.id, { limit: 10 })).items).toEqual([]);
      expect(await store.revisionsOfSandbox(alive.sandbox.id)).toHaveLength(1);
      expect(await store.effectsOfSandbox(alive.sandbox.id)).toHaveLength(1);
      expect(await store.effectsOfSandbox(box.id, ['owed'])).toHaveLength(1);
      expect(await store.getSandbox(box.id)).not.toBeNull();
      expect((await store.listAudit(ALL, { limit: 10 })).items).toHaveLength(1);
      expect(await store.prune({ traces: now, events: now })).toBe(0);
    });
  });
}
