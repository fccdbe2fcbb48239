import { describe, expect, it } from 'vitest';
import { anIncomingRequest, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { fakeDriver } from '../../testing/fake-driver.ts';
import { defineExtension } from '../extension.ts';

interface Plan {
  labels: Record<string, string>;
  env: Record<string, string>;
  networks: { name: string; ipv4: string | null; aliases: string[] }[];
}

const labels = defineExtension<Plan>({
  name: 'labels',
  revision: '1.0.0',
  description: 'adds a label',
  activation: { mode: 'global' },
  dryRunSafe: true,
  hooks: {
    prepare_plan: {
      points: ['docker.labels'],
      run: (ctx) => {
        ctx.plan.labels.team = 'blue';
        return { message: 'teams are coloured' };
      },
    },
  },
});

/** Allocates one address in before_create and attaches it as a late point. */
function addresses(log: string[], options: { failIn?: string } = {}) {
  return defineExtension<Plan>({
    name: 'addresses',
    revision: '1.0.0',
    description: 'leases an address',
    activation: { mode: 'global' },
    effects: {
      address: {
        apply: async ({ key }) => {
          log.push(`apply ${key}`);
          return { ip: '10.0.0.7' };
        },
        release: async ({ key, handle }) => {
          log.push(`release ${key} ${JSON.stringify(handle)}`);
        },
      },
    },
    hooks: {
      before_create: {
        points: ['docker.networks'],
        run: async (ctx) => {
          const made = await ctx.effects.ensure<{ ip: string }>('address', ctx.sandbox.id.slice(0, 4), { for: ctx.sandbox.name });
          ctx.plan.networks.push({ name: 'tenant', ipv4: made.ip, aliases: [] });
          if (options.failIn === 'before_create') throw new Error('no luck');
        },
      },
      after_create: {
        run: () => {
          if (options.failIn === 'after_create') throw new Error('no luck either');
        },
      },
      on_create_failed: {
        run: () => {
          log.push('told on_create_failed');
        },
      },
      after_delete: {
        run: () => {
          log.push('told after_delete');
        },
      },
    },
  });
}

describe('create', () => {
  it('runs the phases in order, seals, creates, starts and ends ready', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [labels, addresses(log)] });
    await bench.activate('labels');
    await bench.activate('addresses');
    const { sandbox, run } = await bench.create();
    expect(run.firstError).toBeNull();
    expect(run.status).toBe('succeeded');
    expect(sandbox.state).toBe('ready');
    expect(bench.driver.changes()).toEqual(['create', 'start']);
    const plan = await bench.engine.plan(sandbox.id);
    expect(plan.value).toMatchObject({ labels: { team: 'blue' }, networks: [{ name: 'tenant', ipv4: '10.0.0.7' }] });
    expect(plan.revisions.map((revision) => [revision.number, revision.by.name, revision.phase])).toEqual([
      [0, 'docker', null],
      [1, 'labels', 'prepare_plan'],
      [2, 'addresses', 'before_create'],
    ]);
    const effects = await bench.effects(sandbox.id);
    expect(effects.map((effect) => [effect.kind, effect.state])).toEqual([
      ['address', 'applied'],
      ['driver_create', 'applied'],
      ['driver_start', 'applied'],
    ]);
    const blame = await bench.engine.blame(sandbox.id, '/labels/team');
    expect(blame.owner).toMatchObject({ kind: 'extension', name: 'labels', phase: 'prepare_plan' });
  });

  it('unwinds newest first when a hook fails after it allocated, before the driver created', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [addresses(log, { failIn: 'before_create' })] });
    await bench.activate('addresses');
    const { sandbox, run } = await bench.create();
    expect(run.status).toBe('failed');
    expect(run.firstError).toMatchObject({ code: 'hook_failed', extension: 'addresses', phase: 'before_create', message: 'no luck' });
    expect(sandbox.state).toBe('failed');
    expect(log).toEqual([expect.stringMatching(/^apply/), 'told on_create_failed', expect.stringMatching(/^release .*10.0.0.7/)]);
    expect(bench.driver.changes()).toEqual([]);
    const attempt = (await bench.attempts(run.id)).find((each) => each.id === run.firstError?.attemptId);
    expect(attempt?.outcome).toBe('failed');
  });

  it('deletes what the driver made, then gives back what was made before it', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [addresses(log, { failIn: 'after_create' })] });
    await bench.activate('addresses');
    const { sandbox, run } = await bench.create();
    expect(run.status).toBe('failed');
    expect(bench.driver.changes()).toEqual(['create', 'delete']);
    expect((await bench.effects(sandbox.id)).map((effect) => effect.state)).toEqual(['released', 'released']);
    const trace = await bench.attempts(run.id);
    expect(trace.filter((attempt) => attempt.kind !== 'hook').map((attempt) => [attempt.kind, attempt.message ?? attempt.extension])).toEqual([
      ['driver', 'create'],
      ['driver', 'delete'],
      ['release', 'addresses'],
    ]);
    const again = await bench.create({ name: sandbox.name });
    expect(again.run.firstError?.code).toBe('hook_failed');
  });

  it('owes the driver row and everything older when the driver cannot confirm, and pays in that order', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [addresses(log, { failIn: 'after_create' })] });
    await bench.activate('addresses');
    bench.driver.next('delete', { kind: 'fail' });
    const { sandbox, run } = await bench.create();
    expect(run.status).toBe('failed_with_debt');
    expect((await bench.effects(sandbox.id)).map((effect) => [effect.kind, effect.state])).toEqual([
      ['address', 'owed'],
      ['driver_create', 'owed'],
    ]);
    expect(log.filter((line) => line.startsWith('release'))).toEqual([]);
    const address = (await bench.effects(sandbox.id)).find((effect) => effect.kind === 'address');
    await bench.engine.retryEffect(address?.id ?? '', OPERATOR);
    expect((await bench.effects(sandbox.id)).map((effect) => effect.state)).toEqual(['released', 'released']);
    expect(log.at(-1)).toMatch(/^release/);
  });
});

describe('the rest of a life', () => {
  it('stops, starts and deletes, releasing by scope', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [addresses(log)] });
    await bench.activate('addresses');
    const { sandbox } = await bench.create();
    const stopped = await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    expect(stopped.run.firstError).toBeNull();
    expect(stopped.sandbox.state).toBe('stopped');
    expect((await bench.effects(sandbox.id)).map((effect) => [effect.kind, effect.state])).toEqual([
      ['address', 'applied'],
      ['driver_create', 'applied'],
      ['driver_start', 'released'],
    ]);
    const started = await bench.end(await bench.engine.startSandbox(sandbox.id, OPERATOR));
    expect(started.run.firstError).toBeNull();
    expect(started.sandbox.state).toBe('ready');
    const deleted = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(deleted.run.firstError).toBeNull();
    expect(deleted.sandbox.state).toBe('deleted');
    expect(log.slice(-2)).toEqual(['told after_delete', expect.stringMatching(/^release/)]);
    expect((await bench.effects(sandbox.id)).every((effect) => effect.state === 'released')).toBe(true);
    expect(bench.driver.backend.workloads.size).toBe(0);
  });

  it('calls nothing when a stopped sandbox is stopped and a deleted one deleted', async () => {
    const bench = await openEngine();
    const { sandbox } = await bench.create();
    const first = await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    const again = await bench.engine.stopSandbox(sandbox.id, OPERATOR);
    expect(again.run.id).toBe(first.run.id);
    const gone = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect((await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null })).run.id).toBe(gone.run.id);
    await expect(bench.engine.startSandbox(sandbox.id, OPERATOR)).rejects.toMatchObject({ code: 'sandbox_state' });
  });

  it('a command that ended before it was ready: stopped with exited, create succeeded, after_ready skipped, after_exit told', async () => {
    const told: string[] = [];
    const watcher = defineExtension({
      name: 'watcher',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        after_ready: {
          run: () => {
            told.push('after_ready');
          },
        },
        after_exit: {
          run: () => {
            told.push('after_exit');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [watcher] });
    await bench.activate('watcher');
    const { sandbox, run } = await bench.create({ command: ['exit', '3'] });
    expect(run.status).toBe('succeeded');
    expect(sandbox).toMatchObject({ state: 'stopped', stateReason: { code: 'exited', exitCode: 3 } });
    await expect.poll(() => told).toEqual(['after_exit']);
    await expect.poll(async () => (await bench.effects(sandbox.id)).find((effect) => effect.kind === 'driver_start')?.state).toBe('released');
    const skipped = (await bench.attempts(run.id)).find((attempt) => attempt.phase === 'after_ready');
    expect(skipped).toMatchObject({ outcome: 'skipped', reason: expect.stringContaining('exited') });
  });

  it('notices an exit and a removal by hand', async () => {
    const told: string[] = [];
    const watcher = defineExtension({
      name: 'watcher',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        after_exit: {
          run: () => {
            told.push('after_exit');
          },
        },
        after_delete: {
          run: () => {
            told.push('after_delete');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [watcher] });
    await bench.activate('watcher');
    const one = await bench.create();
    bench.driver.backend.exit(one.sandbox.id, 0);
    await expect.poll(async () => (await bench.store.getSandbox(one.sandbox.id))?.state).toBe('stopped');
    expect(told).toEqual(['after_exit']);
    const two = await bench.create();
    bench.driver.backend.vanish(two.sandbox.id);
    await expect.poll(async () => (await bench.store.getSandbox(two.sandbox.id))?.state).toBe('deleted');
    expect(told).toEqual(['after_exit', 'after_exit', 'after_delete']);
  });
});

describe('supersession', () => {
  it('a delete takes over from a create: unwound, no hook of the delete, name free', async () => {
    const bench = await openEngine();
    let open: () => void = () => undefined;
    bench.driver.next('awaitReady', {
      kind: 'gate',
      gate: new Promise<void>((resolve) => {
        open = resolve;
      }),
    });
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(async () => (await bench.store.getSandbox(created.sandbox.id))?.state).toBeDefined();
    await expect.poll(() => bench.driver.calls.some((call) => call.call === 'awaitReady')).toBe(true);
    const asked = await bench.engine.deleteSandbox(created.sandbox.id, OPERATOR, { force: false, reason: null });
    expect(asked.run.status).toBe('waiting');
    const deleted = await bench.end(asked);
    open();
    expect(deleted.run.status).toBe('succeeded');
    expect(deleted.sandbox.state).toBe('deleted');
    expect((await bench.store.getRun(created.run.id))?.firstError?.code).toBe('run_superseded');
    expect(bench.driver.backend.workloads.size).toBe(0);
  });
});

describe('recovery', () => {
  it('an interrupted create is unwound by another replica', async () => {
    const log: string[] = [];
    const driver = fakeDriver();
    const bench = await openEngine({ driver, extensions: [addresses(log)] });
    await bench.activate('addresses');
    driver.next('start', { kind: 'hang' });
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => driver.calls.some((call) => call.call === 'start')).toBe(true);
    await bench.engine.drain(0);
    const other = bench.another({ driver, extensions: [addresses(log)] });
    await expect
      .poll(async () => {
        await other.engine.recover();
        return (await bench.store.getRun(created.run.id))?.status;
      })
      .toBe('failed');
    expect((await bench.store.getSandbox(created.sandbox.id))?.state).toBe('failed');
    expect(driver.backend.workloads.size).toBe(0);
    expect((await bench.effects(created.sandbox.id)).every((effect) => effect.state === 'released')).toBe(true);
    expect(log.at(-1)).toMatch(/^release/);
  });
});

describe('a lost workload that the driver relaunches', () => {
  const restorer = (fails: 'before_restore' | null, told: string[]) =>
    defineExtension({
      name: 'restorer',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        before_restore: {
          required: false,
          run: () => {
            told.push('before_restore');
            if (fails === 'before_restore') throw new Error('the key is gone');
          },
        },
        after_restore: {
          required: false,
          run: () => {
            told.push('after_restore');
          },
        },
        after_delete: {
          run: () => {
            told.push('after_delete');
          },
        },
      },
    });

  it('runs before_restore, relaunches, runs after_restore', async () => {
    const told: string[] = [];
    const driver = fakeDriver({ relaunches: true });
    const bench = await openEngine({ driver, extensions: [restorer(null, told)] });
    await bench.activate('restorer');
    const { sandbox } = await bench.create();
    driver.backend.exit(sandbox.id, 137, 'lost');
    await expect.poll(() => told).toEqual(['before_restore', 'after_restore']);
    await expect.poll(async () => (await bench.store.activeRun(sandbox.id))?.status).toBeUndefined();
    expect((await bench.store.getSandbox(sandbox.id))?.state).toBe('ready');
    expect(driver.backend.workloads.get(sandbox.id)?.state).toBe('running');
  });

  it('defect 7.4: a failed before_restore keeps the record, and a later delete finds it', async () => {
    const told: string[] = [];
    const driver = fakeDriver({ relaunches: true });
    const bench = await openEngine({ driver, extensions: [restorer('before_restore', told)] });
    await bench.activate('restorer', { failurePolicy: {} });
    const { sandbox } = await bench.create();
    driver.backend.exit(sandbox.id, 137, 'lost');
    await expect.poll(async () => (await bench.store.getSandbox(sandbox.id))?.stateReason?.code).toBe('restore_failed');
    const deleted = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(deleted.run.status).toBe('succeeded');
    expect(told).toContain('after_delete');
  });
});
