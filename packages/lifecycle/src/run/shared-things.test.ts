import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { MemoryPools } from '../../testing/memory-pools.ts';
import { MemoryShared } from '../../testing/memory-shared.ts';
import { defineExtension } from '../extension.ts';
import { systemClock } from '../ports/clock.ts';
import type { EffectFunctions } from '../ports/transport.ts';
import { sharedKey } from './keys.ts';
import { joinShared, leaveShared } from './shared-things.ts';

const id = { extension: 'net', kind: 'network', key: 'acme' };
const never = new AbortController().signal;

/** A backend with one network at most, which counts how often it was made while it stood. */
function backend(fails: () => boolean) {
  const state = { standing: 0, doubles: 0, made: 0 };
  const functions: EffectFunctions = {
    has: () => true,
    async apply() {
      await Promise.resolve();
      if (fails()) throw new Error('apply failed');
      // Adopting what stands is not making it twice.
      if (state.standing === 0) {
        state.standing += 1;
        state.made += 1;
      }
      return { network: 'n' };
    },
    async release() {
      await Promise.resolve();
      if (fails()) throw new Error('release failed');
      if (state.standing > 1) state.doubles += 1;
      state.standing = 0;
    },
  };
  return { state, functions };
}

describe('shared things', () => {
  it('are made once for concurrent holders and go with the last', async () => {
    const deps = { shared: new MemoryShared(), clock: systemClock };
    const { state, functions } = backend(() => false);
    await Promise.all(['a', 'b', 'c', 'd'].map((holder) => joinShared(deps, id, {}, holder, functions, {}, never)));
    expect(state).toMatchObject({ standing: 1, made: 1 });
    await Promise.all(['a', 'b', 'c'].map((holder) => leaveShared(deps, id, holder, functions, {}, never)));
    expect(state.standing).toBe(1);
    await leaveShared(deps, id, 'd', functions, {}, never);
    expect(state.standing).toBe(0);
    await joinShared(deps, id, {}, 'e', functions, {}, never);
    expect((await deps.shared.list())[0]).toMatchObject({ state: 'applied', generation: 2, holders: ['e'] });
  });

  it('never two, never lost, under any interleaving of joins, leaves and failures', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ holder: fc.constantFrom('a', 'b', 'c'), join: fc.boolean(), fails: fc.boolean() }), { maxLength: 14 }),
        fc.integer({ min: 1, max: 3 }),
        async (moves, lanes) => {
          const deps = { shared: new MemoryShared(), clock: systemClock };
          let failing = false;
          const { state, functions } = backend(() => failing);
          const joined = new Set<string>();
          const queue = [...moves];
          await Promise.all(
            Array.from({ length: lanes }, async () => {
              for (let move = queue.shift(); move !== undefined; move = queue.shift()) {
                // Failures are decided per move; with several lanes a failure may hit another's call, which is an interleaving as well.
                failing = move.fails;
                try {
                  if (move.join) {
                    await joinShared(deps, id, {}, move.holder, functions, {}, never);
                    joined.add(move.holder);
                  } else {
                    await leaveShared(deps, id, move.holder, functions, {}, never);
                    joined.delete(move.holder);
                  }
                } catch (error) {
                  expect(String(error)).toContain('failed');
                }
              }
            }),
          );
          failing = false;
          const before = (await deps.shared.list())[0];
          if (before !== undefined && before.holders.length > 0) expect(state.standing).toBe(1);
          // Everybody leaves, as every sandbox's ledger makes sure of: nothing stands.
          for (const holder of ['a', 'b', 'c']) await leaveShared(deps, id, holder, functions, {}, never);
          expect(state).toMatchObject({ standing: 0, doubles: 0 });
          expect((await deps.shared.list()).every((thing) => thing.state === 'absent' && thing.holders.length === 0)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  }, 60_000);

  it('half made under an expired lease is made again with the same key, which adopts what stands', async () => {
    let now = 1_000;
    const shared = new MemoryShared({ clock: { now: () => now } });
    const deps = { shared, clock: systemClock };
    const { state, functions } = backend(() => false);
    const keys: string[] = [];
    const recorded: EffectFunctions = {
      ...functions,
      apply: (kind, call, services) => {
        keys.push(call.idempotencyKey);
        return functions.apply(kind, call, services);
      },
    };
    // Its maker got through to the backend and was killed before it could say so.
    const killed = await shared.lock(id, 30_000);
    await shared.write(id, killed?.token ?? 0, { state: 'creating', generation: 1, input: {}, handle: null, holders: [] });
    await recorded.apply('network', { key: 'acme', input: {}, idempotencyKey: sharedKey('net', 'network', 'acme', 1), signal: never }, {});
    now += 31_000;
    await joinShared(deps, id, {}, 'b', recorded, {}, never);
    expect(state).toMatchObject({ standing: 1, made: 1 });
    expect(new Set(keys).size).toBe(1);
    expect(await shared.list()).toMatchObject([{ state: 'applied', generation: 1, holders: ['b'] }]);
  });

  it('half released is finished first, then the next generation is made under its own key', async () => {
    const shared = new MemoryShared();
    const deps = { shared, clock: systemClock };
    const { state, functions } = backend(() => false);
    const calls: string[] = [];
    const recorded: EffectFunctions = {
      has: functions.has,
      apply: (kind, call, services) => {
        calls.push(`apply ${call.idempotencyKey === sharedKey('net', 'network', 'acme', 2) ? 2 : 1}`);
        return functions.apply(kind, call, services);
      },
      release: (kind, call, services) => {
        calls.push(`release ${call.idempotencyKey === sharedKey('net', 'network', 'acme', 1) ? 1 : 2} ${JSON.stringify(call.handle)}`);
        return functions.release(kind, call, services);
      },
    };
    await joinShared(deps, id, {}, 'a', recorded, {}, never);
    const killed = await shared.lock(id, 30_000);
    await shared.write(id, killed?.token ?? 0, { state: 'releasing', holders: [] });
    await shared.unlock(id, killed?.token ?? 0);
    await joinShared(deps, id, {}, 'b', recorded, {}, never);
    expect(calls).toEqual(['apply 1', 'release 1 {"network":"n"}', 'apply 2']);
    expect(state.standing).toBe(1);
    expect(await shared.list()).toMatchObject([{ state: 'applied', generation: 2, holders: ['b'] }]);
  });

  it('whose making is not known to have happened is released with handle null', async () => {
    const shared = new MemoryShared();
    const deps = { shared, clock: systemClock };
    const handles: unknown[] = [];
    const functions: EffectFunctions = {
      has: () => true,
      apply: async () => {
        throw new Error('the answer was lost');
      },
      release: async (_kind, { handle }) => {
        handles.push(handle);
      },
    };
    await expect(joinShared(deps, id, {}, 'a', functions, {}, never)).rejects.toThrow('lost');
    await leaveShared(deps, id, 'a', functions, {}, never);
    expect(handles).toEqual([null]);
    expect(await shared.list()).toEqual([]);
  });

  it('whose last release fails is owed by that holder’s row, until a later ensure takes the thing over', async () => {
    let stuck = true;
    const made: string[] = [];
    const sharer = defineExtension({
      name: 'sharer',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      shared: {
        network: {
          apply: async ({ key }) => {
            made.push(key);
            return { key };
          },
          release: async () => {
            if (stuck) throw new Error('in use');
          },
        },
      },
      hooks: {
        before_create: {
          run: async (ctx) => {
            await ctx.shared.ensure('network', 'acme', {});
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [sharer] });
    await bench.activate('sharer');
    const rowOf = async (sandboxId: string) => (await bench.effects(sandboxId)).find((row) => row.kind === 'shared:network');
    const one = await bench.create();
    expect(await rowOf(one.sandbox.id)).toMatchObject({ key: 'acme', state: 'applied' });
    await bench.end(await bench.engine.deleteSandbox(one.sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(await rowOf(one.sandbox.id)).toMatchObject({ state: 'owed', lastError: { message: expect.stringContaining('in use') } });
    stuck = false;
    const two = await bench.create();
    expect(two.run.status).toBe('succeeded');
    expect(made).toEqual(['acme', 'acme']);
    // The debt of the first has nothing left to release: the second holds the thing.
    const owed = await rowOf(one.sandbox.id);
    await bench.engine.retryEffect(owed?.id ?? '', OPERATOR);
    expect((await rowOf(one.sandbox.id))?.state).toBe('released');
    expect(await bench.shared.list()).toMatchObject([{ state: 'applied', holders: [(await rowOf(two.sandbox.id))?.id] }]);
    await bench.end(await bench.engine.deleteSandbox(two.sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(await bench.shared.list()).toEqual([]);
  });

  it('a holder whose call is given up while another makes the thing gets a clear error', async () => {
    const deps = { shared: new MemoryShared(), clock: systemClock };
    await deps.shared.lock(id, 10_000);
    const { functions } = backend(() => false);
    await expect(joinShared(deps, id, {}, 'a', functions, {}, AbortSignal.timeout(30))).rejects.toMatchObject({ code: 'hook_timed_out' });
  });
});

describe('leases', () => {
  it('no item twice and none lost, whatever the order of takes and returns', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ sandbox: fc.integer({ min: 0, max: 6 }), take: fc.boolean() }), { maxLength: 40 }), async (moves) => {
        const pools = new MemoryPools();
        const items = ['1', '2', '3', '4'];
        await Promise.all(
          moves.map(async ({ sandbox, take }) => {
            const holder = { sandboxId: `s${sandbox}`, extension: 'net', key: 'ip' };
            if (!take) return pools.giveBack('p', holder);
            const item = await pools.take('p', holder, items);
            if (item !== null) expect(items).toContain(item);
          }),
        );
        const held = await pools.list('p');
        expect(new Set(held.map((lease) => lease.item)).size).toBe(held.length);
        expect(new Set(held.map((lease) => lease.sandboxId)).size).toBe(held.length);
      }),
    );
  });
});
