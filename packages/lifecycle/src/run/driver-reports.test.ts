import type { Phase } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { fakeDriver } from '../../testing/fake-driver.ts';
import { defineExtension } from '../extension.ts';

/** What the engine makes of a driver's word, and of its silence. */
const PLAIN = { force: false, reason: null } as const;

function holder(log: string[], phases: readonly Phase[]) {
  return defineExtension({
    name: 'holder',
    revision: '1.0.0',
    description: '',
    activation: { mode: 'global' },
    effects: {
      thing: {
        apply: async () => ({}),
        release: async ({ key }) => {
          log.push(`release ${key}`);
        },
      },
    },
    hooks: {
      before_create: {
        run: async (ctx) => {
          await ctx.effects.ensure('thing', 'of-sandbox', {});
        },
      },
      before_start: {
        run: async (ctx) => {
          await ctx.effects.ensure('thing', 'of-start', {});
        },
      },
      ...Object.fromEntries(
        phases.map((phase) => [
          phase,
          {
            run: () => {
              log.push(phase);
            },
          },
        ]),
      ),
    },
  });
}

describe('a stop', () => {
  it('that the driver refuses leaves the state that it reports, and owes what the workload may still use', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [holder(log, ['after_stop'])] });
    await bench.activate('holder');
    const { sandbox } = await bench.create();
    bench.driver.next('stop', { kind: 'fail' });
    const failed = await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    expect(failed.run).toMatchObject({ status: 'failed_with_debt', firstError: { code: 'driver_failed' } });
    expect(failed.sandbox.state).toBe('ready');
    expect(log).toEqual([]);
    expect((await bench.effects(sandbox.id)).map((row) => [row.kind, row.key === sandbox.id ? 'it' : row.key, row.state])).toEqual([
      ['thing', 'of-sandbox', 'applied'],
      ['driver_create', 'it', 'applied'],
      ['thing', 'of-start', 'owed'],
      ['driver_start', 'it', 'owed'],
    ]);
    // Asked again it goes through, and everything of the start is given back.
    expect((await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR))).sandbox.state).toBe('stopped');
    expect(log).toEqual(['after_stop', 'release of-start']);
  });

  it('whose answers were all lost ends in the state that the driver reports: stopped', async () => {
    const bench = await openEngine();
    const { sandbox } = await bench.create();
    bench.driver.next('stop', { kind: 'lost' }, { kind: 'lost' }, { kind: 'lost' });
    const lost = await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    expect(lost.run.firstError?.code).toBe('driver_unavailable');
    expect(lost.sandbox.state).toBe('stopped');
  });

  it('that finds the workload gone ends stopped; the pass after it tells after_delete, releases, and sets deleted', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [holder(log, ['after_stop', 'after_exit', 'after_delete'])] });
    await bench.activate('holder');
    const { sandbox } = await bench.create();
    let open: () => void = () => undefined;
    bench.driver.next('stop', {
      kind: 'gate',
      gate: new Promise<void>((resolve) => {
        open = resolve;
      }),
    });
    const stopping = await bench.engine.stopSandbox(sandbox.id, OPERATOR);
    await expect.poll(() => bench.driver.calls.some((call) => call.call === 'stop')).toBe(true);
    bench.driver.backend.vanish(sandbox.id);
    open();
    expect((await bench.end(stopping)).run.status).toBe('succeeded');
    // Judged when the run has ended: by the watch at once, or by the next pass.
    await expect
      .poll(async () => {
        await bench.engine.reconcile();
        return (await bench.store.getSandbox(sandbox.id))?.state;
      })
      .toBe('deleted');
    const { events } = await bench.store.eventsAfter('0', 1_000, null);
    const states = events.flatMap((event) => (event.type === 'sandbox' ? [event.data.state] : []));
    expect(states.slice(-3)).toEqual(['stopping', 'stopped', 'deleted']);
    expect(log).toEqual(['after_stop', 'release of-start', 'after_delete', 'release of-sandbox']);
    expect((await bench.effects(sandbox.id)).every((row) => row.state === 'released')).toBe(true);
  });

  it('a hook that fails in before_stop stops nothing from stopping, unless its policy says fail', async () => {
    const stubborn = defineExtension({
      name: 'stubborn',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        before_stop: {
          run: () => {
            throw new Error('not now');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [stubborn] });
    const id = await bench.activate('stubborn');
    const one = await bench.create();
    expect((await bench.end(await bench.engine.stopSandbox(one.sandbox.id, OPERATOR))).sandbox.state).toBe('stopped');
    await bench.engine.updateActivation(id, { failurePolicy: { before_stop: 'fail' }, reason: 'must hold' }, 1, OPERATOR);
    const two = await bench.create();
    const refused = await bench.end(await bench.engine.stopSandbox(two.sandbox.id, OPERATOR));
    expect(refused.run.firstError).toMatchObject({ code: 'hook_failed', phase: 'before_stop' });
    expect(refused.sandbox.state).toBe('ready');
    expect(bench.driver.changes().filter((call) => call === 'stop')).toHaveLength(1);
    expect((await bench.effects(two.sandbox.id)).every((row) => row.state === 'applied')).toBe(true);
  });
});

describe('a command that ends by itself', () => {
  it('before a readiness of the driver’s own fails the run, and everything is undone', async () => {
    const log: string[] = [];
    const driver = fakeDriver({ ownReadiness: true });
    const bench = await openEngine({ driver, extensions: [holder(log, ['on_start_failed', 'on_create_failed'])] });
    await bench.activate('holder');
    const { run, sandbox } = await bench.create({ command: ['exit', '0'] });
    expect(run).toMatchObject({ status: 'failed', firstError: { code: 'driver_failed', message: expect.stringContaining('ended before it was ready') } });
    expect(sandbox.state).toBe('failed');
    expect(log).toEqual(['on_start_failed', 'on_create_failed', 'release of-start', 'release of-sandbox']);
    expect(driver.backend.workloads.size).toBe(0);
  });

  it('is ready when a readiness of the driver’s own says so', async () => {
    const driver = fakeDriver({ ownReadiness: true });
    const bench = await openEngine({ driver });
    const opened = bench.create();
    await expect.poll(() => driver.calls.some((call) => call.call === 'awaitReady')).toBe(true);
    const [id] = driver.backend.workloads.keys();
    expect((await bench.store.getSandbox(id ?? ''))?.state).not.toBe('ready');
    driver.backend.setReady(id ?? '', true);
    expect((await opened).sandbox.state).toBe('ready');
  });

  it('after ready: stopped with its code, after_exit told, what belonged to the start given back', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [holder(log, ['after_exit', 'after_stop'])] });
    await bench.activate('holder');
    const { sandbox } = await bench.create();
    bench.driver.backend.exit(sandbox.id, 7);
    await expect.poll(async () => (await bench.store.getSandbox(sandbox.id))?.state).toBe('stopped');
    await expect.poll(() => log).toEqual(['after_exit', 'release of-start']);
    expect((await bench.store.getSandbox(sandbox.id))?.stateReason).toMatchObject({ code: 'exited', exitCode: 7 });
    expect((await bench.effects(sandbox.id)).filter((row) => row.state === 'applied').map((row) => row.kind)).toEqual(['thing', 'driver_create']);
  });
});

describe('a started sandbox', () => {
  it('is running until after_ready has ended, and ready then', async () => {
    const seen: unknown[] = [];
    const looker = defineExtension({
      name: 'looker',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: { thing: { apply: async () => ({}), release: async () => undefined } },
      hooks: {
        after_ready: {
          run: async (ctx) => {
            // An effect's intent writes what the run has noted so far.
            await ctx.effects.ensure('thing', 'k', {});
            seen.push((await bench.store.getSandbox(ctx.sandbox.id))?.state);
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [looker] });
    await bench.activate('looker');
    const { sandbox } = await bench.create();
    expect([...seen, sandbox.state]).toEqual(['running', 'ready']);
  });
});

describe('a failed sandbox', () => {
  it('leaves its name free; DELETE hides it and calls nobody', async () => {
    const bench = await openEngine();
    bench.driver.next('create', { kind: 'fail' });
    const { sandbox } = await bench.create({ name: 'again' });
    expect(sandbox.state).toBe('failed');
    expect((await bench.create({ name: 'again' })).sandbox.state).toBe('ready');
    bench.driver.forget();
    const hidden = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, PLAIN));
    expect(hidden.run.status).toBe('succeeded');
    expect(hidden.sandbox).toMatchObject({ state: 'deleted', hidden: true });
    expect(bench.driver.calls).toEqual([]);
    expect(await bench.attempts(hidden.run.id)).toEqual([]);
  });
});

describe('sealing', () => {
  it('again before the start: a change there that the driver refuses names its author, and the create is undone', async () => {
    const breaker = defineExtension<{ env: Record<string, unknown> }>({
      name: 'breaker',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        before_start: {
          points: ['docker.env'],
          run: (ctx) => {
            ctx.plan.env.PORT = 80;
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [breaker] });
    await bench.activate('breaker');
    const { run, sandbox } = await bench.create();
    expect(run.firstError).toMatchObject({ code: 'plan_invalid', extension: 'breaker', phase: 'before_start', path: '/env/PORT' });
    expect(sandbox.state).toBe('failed');
    expect(bench.driver.changes()).toEqual(['create', 'delete']);
  });

  it('names nobody where the request itself broke it', async () => {
    const bench = await openEngine();
    const { run } = await bench.create({ template: { driverConfig: { docker: { mounts: ['not-absolute'] } } } });
    expect(run.firstError).toMatchObject({ code: 'plan_invalid', extension: null, path: '/mounts/not-absolute' });
    expect(bench.driver.changes()).toEqual([]);
  });
});
