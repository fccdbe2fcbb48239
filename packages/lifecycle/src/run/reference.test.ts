import type { Phase } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { fakeDriver } from '../../testing/fake-driver.ts';
import { defineExtension, type Extension } from '../extension.ts';

/**
 * What OpenShell's VM reference pins with tests (facts/openshell.md section 6, as far as it is not about VM backends), the defects of it
 * that this product must not have (section 7), and the list of its source document (issue 1915). One test a line, named after it.
 */
interface Plan {
  labels: Record<string, string>;
  env: Record<string, string>;
}

function recorder(name: string, log: string[], phases: readonly Phase[], fails: Phase | null = null): Extension {
  return defineExtension({
    name,
    revision: '1.0.0',
    description: '',
    activation: { mode: 'global' },
    hooks: Object.fromEntries(
      phases.map((phase) => [
        phase,
        {
          run: () => {
            log.push(`${name} ${phase}`);
            if (phase === fails) throw new Error(`${name} fails`);
          },
        },
      ]),
    ),
  });
}

const SETUP: readonly Phase[] = ['validate_request', 'prepare_plan', 'before_create', 'after_create', 'before_start', 'after_ready'];
const TEARDOWN: readonly Phase[] = ['on_create_failed', 'on_start_failed', 'before_stop', 'after_stop', 'before_delete', 'after_delete'];

async function withRecorders(fails: { name: string; phase: Phase } | null) {
  const log: string[] = [];
  const names = ['one', 'two', 'three'];
  const bench = await openEngine({ extensions: names.map((name) => recorder(name, log, [...SETUP, ...TEARDOWN], fails?.name === name ? fails.phase : null)) });
  for (const [order, name] of names.entries()) await bench.activate(name, { order });
  return { bench, log };
}

describe('section 6: what the reference pins', () => {
  it('configure hooks run in order and stop at the first failure', async () => {
    const { bench, log } = await withRecorders({ name: 'two', phase: 'prepare_plan' });
    await bench.create();
    expect(log.filter((line) => line.endsWith('prepare_plan'))).toEqual(['one prepare_plan', 'two prepare_plan']);
    expect(log.some((line) => line.endsWith('before_create'))).toBe(false);
  });

  it('an on-request extension runs only with an enabled label, and the active names reflect that', async () => {
    const log: string[] = [];
    const asked = defineExtension({
      name: 'asked',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'on_request', key: 'asked' },
      hooks: {
        prepare_plan: {
          run: () => {
            log.push('ran');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [asked] });
    await bench.activate('asked', { grant: { workspaces: null, roles: null } });
    const without = await bench.create();
    const declined = await bench.create({ template: { labels: { 'openshell.io/extension.asked': 'off' } } });
    expect(log).toEqual([]);
    const withLabel = await bench.create({ template: { labels: { 'openshell.io/extension.asked': 'YES ' } } });
    expect(log).toEqual(['ran']);
    expect([without, declined, withLabel].map((each) => each.sandbox.record.extensions.map((active) => active.name))).toEqual([[], [], ['asked']]);
    await expect(bench.create({ template: { labels: { 'openshell.io/extension.asked': 'maybe' } } })).rejects.toMatchObject({ code: 'validation_failed' });
  });

  it('before_launch runs in order, collects environment, and stops at the first failure', async () => {
    const env = (name: string, fails = false) =>
      defineExtension<Plan>({
        name,
        revision: '1.0.0',
        description: '',
        activation: { mode: 'global' },
        hooks: {
          before_start: {
            points: ['docker.env'],
            run: (ctx) => {
              ctx.plan.env[`FROM_${name.toUpperCase()}`] = 'yes';
              if (fails) throw new Error('stop here');
            },
          },
        },
      });
    const bench = await openEngine({ extensions: [env('one'), env('two')] });
    await bench.activate('one');
    await bench.activate('two');
    const { sandbox } = await bench.create();
    expect(bench.driver.calls.find((call) => call.call === 'start')?.plan).toMatchObject({ env: { FROM_ONE: 'yes', FROM_TWO: 'yes' } });
    // Each start begins from the plan as sealed before the create.
    await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    await bench.end(await bench.engine.startSandbox(sandbox.id, OPERATOR));
    expect((await bench.engine.plan(sandbox.id)).revisions.map((revision) => revision.number)).toEqual([0, 1, 2]);
    const broken = await openEngine({ extensions: [env('one', true), env('two')] });
    await broken.activate('one');
    await broken.activate('two');
    const failed = await broken.create();
    expect((await broken.attempts(failed.run.id)).filter((attempt) => attempt.phase === 'before_start').map((attempt) => attempt.extension)).toEqual(['one']);
  });

  it('before_launch may change start points only', async () => {
    const greedy = defineExtension<Plan>({
      name: 'greedy',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        before_start: {
          points: ['docker.env'],
          run: (ctx) => {
            ctx.plan.labels.late = 'no';
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [greedy] });
    await bench.activate('greedy');
    expect((await bench.create()).run.firstError).toMatchObject({ code: 'point_closed', path: '/labels/late', extension: 'greedy' });
  });

  it('after_launch_failed reaches the extensions entered, after_delete every active one, both in reverse', async () => {
    const { bench, log } = await withRecorders({ name: 'two', phase: 'validate_request' });
    await bench.create();
    expect(log.filter((line) => line.endsWith('on_create_failed'))).toEqual(['two on_create_failed', 'one on_create_failed']);
    expect(log.some((line) => line.endsWith('on_start_failed'))).toBe(false);
    const fine = await withRecorders(null);
    const { sandbox } = await fine.bench.create();
    await fine.bench.end(await fine.bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(fine.log.filter((line) => line.endsWith('delete'))).toEqual([
      'three before_delete',
      'two before_delete',
      'one before_delete',
      'three after_delete',
      'two after_delete',
      'one after_delete',
    ]);
  });

  it('a failed start stays stopped, and gives back what it made', async () => {
    const bench = await openEngine();
    const { sandbox } = await bench.create();
    await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    bench.driver.next('start', { kind: 'fail' });
    const failed = await bench.end(await bench.engine.startSandbox(sandbox.id, OPERATOR));
    expect(failed.sandbox.state).toBe('stopped');
    expect(failed.run).toMatchObject({ status: 'failed', firstError: { code: 'driver_failed' } });
    expect((await bench.end(await bench.engine.startSandbox(sandbox.id, OPERATOR))).sandbox.state).toBe('ready');
  });

  it('delete keeps the record if the backend does not confirm, and cleans a record that has no workload', async () => {
    const bench = await openEngine({ limits: { debtRetryBaseMs: 10 } });
    const { sandbox } = await bench.create();
    bench.driver.next('delete', { kind: 'fail' });
    const stuck = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(stuck.run.firstError?.code).toBe('run_timed_out');
    expect(stuck.sandbox.state).toBe('deleting');
    await expect
      .poll(async () => {
        await bench.engine.reconcile();
        return (await bench.store.getSandbox(sandbox.id))?.state;
      })
      .toBe('deleted');
    const other = await bench.create();
    bench.driver.next('inspect', { kind: 'fail' });
    bench.driver.backend.vanish(other.sandbox.id);
    const gone = await bench.end(await bench.engine.deleteSandbox(other.sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(gone.sandbox.state).toBe('deleted');
  });

  it('a stop or delete whose answer was lost is asked again, within its run', async () => {
    const bench = await openEngine();
    const { sandbox } = await bench.create();
    bench.driver.next('stop', { kind: 'lost' });
    const stopped = await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    expect(stopped).toMatchObject({ run: { status: 'succeeded' }, sandbox: { state: 'stopped' } });
    expect((await bench.attempts(stopped.run.id)).map((attempt) => [attempt.message?.split(':')[0], attempt.number, attempt.outcome])).toEqual([
      ['stop', 1, 'failed'],
      ['stop', 2, 'ok'],
    ]);
    bench.driver.next('delete', { kind: 'lost' }, { kind: 'lost' });
    const deleted = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(deleted).toMatchObject({ run: { status: 'succeeded' }, sandbox: { state: 'deleted' } });
  });

  it('a forced delete ends deleted with the driver row owed, and what the workload may still use with it', async () => {
    const released: string[] = [];
    const holder = defineExtension({
      name: 'holder',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async () => ({}),
          release: async ({ key }) => {
            released.push(key);
          },
        },
      },
      hooks: {
        before_create: {
          run: async (ctx) => {
            await ctx.effects.ensure('thing', 'older', {});
          },
        },
        after_create: {
          run: async (ctx) => {
            await ctx.effects.ensure('thing', 'younger', {});
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [holder] });
    await bench.activate('holder');
    const { sandbox } = await bench.create();
    bench.driver.always('delete', { kind: 'fail' });
    const forced = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: true, reason: 'the node burnt down' }));
    expect(forced.sandbox.state).toBe('deleted');
    // Neither the stop nor the removal is confirmed: whatever the workload may still use stays, the younger thing too.
    expect(released).toEqual([]);
    expect(
      (await bench.effects(sandbox.id)).filter((row) => row.state === 'owed').map((row) => [row.kind, row.key === sandbox.id ? 'sandbox' : row.key]),
    ).toEqual([
      ['thing', 'older'],
      ['driver_create', 'sandbox'],
      ['thing', 'younger'],
      ['driver_start', 'sandbox'],
    ]);
    bench.driver.always('delete', null);
    await expect
      .poll(async () => {
        await bench.engine.retryDebts();
        return released;
      })
      .toEqual(['younger', 'older']);
  });
});

describe('section 7: defects of the reference', () => {
  it('7.2 callers cannot activate by themselves: no grant, no extension', async () => {
    const asked = defineExtension({
      name: 'asked',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'on_request', key: 'asked' },
      hooks: { prepare_plan: { run: () => undefined } },
    });
    const bench = await openEngine({ extensions: [asked] });
    await bench.activate('asked', { grant: { workspaces: ['team-a'], roles: null } });
    await expect(bench.create({ template: { labels: { 'openshell.io/extension.asked': 'on' } } })).rejects.toMatchObject({ code: 'activation_not_granted' });
    await expect(bench.create({ template: { labels: { 'openshell.io/extension.nobody': 'on' } } })).rejects.toMatchObject({ code: 'activation_unknown' });
    expect((await bench.create({ workspace: 'team-a', template: { labels: { 'openshell.io/extension.asked': 'on' } } })).run.status).toBe('succeeded');
  });

  it('7.3 a failed after_delete is recorded, a failed release is debt, and the state stays until it is paid', async () => {
    let broken = true;
    const holder = defineExtension({
      name: 'holder',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async () => ({}),
          release: async () => {
            if (broken) throw new Error('stuck');
          },
        },
      },
      hooks: {
        before_create: {
          run: async (ctx) => {
            await ctx.effects.ensure('thing', 'k', {});
            return { state: { kept: true } };
          },
        },
        after_delete: {
          run: () => {
            throw new Error('cleanup broke');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [holder] });
    await bench.activate('holder');
    const { sandbox } = await bench.create();
    const deleted = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect((await bench.attempts(deleted.run.id)).find((attempt) => attempt.phase === 'after_delete')).toMatchObject({
      outcome: 'failed',
      error: { message: 'cleanup broke' },
    });
    expect((await bench.effects(sandbox.id)).find((row) => row.kind === 'thing')?.state).toBe('owed');
    expect(await bench.store.extensionState(sandbox.id, 'holder')).toEqual({ kept: true });
    broken = false;
    await expect
      .poll(async () => {
        await bench.engine.retryDebts();
        return (await bench.effects(sandbox.id)).find((row) => row.kind === 'thing')?.state;
      })
      .toBe('released');
  });

  it('7.5 an abort is heard, awaited, then compensated: never a hook cancelled in mid-await and left', async () => {
    const log: string[] = [];
    const slow = defineExtension({
      name: 'slow',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async () => ({}),
          release: async () => {
            log.push('released');
          },
        },
      },
      hooks: {
        before_create: {
          deadlineMs: 20_000,
          run: async (ctx) => {
            await ctx.effects.ensure('thing', 'k', {});
            log.push('allocated');
            await new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => setTimeout(resolve, 10)));
            log.push('hook noticed');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [slow] });
    await bench.activate('slow');
    const { anIncomingRequest } = await import('../../testing/engine-bench.ts');
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => log).toEqual(['allocated']);
    const deleted = await bench.end(await bench.engine.deleteSandbox(created.sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(log).toEqual(['allocated', 'hook noticed', 'released']);
    expect(deleted.sandbox.state).toBe('deleted');
    expect((await bench.attempts(created.run.id)).find((attempt) => attempt.phase === 'before_create')).toMatchObject({
      outcome: 'aborted',
      reason: 'superseded',
    });
  });

  it('7.7 a span for each attempt, cleanup linked to what made it', async () => {
    const { bench } = await withRecorders({ name: 'three', phase: 'after_create' });
    const { run } = await bench.create();
    const attempts = await bench.attempts(run.id);
    expect(new Set(bench.spans.map((span) => span.attempt.spanId)).size).toBe(bench.spans.length);
    expect(bench.spans.map((span) => span.attempt.id)).toEqual(attempts.map((attempt) => attempt.id));
    const undone = attempts.find((attempt) => attempt.kind === 'driver' && attempt.message === 'delete');
    expect(undone?.compensates).toBe(attempts.find((attempt) => attempt.kind === 'driver' && attempt.message === 'create')?.id);
  });
});

describe('the list of the source document', () => {
  it('validate, prepare, create, start, ready, in this order for all extensions', async () => {
    const { bench, log } = await withRecorders(null);
    await bench.create();
    expect(log).toEqual(SETUP.flatMap((phase) => ['one', 'two', 'three'].map((name) => `${name} ${phase}`)));
  });

  it('phases that a driver lacks: optional hooks are skipped visibly, required ones refuse the create', async () => {
    const log: string[] = [];
    const driver = () => fakeDriver({ capabilities: { phases: ['validate_request', 'prepare_plan', 'before_create'] } });
    const optional = defineExtension({
      name: 'optional',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        after_ready: {
          required: false,
          run: () => {
            log.push('ran');
          },
        },
      },
    });
    const bench = await openEngine({ driver: driver(), extensions: [optional, recorder('strict', log, ['after_create'])] });
    await bench.activate('optional');
    const { run } = await bench.create();
    expect(run.status).toBe('succeeded');
    expect(log).toEqual([]);
    expect((await bench.attempts(run.id)).find((attempt) => attempt.phase === 'after_ready')).toMatchObject({
      outcome: 'skipped',
      reason: expect.stringContaining('after_ready'),
    });
    await expect(bench.activate('strict')).rejects.toMatchObject({ code: 'capability_missing' });
  });

  it('a reserved field is refused whatever the declared point, and nothing of the hook is applied', async () => {
    const rude = defineExtension<Plan>({
      name: 'rude',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        prepare_plan: {
          points: ['docker.labels'],
          run: (ctx) => {
            ctx.plan.labels.fine = 'yes';
            ctx.plan.labels['tenon.dev/sandbox-id'] = 'mine';
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [rude] });
    await bench.activate('rude');
    const { run, sandbox } = await bench.create();
    expect(run.firstError).toMatchObject({ code: 'reserved_field', path: '/labels/tenon.dev~1sandbox-id', extension: 'rude' });
    expect((await bench.engine.plan(sandbox.id)).revisions).toHaveLength(1);
  });

  it('the same name twice in a workspace is refused while the first lives', async () => {
    const bench = await openEngine();
    const { sandbox } = await bench.create({ name: 'twin' });
    await expect(bench.create({ name: 'twin' })).rejects.toMatchObject({ code: 'sandbox_exists' });
    await bench.create({ name: 'twin', workspace: 'other' });
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect((await bench.create({ name: 'twin' })).run.status).toBe('succeeded');
  });

  it('a plan that the driver refuses names the extension whose change broke it', async () => {
    const breaker = defineExtension<{ mounts: { target: string }[] }>({
      name: 'breaker',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        prepare_plan: {
          points: ['docker.mounts'],
          run: (ctx) => {
            ctx.plan.mounts.push({ target: 'data' });
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [breaker] });
    await bench.activate('breaker');
    const { run } = await bench.create();
    expect(run.firstError).toMatchObject({ code: 'plan_invalid', extension: 'breaker', path: '/mounts/data' });
  });
});

describe('an unknown outcome of the driver', () => {
  it('a create whose answer was lost is found by its name and deleted, and looked for once more', async () => {
    const driver = fakeDriver({ lateCreateMs: 30 });
    const bench = await openEngine({ driver });
    driver.next('create', { kind: 'lost' });
    const { sandbox, run } = await bench.create();
    expect(run.firstError?.code).toBe('driver_unavailable');
    expect(driver.backend.workloads.size).toBe(0);
    expect((await bench.effects(sandbox.id)).find((row) => row.kind === 'driver_create')?.nextRetryAt).not.toBeNull();
    driver.forget();
    await expect
      .poll(async () => {
        await bench.engine.retryDebts();
        return driver.changes();
      })
      .toEqual(['delete']);
  });

  it('an object whose sandbox is failed or deleted here is removed by the pass, and recorded', async () => {
    const bench = await openEngine();
    const { sandbox } = await bench.create();
    const workload = bench.driver.backend.workloads.get(sandbox.id);
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    if (workload !== undefined) bench.driver.backend.put(workload);
    expect(await bench.engine.reconcile()).toBe(1);
    expect(bench.driver.backend.workloads.size).toBe(0);
    expect((await bench.store.listAudit({ visible: null, action: 'sandbox.remove_leftover' }, { limit: 5 })).items).toHaveLength(1);
  });
});
