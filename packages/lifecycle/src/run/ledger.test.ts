import type { Phase } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { type EngineBench, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { OK, type Script, scriptedTransport } from '../../testing/scripted-transport.ts';
import { completeManifest, defineExtension } from '../extension.ts';
import type { HookAnswer } from '../ports/transport.ts';
import type { EffectRecord } from '../records.ts';

const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: null, signedAnswers: false } as const;
const PLAIN = { force: false, reason: null } as const;

async function remoteBench(script: Script, phases: readonly Phase[]) {
  const transport = scriptedTransport({ remote: script });
  const bench = await openEngine({ transports: { http: transport } });
  await bench.engine.register(
    completeManifest({
      name: 'remote',
      revision: '1.0.0',
      activation: { mode: 'global' },
      hooks: phases.map((phase) => ({ phase })),
      effects: ['slot'],
    }),
    EXTERNAL,
  );
  await bench.activate('remote');
  return { bench, transport };
}

const slot = (handle: number, key = 's', scope: 'start' | 'sandbox' | null = null): HookAnswer => ({ ...OK, effects: [{ kind: 'slot', key, handle, scope }] });

const ofExtension = async (bench: EngineBench, sandboxId: string): Promise<readonly EffectRecord[]> =>
  (await bench.effects(sandboxId)).filter((row) => row.extension !== null);

const stop = async (bench: EngineBench, id: string) => bench.end(await bench.engine.stopSandbox(id, OPERATOR));
const start = async (bench: EngineBench, id: string) => bench.end(await bench.engine.startSandbox(id, OPERATOR));
const remove = async (bench: EngineBench, id: string) => bench.end(await bench.engine.deleteSandbox(id, OPERATOR, PLAIN));

describe('the identity of an effect', () => {
  it('that is still applied keeps its row, maker and key when an answer names it again, and takes the new handle', async () => {
    const { bench } = await remoteBench({ hook: (call) => slot(call.input.phase === 'before_create' ? 1 : 2) }, ['before_create', 'after_create']);
    const { sandbox } = await bench.create();
    const rows = (await ofExtension(bench, sandbox.id)).filter((row) => row.kind === 'slot');
    expect(rows).toMatchObject([{ key: 's', handle: 2, state: 'applied', phase: 'before_create' }]);
    // The row that stood for the second call was not needed.
    expect((await ofExtension(bench, sandbox.id)).filter((row) => row.kind === '*').map((row) => row.state)).not.toContain('intended');
  });

  it('that is owed is closed as released and opened anew under the new key', async () => {
    let stuck = true;
    const keys: string[] = [];
    const { bench } = await remoteBench(
      {
        hook: (call) => {
          keys.push(call.input.run.idempotencyKey);
          return slot(keys.length);
        },
        release: ({ effects }) =>
          stuck ? { released: [], failed: effects.map(({ key }) => ({ key, message: 'stuck' })) } : { released: effects.map(({ key }) => key), failed: [] },
      },
      ['before_start'],
    );
    const { sandbox } = await bench.create();
    await stop(bench, sandbox.id);
    expect(await ofExtension(bench, sandbox.id)).toMatchObject([{ key: 's', state: 'owed', handle: 1, idempotencyKey: keys[0] }]);
    await start(bench, sandbox.id);
    expect(await ofExtension(bench, sandbox.id)).toMatchObject([
      { key: 's', state: 'released', idempotencyKey: keys[0] },
      { key: 's', state: 'applied', handle: 2, idempotencyKey: keys[1] },
    ]);
    expect(keys[0]).not.toBe(keys[1]);
    stuck = false;
    await remove(bench, sandbox.id);
    expect((await bench.effects(sandbox.id)).every((row) => row.state === 'released')).toBe(true);
  });

  it('in process: an applied row returns its handle, an owed one is made anew', async () => {
    let applied = 0;
    let stuck = true;
    const handles: unknown[] = [];
    const maker = defineExtension({
      name: 'maker',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async () => {
            applied += 1;
            return applied;
          },
          release: async () => {
            if (stuck) throw new Error('stuck');
          },
        },
      },
      hooks: {
        before_start: {
          run: async (ctx) => {
            handles.push(await ctx.effects.ensure('thing', 'k', {}));
            handles.push(await ctx.effects.ensure('thing', 'k', {}));
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [maker] });
    await bench.activate('maker');
    const { sandbox } = await bench.create();
    expect(handles).toEqual([1, 1]);
    await stop(bench, sandbox.id);
    await start(bench, sandbox.id);
    expect(handles).toEqual([1, 1, 2, 2]);
    expect((await ofExtension(bench, sandbox.id)).map((row) => row.state)).toEqual(['released', 'applied']);
    stuck = false;
    await remove(bench, sandbox.id);
    expect((await bench.effects(sandbox.id)).every((row) => row.state === 'released')).toBe(true);
  });
});

describe('the key of an effect', () => {
  it('is the same over attempts, whose effects stay between them, and an intended row is applied again', async () => {
    const log: string[] = [];
    const flaky = defineExtension({
      name: 'flaky',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async ({ key, idempotencyKey }) => {
            log.push(`apply ${key} ${idempotencyKey}`);
            if (log.length === 2) throw new Error('not yet');
            return { made: log.length };
          },
          release: async ({ key }) => {
            log.push(`release ${key}`);
          },
        },
      },
      hooks: {
        before_create: {
          run: async (ctx) => {
            await ctx.effects.ensure('thing', 'first', {});
            try {
              await ctx.effects.ensure('thing', 'second', {});
            } catch {
              return { result: 'fail', message: 'again', retryAfterMs: 1 };
            }
            return { message: ctx.run.idempotencyKey };
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [flaky] });
    await bench.activate('flaky');
    const { sandbox, run } = await bench.create();
    expect(run.status).toBe('succeeded');
    const key = (await bench.attempts(run.id)).find((attempt) => attempt.kind === 'hook' && attempt.number === 2)?.message;
    // The first thing was made once and not given back in between; the second was applied again, with the same key.
    expect(log).toEqual([`apply first ${key}`, `apply second ${key}`, `apply second ${key}`]);
    expect(await ofExtension(bench, sandbox.id)).toMatchObject([
      { key: 'first', state: 'applied', idempotencyKey: key },
      { key: 'second', state: 'applied', idempotencyKey: key },
    ]);
  });

  it('out of process stands for whatever the call makes, in the store before the call is made', async () => {
    const before: unknown[] = [];
    const script: Script = {
      hook: async (call) => {
        const rows = await ofExtension(bench, call.input.sandbox.id);
        before.push(rows.map(({ kind, key, state }) => [kind, key === call.input.run.idempotencyKey, state]));
        return slot(7);
      },
    };
    const { bench } = await remoteBench(script, ['before_create']);
    const { sandbox } = await bench.create();
    expect(before).toEqual([[['*', true, 'intended']]]);
    expect((await ofExtension(bench, sandbox.id)).map(({ kind, state }) => [kind, state])).toEqual([['slot', 'applied']]);
  });

  it('in process is in the store, with its input, before apply is called', async () => {
    const before: unknown[] = [];
    const careful = defineExtension({
      name: 'careful',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async () => {
            const { items } = await bench.store.listEffects({ visible: null, extension: 'careful' }, { limit: 10 });
            before.push(items.map(({ kind, key, input, state, handle }) => ({ kind, key, input, state, handle })));
            return { n: 1 };
          },
          release: async () => undefined,
        },
      },
      hooks: {
        before_create: {
          run: async (ctx) => {
            await ctx.effects.ensure('thing', 'k', { size: 3 });
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [careful] });
    await bench.activate('careful');
    await bench.create();
    expect(before).toEqual([[{ kind: 'thing', key: 'k', input: { size: 3 }, state: 'intended', handle: null }]]);
  });
});

describe('the scope of an effect', () => {
  it('is the phase’s, unless the effect declares the other: what belongs to the start goes at stop', async () => {
    const { bench } = await remoteBench(
      {
        hook: ({ input: { phase } }) => {
          if (phase === 'before_create')
            return { ...OK, effects: [slot(1, 'of-sandbox').effects[0], slot(1, 'declared-start', 'start').effects[0]].flatMap((e) => e ?? []) };
          return { ...OK, effects: [slot(1, 'of-start').effects[0], slot(1, 'declared-sandbox', 'sandbox').effects[0]].flatMap((e) => e ?? []) };
        },
      },
      ['before_create', 'before_start'],
    );
    const { sandbox } = await bench.create();
    const standing = async () => (await ofExtension(bench, sandbox.id)).filter((row) => row.state === 'applied').map((row) => row.key);
    expect(await standing()).toEqual(['of-sandbox', 'declared-start', 'of-start', 'declared-sandbox']);
    await stop(bench, sandbox.id);
    expect(await standing()).toEqual(['of-sandbox', 'declared-sandbox']);
    await remove(bench, sandbox.id);
    expect(await standing()).toEqual([]);
  });

  it('when the workload was replaced, what belongs to the start stays until the start ends, newest first then', async () => {
    const released: string[] = [];
    const { bench } = await remoteBench(
      {
        hook: ({ input: { run } }) => slot(1, run.operation),
        release: ({ effects }) => {
          released.push(...effects.map(({ key }) => key));
          return { released: effects.map(({ key }) => key), failed: [] };
        },
      },
      ['after_ready'],
    );
    const { sandbox } = await bench.create();
    bench.driver.backend.replace(sandbox.id);
    await expect
      .poll(async () => (await ofExtension(bench, sandbox.id)).filter((row) => row.kind === 'slot').map(({ key, state }) => [key, state]))
      .toEqual([
        ['create', 'applied'],
        ['reconcile', 'applied'],
      ]);
    await expect.poll(async () => await bench.store.activeRun(sandbox.id)).toBeNull();
    await stop(bench, sandbox.id);
    expect(released).toEqual(['reconcile', 'create']);
  });
});

describe('debt', () => {
  async function owing() {
    const { bench, transport } = await remoteBench(
      { hook: () => slot(1), release: ({ effects }) => ({ released: [], failed: effects.map(({ key }) => ({ key, message: 'stuck' })) }) },
      ['before_start'],
    );
    const { sandbox } = await bench.create();
    await stop(bench, sandbox.id);
    const row = (await ofExtension(bench, sandbox.id)).find((each) => each.state === 'owed');
    if (row === undefined) throw new Error('nothing is owed');
    return { bench, transport, sandbox, row };
  }

  it('blocks nothing else: the sandbox starts, stops and goes, and others are made', async () => {
    const { bench, sandbox } = await owing();
    expect((await start(bench, sandbox.id)).sandbox.state).toBe('ready');
    expect((await bench.create()).sandbox.state).toBe('ready');
    expect((await remove(bench, sandbox.id)).sandbox.state).toBe('deleted');
    const again = await bench.create({ name: sandbox.name });
    expect(again.sandbox.state).toBe('ready');
  });

  it('is listed, and waived by an operator with a reason only; waived counts as released', async () => {
    const { bench, sandbox, row } = await owing();
    expect((await bench.store.listEffects({ visible: null, state: ['owed'] }, { limit: 10 })).items.map((each) => each.id)).toEqual([row.id]);
    await expect(bench.engine.waiveEffect(row.id, '  ', OPERATOR)).rejects.toMatchObject({ code: 'validation_failed', context: { pointer: '/reason' } });
    expect(await bench.engine.waiveEffect(row.id, 'removed by hand', OPERATOR)).toMatchObject({ state: 'waived', waivedReason: 'removed by hand' });
    await expect(bench.engine.waiveEffect(row.id, 'again', OPERATOR)).rejects.toMatchObject({ code: 'effect_not_owed' });
    await expect(bench.engine.retryEffect(row.id, OPERATOR)).rejects.toMatchObject({ code: 'effect_not_owed' });
    // The identity is free: the next start makes it anew.
    await start(bench, sandbox.id);
    expect((await ofExtension(bench, sandbox.id)).map((each) => each.state)).toEqual(['waived', 'applied']);
  });

  it('is not retried while a run of its sandbox is in progress', async () => {
    const { bench, transport, sandbox, row } = await owing();
    let open: () => void = () => undefined;
    bench.driver.next('start', {
      kind: 'gate',
      gate: new Promise<void>((resolve) => {
        open = resolve;
      }),
    });
    await bench.store.settleEffect({ ...row, key: 'older', nextRetryAt: 1 }, 'owed');
    const started = await bench.engine.startSandbox(sandbox.id, OPERATOR);
    await expect.poll(() => bench.driver.calls.some((call) => call.call === 'start' && call.outcome === 'pending')).toBe(true);
    const asked = transport.releases.length;
    expect(await bench.engine.retryDebts()).toBe(0);
    await expect(bench.engine.retryEffect(row.id, OPERATOR)).rejects.toMatchObject({ code: 'sandbox_busy', context: { runId: started.run.id } });
    await expect(bench.engine.waiveEffect(row.id, 'now', OPERATOR)).rejects.toMatchObject({ code: 'sandbox_busy' });
    expect(transport.releases).toHaveLength(asked);
    open();
    await bench.end(started);
    expect(await bench.engine.retryDebts()).toBe(1);
  });

  it('of the driver that holds a deterministic name is paid before the name is used again, or named as what is in the way', async () => {
    const bench = await openEngine();
    bench.driver.next('start', { kind: 'fail' });
    bench.driver.always('delete', { kind: 'fail' });
    const { sandbox, run } = await bench.create({ name: 'twice' });
    expect(run.status).toBe('failed_with_debt');
    const row = (await bench.effects(sandbox.id)).find((each) => each.kind === 'driver_create');
    await expect(bench.create({ name: 'twice' })).rejects.toMatchObject({
      code: 'driver_failed',
      context: { sandboxId: sandbox.id, hint: expect.stringContaining(row?.id ?? 'no row') },
    });
    expect(bench.driver.backend.workloads.size).toBe(1);
    bench.driver.always('delete', null);
    expect((await bench.create({ name: 'twice' })).sandbox.state).toBe('ready');
    expect([...bench.driver.backend.workloads.keys()]).not.toContain(sandbox.id);
    expect((await bench.effects(sandbox.id)).every((each) => each.state === 'released')).toBe(true);
  });
});
