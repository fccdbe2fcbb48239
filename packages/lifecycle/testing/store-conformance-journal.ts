import { describe, expect, it } from 'vitest';
import { type JournalEntry, RunLost } from '../src/ports/store.ts';
import type { SandboxRecord } from '../src/records.ts';
import { ALL, attempt, created, effect, LEASE_MS, openCreate, pause, request, revision, run, type StoreBench, sandbox } from './store-builders.ts';

type Bench = () => StoreBench;

export function journalConformance(bench: Bench): void {
  describe('commits', () => {
    it('writes everything in one go, and gives it back as it was', async () => {
      const { store } = bench();
      const { sandbox: box, run: create, lease } = await openCreate(store);
      const one = attempt(create, 1);
      const made = effect(create, 1, { attemptId: one.id, state: 'applied', handle: { address: '10.0.0.9' } });
      await store.commit(lease, [
        { type: 'step', step: { name: 'plan', state: 'intended', at: 5 } },
        { type: 'step', step: { name: 'driver.create', state: 'intended', at: 6 } },
        { type: 'step', step: { name: 'plan', state: 'done', at: 7 } },
        { type: 'attempt', attempt: one },
        { type: 'attempt', attempt: attempt(create, 2, { kind: 'driver', phase: null, extension: null, revision: null }) },
        { type: 'revision', revision: revision(create, 0) },
        { type: 'revision', revision: revision(create, 1) },
        { type: 'effect', effect: made },
        { type: 'sandbox', sandboxId: box.id, change: { state: 'running', sealedRevision: 1, sealedAt: 9, instance: 'i-1' } },
        { type: 'sandbox', sandboxId: box.id, change: { blockedBy: { extension: 'network', phase: 'after_ready', since: 8 } } },
        { type: 'run', change: { waitingFor: 'backend', status: 'waiting' } },
        { type: 'extension_state', sandboxId: box.id, extension: 'network', value: { seen: 1 } },
      ]);
      const saved = await store.getRun(create.id);
      expect(saved?.steps).toEqual([
        { name: 'plan', state: 'done', at: 7 },
        { name: 'driver.create', state: 'intended', at: 6 },
      ]);
      expect(saved).toMatchObject({ status: 'waiting', waitingFor: 'backend', attemptCount: 2, endedAt: null, fromState: null });
      expect(await store.getAttempt(one.id)).toEqual(one);
      expect(await store.revisionsOfRun(create.id)).toEqual([revision(create, 0), revision(create, 1)]);
      const { createdAt, ...row } = (await store.getEffect(made.id)) ?? made;
      const { createdAt: _, ...wanted } = made;
      expect(row).toEqual(wanted);
      expect(createdAt).toBeGreaterThan(1_600_000_000_000);
      expect(await store.getSandbox(box.id)).toEqual({
        ...box,
        createdAt: expect.any(Number),
        state: 'running',
        sealedRevision: 1,
        sealedAt: 9,
        instance: 'i-1',
        blockedBy: { extension: 'network', phase: 'after_ready', since: 8 },
      });
      expect(await store.extensionState(box.id, 'network')).toEqual({ seen: 1 });
      expect(await store.extensionState(box.id, 'other')).toBeNull();
    });

    it('may be repeated after a lost answer: the same rows are written again', async () => {
      const { store } = bench();
      const { sandbox: box, run: create, lease } = await openCreate(store);
      const entries: JournalEntry[] = [
        { type: 'step', step: { name: 'plan', state: 'done', at: 7 } },
        { type: 'attempt', attempt: attempt(create, 1) },
        { type: 'revision', revision: revision(create, 0) },
        { type: 'effect', effect: effect(create, 1) },
        { type: 'sandbox', sandboxId: box.id, change: { state: 'running' } },
      ];
      await store.commit(lease, entries);
      await store.commit(lease, entries);
      expect(await store.getRun(create.id)).toMatchObject({ attemptCount: 1, steps: [{ name: 'plan' }] });
      expect(await store.effectsOfRun(create.id)).toHaveLength(1);
      expect(await store.revisionsOfRun(create.id)).toHaveLength(1);
    });

    it('writes nothing where one entry is refused', async () => {
      const { store } = bench();
      const { sandbox: box, run: create, lease } = await openCreate(store);
      await store.commit(lease, [{ type: 'effect', effect: effect(create, 1, { key: 'same' }) }]);
      const bad = store.commit(lease, [
        { type: 'step', step: { name: 'lost', state: 'done', at: 1 } },
        { type: 'attempt', attempt: attempt(create, 1) },
        { type: 'sandbox', sandboxId: box.id, change: { state: 'ready' } },
        { type: 'effect', effect: effect(create, 2, { key: 'same' }) },
      ]);
      await expect(bad).rejects.toMatchObject({ code: 'internal' });
      expect(await store.getRun(create.id)).toMatchObject({ steps: [], attemptCount: 0 });
      expect((await store.listAttempts(create.id, { limit: 10 })).items).toEqual([]);
      expect((await store.getSandbox(box.id))?.state).toBe('creating');
    });

    it('refuses entries of a sandbox that is not the run’s', async () => {
      const { store } = bench();
      const { lease } = await openCreate(store);
      const other = await openCreate(store);
      const entries: JournalEntry[][] = [
        [{ type: 'sandbox', sandboxId: other.sandbox.id, change: { state: 'ready' } }],
        [{ type: 'extension_state', sandboxId: other.sandbox.id, extension: 'network', value: {} }],
        [{ type: 'effect', effect: effect(other.run, 1) }],
      ];
      for (const each of entries) await expect(store.commit(lease, each)).rejects.toMatchObject({ code: 'internal' });
      expect((await store.getSandbox(other.sandbox.id))?.state).toBe('creating');
    });

    it('keeps what PostgreSQL cannot hold escaped, so that a message never stops the trace', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      const odd = attempt(create, 1, { message: 'nul \0 and \ud800 alone', logs: [{ at: 1, level: 'info', message: '\0 é 🧩' }], warnings: ['\udfff'] });
      await store.commit(lease, [{ type: 'attempt', attempt: odd }]);
      const saved = await store.getAttempt(odd.id);
      expect(saved?.message).toBe('nul \\u0000 and � alone');
      expect(saved?.logs[0]?.message).toBe('\\u0000 é 🧩');
    });

    it('shares no references with those who write or read', async () => {
      const { store } = bench();
      const box = sandbox();
      const create = run(box);
      const lease = await store.openCreate(box, create, 'holder', LEASE_MS);
      const value = { seen: [1] };
      await store.commit(lease, [{ type: 'extension_state', sandboxId: box.id, extension: 'network', value }]);
      value.seen.push(2);
      const first = await store.extensionState(box.id, 'network');
      if (Array.isArray(first?.seen)) first.seen.push(3);
      expect(await store.extensionState(box.id, 'network')).toEqual({ seen: [1] });
      const read = await store.getSandbox(box.id);
      (read as { request: { name: string } }).request.name = 'changed';
      expect((await store.getSandbox(box.id))?.request.name).toBe(box.name);
    });

    it('ends a run once, with the time of its own clock, and waits for nothing any more', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      const error = { code: 'hook_denied', message: 'no', extension: 'network', phase: 'before_create', attemptId: null, hint: 'ask' } as const;
      await store.commit(lease, [{ type: 'run', change: { status: 'waiting', waitingFor: 'retry' } }]);
      await store.commit(lease, [{ type: 'run', change: { status: 'failed', firstError: error } }]);
      const ended = await store.getRun(create.id);
      expect(ended).toMatchObject({ status: 'failed', waitingFor: null, firstError: error });
      expect(ended?.endedAt).toBeGreaterThanOrEqual(ended?.startedAt ?? Number.NaN);
      expect(await store.takeLease(create.id, 'other', LEASE_MS)).toBeNull();
    });

    it('tells revisions of a sandbox with its create first, then each start', async () => {
      const { store } = bench();
      const opened = await openCreate(store);
      await store.commit(opened.lease, [
        { type: 'revision', revision: revision(opened.run, 1) },
        { type: 'revision', revision: revision(opened.run, 0) },
        { type: 'sandbox', sandboxId: opened.sandbox.id, change: { state: 'stopped' } },
        { type: 'run', change: { status: 'succeeded' } },
      ]);
      for (let i = 0; i < 2; i += 1) {
        const start = run(opened.sandbox, { operation: 'start' });
        const { lease } = await store.openRun(start, 'holder', LEASE_MS, () => ({ open: 'now' }));
        if (lease === null) throw new Error('no lease');
        await store.commit(lease, [
          { type: 'revision', revision: revision(start, 0) },
          { type: 'run', change: { status: 'succeeded' } },
        ]);
      }
      const numbers = (await store.revisionsOfSandbox(opened.sandbox.id)).map((each) => [each.runId === opened.run.id, each.number]);
      expect(numbers).toEqual([
        [true, 0],
        [true, 1],
        [false, 0],
        [false, 0],
      ]);
    });

    it('knows which extensions a run has entered', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      await store.commit(lease, [
        { type: 'attempt', attempt: attempt(create, 1, { extension: 'ran' }) },
        { type: 'attempt', attempt: attempt(create, 2, { extension: 'passed-over', outcome: 'skipped' }) },
        { type: 'attempt', attempt: attempt(create, 3, { extension: 'released', kind: 'release', phase: null }) },
        { type: 'effect', effect: effect(create, 1, { extension: 'cut-off', kind: '*' }) },
      ]);
      expect([...(await store.enteredExtensions(create.id))].sort()).toEqual(['cut-off', 'ran']);
    });
  });

  describe('fencing', () => {
    it('refuses every write of a stale holder, and writes nothing', async () => {
      const { store } = bench();
      const { sandbox: box, run: create, lease } = await openCreate(store, {}, 1);
      await pause(20);
      const next = await store.takeLease(create.id, 'other', LEASE_MS);
      expect(next?.token).toBeGreaterThan(lease.token);
      const commit = store.commit(lease, [
        { type: 'attempt', attempt: attempt(create, 1) },
        { type: 'effect', effect: effect(create, 1) },
        { type: 'sandbox', sandboxId: box.id, change: { state: 'ready' } },
        { type: 'run', change: { status: 'succeeded' } },
        { type: 'extension_state', sandboxId: box.id, extension: 'network', value: { a: 1 } },
      ]);
      await expect(commit).rejects.toBeInstanceOf(RunLost);
      await expect(store.commit(lease, [])).rejects.toBeInstanceOf(RunLost);
      await expect(store.renewLease(lease, LEASE_MS)).rejects.toBeInstanceOf(RunLost);
      await store.dropLease(lease);
      expect(await store.getRun(create.id)).toMatchObject({ status: 'running', attemptCount: 0 });
      expect(await store.effectsOfRun(create.id)).toEqual([]);
      expect((await store.getSandbox(box.id))?.state).toBe('creating');
      expect(await store.extensionState(box.id, 'network')).toBeNull();
      if (next === null) throw new Error('no lease');
      await store.commit(next, [{ type: 'run', change: { status: 'succeeded' } }]);
    });

    it('gives a free or expired lease to exactly one of many', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      expect(await store.takeLease(create.id, 'eager', LEASE_MS)).toBeNull();
      await store.dropLease(lease);
      const taken = await Promise.all(Array.from({ length: 12 }, (_, i) => store.takeLease(create.id, `h${i}`, LEASE_MS)));
      expect(taken.filter((each) => each !== null)).toHaveLength(1);
      await expect(store.commit(lease, [])).rejects.toBeInstanceOf(RunLost);
      expect(await store.takeLease('no-such-run', 'eager', LEASE_MS)).toBeNull();
    });

    it('keeps a lease that is renewed, and marks runs interrupted whose lease ran out', async () => {
      const { store } = bench();
      const kept = await openCreate(store, {}, 40);
      const lost = await openCreate(store, {}, 40);
      await store.renewLease(kept.lease, LEASE_MS);
      await pause(80);
      const expired = await store.expiredRuns(10);
      expect(expired.map((each) => [each.id, each.status])).toEqual([[lost.run.id, 'interrupted']]);
      expect((await store.getRun(lost.run.id))?.status).toBe('interrupted');
      expect((await store.expiredRuns(10)).map((each) => each.id)).toEqual([lost.run.id]);
      // Its holder was only slow: nobody took it, so it goes on.
      expect(await store.renewLease(lost.lease, LEASE_MS)).toEqual({ cancelledBy: null, force: false });
      expect((await store.getRun(lost.run.id))?.status).toBe('running');
      expect(await store.expiredRuns(10)).toEqual([]);
    });

    it('counts a dropped lease as expired', async () => {
      const { store } = bench();
      const { run: create, lease } = await openCreate(store);
      await store.dropLease(lease);
      expect((await store.expiredRuns(10)).map((each) => each.id)).toEqual([create.id]);
    });
  });

  describe('opening runs', () => {
    it('shows the sandbox and no run, opens at once, and remembers the state it came from', async () => {
      const { store } = bench();
      const { sandbox: box, run: create } = await created(store);
      const stop = run(box, { operation: 'stop' });
      let shown: SandboxRecord | null = null;
      const opened = await store.openRun(stop, 'holder', LEASE_MS, (current, active) => {
        expect(active).toBeNull();
        shown = current;
        return { open: 'now', state: 'stopping' };
      });
      expect(shown).toMatchObject({ id: box.id, state: 'ready' });
      expect(opened.lease).toMatchObject({ runId: stop.id, holder: 'holder' });
      expect(opened.run).toMatchObject({ id: stop.id, status: 'running', fromState: 'ready', sandboxId: box.id });
      expect((await store.getSandbox(box.id))?.state).toBe('stopping');
      expect((await store.activeRun(box.id))?.id).toBe(stop.id);
      expect((await store.lastRun(box.id))?.id).toBe(stop.id);
      expect(create.id).not.toBe(stop.id);
    });

    it('answers the run that is there, and sets its force flag', async () => {
      const { store } = bench();
      const { sandbox: box } = await created(store);
      const first = run(box, { operation: 'delete' });
      const opened = await store.openRun(first, 'holder', LEASE_MS, () => ({ open: 'now', state: 'deleting' }));
      const again = await store.openRun(run(box, { operation: 'delete' }), 'holder', LEASE_MS, (_, active) => {
        expect(active?.id).toBe(first.id);
        return { existing: first.id, force: true };
      });
      expect(again).toMatchObject({ run: { id: first.id, force: true }, lease: null });
      if (opened.lease === null) throw new Error('no lease');
      expect(await store.renewLease(opened.lease, LEASE_MS)).toEqual({ cancelledBy: null, force: true });
    });

    it('supersedes: the new run waits, the old one is told', async () => {
      const { store } = bench();
      const { sandbox: box, run: create, lease } = await openCreate(store);
      const removal = run(box, { operation: 'delete' });
      const opened = await store.openRun(removal, 'second', LEASE_MS, (_, active) => {
        expect(active).toMatchObject({ id: create.id, operation: 'create' });
        return { open: 'supersede' };
      });
      expect(opened.run).toMatchObject({ status: 'waiting', waitingFor: 'run', fromState: 'creating' });
      expect(opened.lease?.holder).toBe('second');
      expect(await store.renewLease(lease, LEASE_MS)).toEqual({ cancelledBy: removal.id, force: false });
      // Whoever asks now meets the run that supersedes.
      expect((await store.activeRun(box.id))?.id).toBe(removal.id);
      await store.commit(lease, [{ type: 'run', change: { status: 'failed' } }]);
      expect((await store.activeRun(box.id))?.id).toBe(removal.id);
    });

    it('writes nothing where `decide` refuses, and knows no sandbox that is not there', async () => {
      const { store } = bench();
      const { sandbox: box } = await created(store);
      const refused = new Error('busy');
      const start = run(box, { operation: 'start' });
      await expect(
        store.openRun(start, 'holder', LEASE_MS, () => {
          throw refused;
        }),
      ).rejects.toBe(refused);
      expect(await store.getRun(start.id)).toBeNull();
      expect(await store.activeRun(box.id)).toBeNull();
      const nowhere = run(sandbox(), { operation: 'stop' });
      await expect(store.openRun(nowhere, 'holder', LEASE_MS, () => ({ open: 'now' }))).rejects.toMatchObject({ code: 'not_found' });
    });

    it('lets one of many concurrent requests open, and shows it to all others', async () => {
      const { store } = bench();
      const { sandbox: box } = await created(store);
      const answers = await Promise.all(
        Array.from({ length: 8 }, () =>
          store.openRun(run(box, { operation: 'stop' }), 'holder', LEASE_MS, (_, active) =>
            active === null ? { open: 'now', state: 'stopping' } : { existing: active.id },
          ),
        ),
      );
      expect(answers.filter((each) => each.lease !== null)).toHaveLength(1);
      expect(new Set(answers.map((each) => each.run.id)).size).toBe(1);
    });

    it('never lets two runs hold one sandbox', async () => {
      const { store } = bench();
      const { sandbox: box } = await openCreate(store);
      await expect(store.openRun(run(box, { operation: 'stop' }), 'holder', LEASE_MS, () => ({ open: 'now' }))).rejects.toMatchObject({ code: 'internal' });
    });
  });

  describe('names', () => {
    it('are unique in a workspace, in a race too', async () => {
      const { store } = bench();
      await openCreate(store, { name: 'demo' });
      await expect(openCreate(store, { name: 'demo' })).rejects.toMatchObject({ code: 'sandbox_exists' });
      await openCreate(store, { name: 'demo', workspace: 'team-b' });
      const raced = await Promise.allSettled(Array.from({ length: 6 }, () => openCreate(store, { name: 'raced' })));
      expect(raced.filter((each) => each.status === 'fulfilled')).toHaveLength(1);
      for (const each of raced) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'sandbox_exists' });
    });

    it('are free again once the sandbox failed or was deleted, and only then', async () => {
      const { store } = bench();
      await created(store, { name: 'failed', state: 'failed' });
      await created(store, { name: 'deleted', state: 'deleted' });
      await created(store, { name: 'stopped', state: 'stopped' });
      const again = await openCreate(store, { name: 'failed' });
      await openCreate(store, { name: 'deleted' });
      await expect(openCreate(store, { name: 'stopped' })).rejects.toMatchObject({ code: 'sandbox_exists' });
      // A refused open leaves no run behind.
      expect((await store.listRuns({ ...ALL, sandboxId: again.sandbox.id }, { limit: 10 })).items).toHaveLength(1);
      await expect(store.openCreate({ ...sandbox(), id: again.sandbox.id }, run(sandbox()), 'holder', LEASE_MS)).rejects.toMatchObject({
        code: 'sandbox_exists',
      });
    });
  });

  describe('dry runs', () => {
    it('have a journal and no sandbox', async () => {
      const { store } = bench();
      const wanted = request();
      const preview = { request: wanted, record: sandbox().record, pending: ['docker.networks'] };
      const dry = run(null);
      const lease = await store.openPreview(dry, 'holder', LEASE_MS);
      await store.commit(lease, [
        { type: 'attempt', attempt: attempt(dry, 1) },
        { type: 'revision', revision: revision(dry, 0) },
        { type: 'run', change: { status: 'succeeded', preview } },
      ]);
      expect(await store.getRun(dry.id)).toMatchObject({ status: 'succeeded', sandboxId: null, preview, attemptCount: 1 });
      expect(await store.revisionsOfRun(dry.id)).toHaveLength(1);
    });
  });
}
