import { describe, expect, it } from 'vitest';
import { newId } from '../src/ids.ts';
import type { EventRecord } from '../src/records.ts';
import { attempt, created, effect, openCreate, pause, type StoreBench, token } from './store-builders.ts';

type Bench = () => StoreBench;

export function accessConformance(bench: Bench): void {
  describe('events', () => {
    const readAll = async (from: string, limit = 100): Promise<EventRecord[]> => {
      const { store } = bench();
      const found: EventRecord[] = [];
      for (let after = from; ; ) {
        const page = await store.eventsAfter(after, limit, null);
        expect(page.reset).toBe(false);
        found.push(...page.events);
        if (page.last === null || page.last === after) return found;
        after = page.last;
      }
    };

    it('tell what a commit moved, in its order, and nothing of plans', async () => {
      const { store } = bench();
      const { last } = await store.eventsAfter(null, 10, null);
      const mark = last ?? '0';
      const { sandbox, run, lease } = await openCreate(store);
      const one = attempt(run, 1);
      await store.commit(lease, [
        { type: 'attempt', attempt: one },
        { type: 'effect', effect: effect(run, 1, { input: { canary: 'secret' } }) },
        { type: 'sandbox', sandboxId: sandbox.id, change: { state: 'ready' } },
        { type: 'run', change: { status: 'succeeded' } },
      ]);
      const events = await readAll(mark);
      expect(events.map((each) => each.type)).toEqual(['sandbox', 'run', 'attempt', 'effect', 'sandbox', 'run']);
      expect(events.map((each) => [each.sandboxId, each.runId, each.workspace])).toEqual(events.map(() => [sandbox.id, run.id, 'default']));
      expect(events[2]?.data).toMatchObject({ id: one.id, phase: 'before_create', extension: 'network', outcome: 'changed' });
      expect(events[4]?.data).toEqual({ id: sandbox.id, state: 'ready' });
      expect(JSON.stringify(events)).not.toContain('canary');
      expect(events.every((each) => each.at > 1_600_000_000_000)).toBe(true);
      const ids = events.map((each) => BigInt(each.id));
      expect([...ids].sort((a, b) => (a < b ? -1 : 1))).toEqual(ids);
    });

    it('resume from any event, page by page, and reset where the id is not known', async () => {
      const { store } = bench();
      for (let i = 0; i < 3; i += 1) await openCreate(store);
      const all = await readAll('0', 2);
      expect(all).toHaveLength(6);
      const middle = all[2]?.id ?? '';
      expect((await readAll(middle, 1)).map((each) => each.id)).toEqual(all.slice(3).map((each) => each.id));
      const newest = all[5]?.id ?? '';
      expect(await store.eventsAfter(newest, 10, null)).toEqual({ reset: false, last: newest, events: [] });
      for (const unknown of ['no-number', '-1', '', String(BigInt(newest) + 1000n)]) {
        expect([unknown, await store.eventsAfter(unknown, 10, null)]).toEqual([unknown, { reset: true, last: newest, events: [] }]);
      }
      await pause(10);
      await store.prune({ traces: 0, events: await store.now() });
      expect(await store.eventsAfter(middle, 10, null)).toMatchObject({ reset: true, events: [] });
      expect(await store.eventsAfter(newest, 10, null)).toMatchObject({ reset: false, events: [] });
      await openCreate(store);
      expect((await store.eventsAfter(newest, 10, null)).events).toHaveLength(2);
    });

    it('are shown to those who may see the workspace; what has none, to all', async () => {
      const { store } = bench();
      await openCreate(store, { workspace: 'team-a' });
      await store.addEvent({ type: 'activation', sandboxId: null, runId: null, workspace: null, data: { id: 'a-1' } });
      await openCreate(store, { workspace: 'team-b' });
      const seen = await store.eventsAfter('0', 100, ['team-a']);
      expect(seen.events.map((each) => each.workspace)).toEqual(['team-a', 'team-a', null]);
      // What was passed over is not read again.
      expect(await store.eventsAfter(seen.last, 100, ['team-a'])).toEqual({ reset: false, last: seen.last, events: [] });
    });

    it('skip nothing while many commit at once', async () => {
      const { store } = bench();
      let done = false;
      const seen: string[] = [];
      const reading = (async () => {
        for (let after = '0'; ; ) {
          const finished = done;
          const page = await store.eventsAfter(after, 7, null);
          seen.push(...page.events.map((each) => each.id));
          if (finished && page.events.length === 0) return;
          after = page.last ?? after;
        }
      })();
      await Promise.all(
        Array.from({ length: 12 }, async () => {
          const { run, lease } = await openCreate(store);
          for (let i = 0; i < 5; i += 1) await store.commit(lease, [{ type: 'attempt', attempt: attempt(run, i) }]);
        }),
      );
      done = true;
      await reading;
      expect(seen).toEqual((await readAll('0', 50)).map((each) => each.id));
      expect(seen).toHaveLength(12 * 7);
    });

    it('nudge those who listen, until they no longer do', async () => {
      const { store } = bench();
      let nudges = 0;
      const off = store.onEvents(() => {
        nudges += 1;
      });
      await openCreate(store);
      for (let i = 0; i < 100 && nudges === 0; i += 1) await pause(20);
      expect(nudges).toBeGreaterThan(0);
      off();
      await pause(150);
      const before = nudges;
      await openCreate(store);
      await pause(150);
      expect(nudges).toBe(before);
    });

    it('come of settled debt, cancelled and interrupted runs too', async () => {
      const { store } = bench();
      const opened = await created(store, { state: 'failed' });
      const row = effect(opened.run, 1, { state: 'owed' });
      const other = await openCreate(store);
      await store.commit(other.lease, [{ type: 'effect', effect: { ...row, sandboxId: other.sandbox.id, runId: other.run.id } }]);
      await store.dropLease(other.lease);
      const mark = (await store.eventsAfter(null, 1, null)).last ?? '0';
      await store.expiredRuns(10);
      const again = await store.takeLease(other.run.id, 'next', 30_000);
      if (again === null) throw new Error('no lease');
      await store.commit(again, [{ type: 'run', change: { status: 'failed_with_debt' } }]);
      await store.settleEffect({ ...row, sandboxId: other.sandbox.id, runId: other.run.id, state: 'waived', waivedReason: 'paid by hand' }, 'owed');
      const told = (await readAll(mark)).map((each) => [each.type, each.data.status ?? each.data.state]);
      expect(told).toEqual([
        ['run', 'interrupted'],
        ['run', 'failed_with_debt'],
        ['effect', 'waived'],
      ]);
    });
  });

  describe('tokens and sessions', () => {
    it('are found by their hash, revoked once', async () => {
      const { store } = bench();
      expect(await store.countTokens()).toBe(0);
      const first = token({ expiresAt: 1_900_000_000_000 });
      await store.addToken(first);
      const saved = await store.tokenByHash(first.hash);
      expect(saved).toEqual({ ...first, createdAt: expect.any(Number) });
      expect(await store.getToken(first.id)).toEqual(saved);
      expect(await store.tokenByHash('none')).toBeNull();
      await expect(store.addToken({ ...token(), hash: first.hash })).rejects.toMatchObject({ code: 'internal' });
      const revoked = await Promise.all([store.revokeToken(first.id, 7), store.revokeToken(first.id, 8)]);
      expect(revoked.filter(Boolean)).toHaveLength(1);
      expect((await store.tokenByHash(first.hash))?.revokedAt).toBeGreaterThan(0);
      expect(await store.revokeToken('none', 7)).toBe(false);
      expect(await store.countTokens()).toBe(1);
      const all = token({ workspaces: null, claims: {} });
      await store.addToken(all);
      expect(await store.getToken(all.id)).toMatchObject({ workspaces: null, claims: {} });
    });

    it('belong together', async () => {
      const { store } = bench();
      const owner = token();
      await store.addToken(owner);
      const session = { id: newId(), tokenId: owner.id, hash: 'session-hash', createdAt: 1_700_000_000_000, expiresAt: 1_900_000_000_000 };
      await store.addSession(session);
      expect(await store.sessionByHash('session-hash')).toEqual({ session, token: await store.getToken(owner.id) });
      await store.removeSession('session-hash');
      await store.removeSession('session-hash');
      expect(await store.sessionByHash('session-hash')).toBeNull();
      await expect(store.addSession({ ...session, tokenId: 'none' })).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  describe('idempotency keys', () => {
    it('let one begin, hold others off, and replay its answer', async () => {
      const { store } = bench();
      const begun = await Promise.all(Array.from({ length: 6 }, () => store.beginIdempotent('k', 'token-1 POST /x', 'digest')));
      expect(begun.filter((each) => each.state === 'new')).toHaveLength(1);
      expect(begun.filter((each) => each.state === 'busy')).toHaveLength(5);
      expect(await store.beginIdempotent('k', 'token-1 POST /x', 'another')).toEqual({ state: 'other' });
      expect(await store.beginIdempotent('k', 'token-2 POST /x', 'another')).toEqual({ state: 'new' });
      const answer = { status: 202, body: { a: [1, null] }, headers: { location: '/x/1' } };
      await store.endIdempotent('k', 'token-1 POST /x', answer);
      expect(await store.beginIdempotent('k', 'token-1 POST /x', 'digest')).toEqual({ state: 'done', ...answer });
      expect(await store.beginIdempotent('k', 'token-1 POST /x', 'another')).toEqual({ state: 'other' });
      // No answer to keep: the key is free for another try.
      await store.endIdempotent('k', 'token-2 POST /x', null);
      expect(await store.beginIdempotent('k', 'token-2 POST /x', 'digest')).toEqual({ state: 'new' });
    });
  });

  describe('the installation', () => {
    it('has one id, and a clock', async () => {
      const { store } = bench();
      await store.ready();
      const ids = await Promise.all([store.installationId(), store.installationId()]);
      expect(ids[0]).toBe(ids[1]);
      expect(ids[0].length).toBeGreaterThan(10);
      expect(Math.abs((await store.now()) - Date.now())).toBeLessThan(60_000);
    });
  });
}
