import { describe, expect, it } from 'vitest';
import type { Page, Paged } from '../src/ports/store.ts';
import type { AuditRecord } from '../src/records.ts';
import { ALL, allPages, attempt, created, effect, LEASE_MS, openCreate, pause, run, type StoreBench, sandbox, token } from './store-builders.ts';

type Bench = () => StoreBench;

export function listConformance(bench: Bench): void {
  const audit = (name: string, change: Partial<AuditRecord> = {}): Omit<AuditRecord, 'id' | 'at'> => ({
    actor: 'alice',
    action: 'create',
    object: { kind: 'sandbox', name },
    outcome: 'done',
    reason: null,
    before: null,
    after: { a: 1 },
    requestId: 'r',
    runIds: [],
    workspace: 'default',
    ...change,
  });

  describe('paging', () => {
    const ROWS = 57;
    const lists: Record<string, (page: Page) => Promise<Paged<{ readonly id: string }>>> = {
      sandboxes: (page) => bench().store.listSandboxes(ALL, page),
      runs: (page) => bench().store.listRuns(ALL, page),
      effects: (page) => bench().store.listEffects(ALL, page),
      audit: (page) => bench().store.listAudit(ALL, page),
      tokens: (page) => bench().store.listTokens(page),
    };

    it('loses and doubles no row where many bear one millisecond', async () => {
      const { store, sameTime } = bench();
      await sameTime(async () => {
        for (let i = 0; i < ROWS; i += 1) {
          const { lease, run: create } = await openCreate(store);
          await store.commit(lease, [{ type: 'effect', effect: effect(create, i) }]);
          await store.addAudit(audit(`n${i}`));
          await store.addToken(token());
        }
      });
      for (const [name, list] of Object.entries(lists)) {
        for (const limit of [1, 7, 19, 200]) {
          const ids = (await allPages(list, limit)).map((row) => row.id);
          expect([name, limit, ids.length, new Set(ids).size]).toEqual([name, limit, ROWS, ROWS]);
        }
      }
    });

    it('goes from the newest to the oldest, and is not disturbed by rows that come meanwhile', async () => {
      const { store } = bench();
      const order: string[] = [];
      for (let i = 0; i < 6; i += 1) {
        order.unshift((await openCreate(store)).sandbox.id);
        await pause(3);
      }
      const first = await store.listSandboxes(ALL, { limit: 2 });
      expect(first.items.map((row) => row.id)).toEqual(order.slice(0, 2));
      await openCreate(store);
      const rest = await store.listSandboxes(ALL, { limit: 10, cursor: first.next ?? '' });
      expect(rest.items.map((row) => row.id)).toEqual(order.slice(2));
      expect(rest.next).toBeNull();
    });

    it('gives the attempts of a run in the order in which they began', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      const many = Array.from({ length: 23 }, (_, i) => attempt(create, i + 1));
      await store.commit(
        lease,
        [...many].reverse().map((each) => ({ type: 'attempt' as const, attempt: each })),
      );
      const ids = (await allPages((page) => store.listAttempts(create.id, page), 5)).map((each) => each.id);
      expect(ids).toEqual(many.map((each) => each.id));
    });

    it('refuses cursors that it did not give out', async () => {
      const { store } = bench();
      for (let i = 0; i < 3; i += 1) await openCreate(store);
      const foreign = (await store.listSandboxes(ALL, { limit: 1 })).next ?? '';
      const bad = ['', 'x', '!!', 'bnVsbA', Buffer.from('["runs",1]').toString('base64url'), Buffer.from('["runs","a","b"]').toString('base64url'), foreign];
      for (const cursor of bad) {
        await expect(store.listRuns(ALL, { limit: 1, cursor })).rejects.toMatchObject({ code: 'invalid_cursor' });
      }
      const odd = Buffer.from(JSON.stringify(['runs', 1, 'a\0b'])).toString('base64url');
      await expect(store.listRuns(ALL, { limit: 1, cursor: odd })).rejects.toMatchObject({ code: 'invalid_cursor' });
    });
  });

  describe('filters', () => {
    it('of sandboxes, one by one', async () => {
      const { store } = bench();
      const a = (await created(store, { name: 'a', workspace: 'team-a', driver: 'one' })).sandbox;
      await pause(5);
      const middle = await store.now();
      await pause(5);
      const b = (await created(store, { name: 'b', workspace: 'team-b', driver: 'two', state: 'stopped', record: { ...sandbox().record, extensions: [] } }))
        .sandbox;
      const gone = (await created(store, { name: 'gone', workspace: 'team-b', state: 'deleted' })).sandbox;
      const failed = await created(store, { name: 'failed', workspace: 'team-b', driver: 'two', state: 'failed' });
      const hidden = await openCreate(store, { name: 'hidden', workspace: 'team-a' });
      await store.commit(hidden.lease, [
        { type: 'sandbox', sandboxId: hidden.sandbox.id, change: { state: 'failed', hidden: true } },
        { type: 'run', change: { status: 'failed' } },
      ]);
      const names = async (filter: Parameters<typeof store.listSandboxes>[0]) =>
        (await store.listSandboxes(filter, { limit: 50 })).items.map((row) => row.name).sort();
      expect(await names(ALL)).toEqual(['a', 'b', 'failed']);
      expect(await names({ ...ALL, state: ['ready'] })).toEqual(['a']);
      expect(await names({ ...ALL, state: ['ready', 'failed'] })).toEqual(['a', 'failed']);
      expect(await names({ ...ALL, state: ['deleted'] })).toEqual(['gone', 'hidden']);
      expect(await names({ ...ALL, driver: 'two' })).toEqual(['b', 'failed']);
      expect(await names({ ...ALL, workspace: 'team-a' })).toEqual(['a']);
      expect(await names({ ...ALL, name: 'b' })).toEqual(['b']);
      expect(await names({ ...ALL, extension: 'network' })).toEqual(['a', 'failed']);
      expect(await names({ ...ALL, from: middle })).toEqual(['b', 'failed']);
      expect(await names({ ...ALL, to: middle })).toEqual(['a']);
      expect(await names({ visible: ['team-a'] })).toEqual(['a']);
      expect(await names({ visible: [] })).toEqual([]);
      expect(await names({ visible: ['team-a'], workspace: 'team-b' })).toEqual([]);
      expect([a, b, gone, failed].length).toBe(4);
    });

    it('of runs, one by one', async () => {
      const { store } = bench();
      const one = await openCreate(store, { workspace: 'team-a', driver: 'one' });
      await store.commit(one.lease, [
        { type: 'attempt', attempt: attempt(one.run, 1, { extension: 'quota', phase: 'validate_request' }) },
        { type: 'attempt', attempt: attempt(one.run, 2, { extension: 'network', phase: 'before_create' }) },
        { type: 'run', change: { status: 'failed', firstError: { code: 'hook_denied', message: 'no', extension: 'quota', phase: null, attemptId: null } } },
      ]);
      await pause(5);
      const middle = await store.now();
      await pause(5);
      const two = await created(store, { workspace: 'team-b', driver: 'two' });
      const stop = run(two.sandbox, { operation: 'stop' });
      await store.openRun(stop, 'holder', LEASE_MS, () => ({ open: 'now' }));
      const ids = async (filter: Parameters<typeof store.listRuns>[0]) => new Set((await store.listRuns(filter, { limit: 50 })).items.map((row) => row.id));
      expect(await ids(ALL)).toEqual(new Set([one.run.id, two.run.id, stop.id]));
      expect(await ids({ ...ALL, status: ['failed'] })).toEqual(new Set([one.run.id]));
      expect(await ids({ ...ALL, status: ['failed', 'running'] })).toEqual(new Set([one.run.id, stop.id]));
      expect(await ids({ ...ALL, operation: ['stop'] })).toEqual(new Set([stop.id]));
      expect(await ids({ ...ALL, sandboxId: two.sandbox.id })).toEqual(new Set([two.run.id, stop.id]));
      expect(await ids({ ...ALL, driver: 'one' })).toEqual(new Set([one.run.id]));
      expect(await ids({ ...ALL, workspace: 'team-b' })).toEqual(new Set([two.run.id, stop.id]));
      expect(await ids({ ...ALL, extension: 'quota' })).toEqual(new Set([one.run.id]));
      expect(await ids({ ...ALL, phase: 'before_create' })).toEqual(new Set([one.run.id]));
      // Both must hold of one attempt.
      expect(await ids({ ...ALL, phase: 'before_create', extension: 'quota' })).toEqual(new Set());
      expect(await ids({ ...ALL, code: 'hook_denied' })).toEqual(new Set([one.run.id]));
      expect(await ids({ ...ALL, from: middle })).toEqual(new Set([two.run.id, stop.id]));
      expect(await ids({ ...ALL, to: middle })).toEqual(new Set([one.run.id]));
      expect(await ids({ visible: ['team-a', 'team-c'] })).toEqual(new Set([one.run.id]));
    });

    it('of effects, one by one', async () => {
      const { store } = bench();
      const one = await openCreate(store, { workspace: 'team-a', driver: 'one' });
      const owed = effect(one.run, 1, { state: 'owed', lastError: { code: 'killed', message: 'no' }, phase: 'after_ready' });
      await store.commit(one.lease, [{ type: 'effect', effect: owed }]);
      await pause(5);
      const middle = await store.now();
      await pause(5);
      const two = await openCreate(store, { workspace: 'team-b', driver: 'two' });
      const applied = effect(two.run, 1, { state: 'applied', extension: null, kind: 'driver_create', phase: null });
      await store.commit(two.lease, [{ type: 'effect', effect: applied }]);
      const ids = async (filter: Parameters<typeof store.listEffects>[0]) => (await store.listEffects(filter, { limit: 50 })).items.map((row) => row.id);
      expect(await ids(ALL)).toEqual([applied.id, owed.id]);
      for (const only of [
        { state: ['owed'] as const },
        { sandboxId: one.sandbox.id },
        { runId: one.run.id },
        { extension: 'network' },
        { driver: 'one' },
        { workspace: 'team-a' },
        { phase: 'after_ready' as const },
        { code: 'killed' },
        { to: middle },
      ]) {
        expect([only, await ids({ ...ALL, ...only })]).toEqual([only, [owed.id]]);
      }
      expect(await ids({ ...ALL, from: middle })).toEqual([applied.id]);
      expect(await ids({ visible: ['team-b'] })).toEqual([applied.id]);
    });

    it('of the audit, one by one', async () => {
      const { store } = bench();
      await store.addAudit(audit('first', { workspace: 'team-a', runIds: ['r1', 'r2'] }));
      await pause(5);
      const middle = await store.now();
      await pause(5);
      await store.addAudit(
        audit('second', { actor: 'bob', action: 'toggle', object: { kind: 'activation', name: 'second' }, workspace: null, outcome: 'refused' }),
      );
      const names = async (filter: Parameters<typeof store.listAudit>[0]) => (await store.listAudit(filter, { limit: 50 })).items.map((row) => row.object.name);
      expect(await names(ALL)).toEqual(['second', 'first']);
      for (const only of [{ actor: 'alice' }, { action: 'create' }, { objectKind: 'sandbox' }, { objectName: 'first' }, { runId: 'r2' }, { to: middle }]) {
        expect([only, await names({ ...ALL, ...only })]).toEqual([only, ['first']]);
      }
      expect(await names({ ...ALL, from: middle })).toEqual(['second']);
      // What belongs to no workspace is for those who see all.
      expect(await names({ visible: ['team-a'] })).toEqual(['first']);
      expect((await store.listAudit(ALL, { limit: 1 })).items[0]).toMatchObject({ actor: 'bob', outcome: 'refused', after: { a: 1 }, at: expect.any(Number) });
    });
  });
}
