import { describe, expect, it } from 'vitest';
import { anIncomingRequest, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { fakeDriver } from '../../testing/fake-driver.ts';
import { OK, scriptedTransport } from '../../testing/scripted-transport.ts';
import type { HookContext } from '../context.ts';
import { completeManifest, defineExtension } from '../extension.ts';
import type { HookCall } from '../ports/transport.ts';

/** Clauses of the lifecycle design that no other test names. */
interface Plan {
  labels: Record<string, string>;
  env: Record<string, string>;
  networks: { name: string; ipv4: string | null; aliases: string[] }[];
}
const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: null, signedAnswers: false } as const;
const PLAIN = { force: false, reason: null } as const;

describe('order', () => {
  it('createStarts: before_start comes before the one call, and after_create sees a running sandbox', async () => {
    const log: string[] = [];
    const driver = fakeDriver({ createStarts: true });
    const recorder = defineExtension<Plan>({
      name: 'recorder',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        before_create: {
          run: () => {
            log.push('before_create');
          },
        },
        before_start: {
          points: ['docker.env'],
          run: (ctx) => {
            ctx.plan.env.LATE = 'yes';
            log.push('before_start');
          },
        },
        after_create: {
          run: (ctx) => {
            log.push(`after_create ${driver.backend.workloads.get(ctx.sandbox.id)?.state}`);
          },
        },
        after_ready: {
          run: () => {
            log.push('after_ready');
          },
        },
      },
    });
    const bench = await openEngine({ driver, extensions: [recorder] });
    await bench.activate('recorder');
    const { sandbox } = await bench.create();
    expect(log).toEqual(['before_create', 'before_start', 'after_create running', 'after_ready']);
    expect(driver.changes()).toEqual(['create']);
    expect(driver.calls.find((call) => call.call === 'create')?.plan).toMatchObject({ env: { LATE: 'yes' } });
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, PLAIN));
    expect((await bench.effects(sandbox.id)).every((row) => row.state === 'released')).toBe(true);
  });

  it('a late point is closed in prepare_plan, a prepared one in before_create', async () => {
    const early = defineExtension<Plan>({
      name: 'early',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        prepare_plan: {
          optionalPoints: ['docker.labels'],
          run: (ctx) => {
            ctx.plan.networks.push({ name: 'n', ipv4: null, aliases: [] });
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [early] });
    await bench.activate('early');
    expect((await bench.create()).run.firstError).toMatchObject({ code: 'point_closed', path: expect.stringMatching(/^\/networks\/n/) });
    expect(() =>
      defineExtension<Plan>({
        name: 'late',
        revision: '1.0.0',
        description: '',
        activation: { mode: 'global' },
        hooks: { before_create: { points: ['docker.labels'], run: () => undefined } },
      }),
    ).not.toThrow();
    const late = defineExtension<Plan>({
      name: 'late',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: { before_create: { points: ['docker.labels'], run: () => undefined } },
    });
    await expect(openEngine({ extensions: [late] })).rejects.toMatchObject({ code: 'point_closed' });
  });

  it('after_ready runs again when the backend replaced the workload', async () => {
    const seen: string[] = [];
    const watcher = defineExtension({
      name: 'watcher',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        after_ready: {
          run: (ctx) => {
            seen.push(ctx.run.operation);
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [watcher] });
    await bench.activate('watcher');
    const { sandbox } = await bench.create();
    bench.driver.backend.replace(sandbox.id);
    await expect.poll(() => seen).toEqual(['create', 'reconcile']);
    await expect.poll(async () => (await bench.store.activeRun(sandbox.id))?.id).toBeUndefined();
    expect((await bench.store.getSandbox(sandbox.id))?.state).toBe('ready');
  });

  it('a pass that finds nothing writes no run; reconcile hooks run once after a restart', async () => {
    const seen: string[] = [];
    const watcher = defineExtension({
      name: 'watcher',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        reconcile: {
          run: () => {
            seen.push('reconcile');
          },
        },
      },
    });
    const driver = fakeDriver();
    const bench = await openEngine({ driver, extensions: [watcher] });
    await bench.activate('watcher');
    const { sandbox } = await bench.create();
    expect(await bench.engine.reconcile()).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const restarted = bench.another({ driver, extensions: [watcher] });
    expect(await restarted.engine.reconcile()).toBe(1);
    expect(await restarted.engine.reconcile()).toBe(0);
    expect(seen).toEqual(['reconcile']);
    expect((await bench.store.listRuns({ visible: null, sandboxId: sandbox.id }, { limit: 10 })).items.map((run) => run.operation).sort()).toEqual([
      'create',
      'reconcile',
    ]);
  });
});

describe('hook context', () => {
  it('holds what section 9 lists, and never a secret or the config of another extension', async () => {
    let seen: HookCall | null = null;
    const transport = scriptedTransport({
      remote: {
        hook: (call) => {
          seen = call;
          return OK;
        },
      },
    });
    const other = defineExtension({
      name: 'other',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      configSchema: { type: 'object', properties: { note: { type: 'string' } } },
      hooks: { prepare_plan: { run: () => undefined } },
    });
    const bench = await openEngine({ extensions: [other], transports: { http: transport } });
    await bench.engine.register(
      completeManifest({
        contract: 'tenon.dev/extension/v1',
        name: 'remote',
        revision: '1.2.3',
        description: '',
        activation: { mode: 'global' },
        hooks: [{ phase: 'prepare_plan', points: ['*.labels'] }],
        configSchema: { type: 'object', properties: { subnet: { type: 'string' }, size: { type: 'integer' } } },
      }),
      EXTERNAL,
    );
    await bench.activate('remote', { config: { subnet: '10.0.0.0/24' }, requestSettable: ['size'] });
    await bench.activate('other', { config: { note: 'not-for-others' } });
    const { run, sandbox } = await bench.create({
      environment: { TOKEN: 'secret-canary' },
      extensionConfig: { remote: { size: 3 } },
      template: { resources: { cpuLimit: '500m' } },
    });
    expect(run.firstError).toBeNull();
    const call = seen as HookCall | null;
    expect(call?.input).toMatchObject({
      phase: 'prepare_plan',
      extension: 'remote',
      revision: '1.2.3',
      run: { id: run.id, operation: 'create', attempt: 1, idempotencyKey: expect.any(String), deadline: expect.stringMatching(/Z$/) },
      sandbox: { id: sandbox.id, name: sandbox.name, workspace: 'default' },
      driver: { name: 'docker', chain: ['docker'] },
      actor: { name: 'olga' },
      requestId: 'req-1',
      resources: { cpuLimit: '500m' },
      command: ['sleep', '3600'],
      claims: { tenant: 'acme', user: 'olga' },
      config: { subnet: '10.0.0.0/24' },
      requestConfig: { size: 3 },
      state: null,
      shadow: false,
      dryRun: false,
    });
    expect(call?.input.claims).not.toHaveProperty('policy');
    expect(call?.plan.open).toEqual([{ point: 'docker.labels', path: '/labels' }]);
    expect(call?.traceparent).toMatch(new RegExp(`^00-${run.traceId}-[0-9a-f]{16}-01$`));
    const wire = JSON.stringify([call?.input, call?.plan.value]);
    expect(wire).not.toContain('secret-canary');
    expect(wire).not.toContain('not-for-others');
  });

  it('the signal is made when first read, and fires at the deadline', async () => {
    let aborted = false;
    const slow = defineExtension({
      name: 'slow',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        prepare_plan: {
          deadlineMs: 15,
          run: (ctx) =>
            new Promise<undefined>((resolve) => {
              ctx.signal.addEventListener('abort', () => {
                aborted = true;
                resolve(undefined);
              });
            }),
        },
      },
    });
    const bench = await openEngine({ extensions: [slow], limits: { attempts: 1 } });
    await bench.activate('slow');
    expect((await bench.create()).run.firstError?.code).toBe('hook_timed_out');
    expect(aborted).toBe(true);
  });
});

describe('leases and claims', () => {
  it('the same holder gets the same item; none free is resource_exhausted, and nothing of the failed create stays taken', async () => {
    const leaser = defineExtension({
      name: 'leaser',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        before_create: {
          run: async (ctx) => {
            const first = await ctx.leases.acquire('pool', 'ip', ['a', 'b']);
            expect(await ctx.leases.acquire('pool', 'ip', ['a', 'b'])).toBe(first);
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [leaser] });
    await bench.activate('leaser');
    const [one] = [await bench.create(), await bench.create()];
    const third = await bench.create();
    expect(third.run.firstError).toMatchObject({ code: 'resource_exhausted', extension: 'leaser' });
    expect((await bench.pools.list('pool')).map((lease) => lease.item).sort()).toEqual(['a', 'b']);
    await bench.end(await bench.engine.deleteSandbox(one.sandbox.id, OPERATOR, PLAIN));
    expect((await bench.create()).run.status).toBe('succeeded');
  });

  it('claims come from the caller; others are refused unless the token may assert them', async () => {
    const bench = await openEngine();
    const asked = anIncomingRequest({ claims: { tenant: 'other' } });
    await expect(bench.engine.createSandbox(asked, OPERATOR)).rejects.toMatchObject({ code: 'forbidden' });
    const same = await bench.end(await bench.engine.createSandbox(anIncomingRequest({ claims: { tenant: 'acme' } }), OPERATOR));
    expect(same.sandbox.record.claims).toEqual({ tenant: 'acme', user: 'olga' });
    const asserted = await bench.end(await bench.engine.createSandbox(asked, { ...OPERATOR, assertClaims: true }));
    expect(asserted.sandbox.record).toMatchObject({ claims: { tenant: 'other' }, claimsSource: 'asserted by olga' });
  });
});

describe('dry run', () => {
  it('lists late points that an effect would fill, and says which hooks were skipped', async () => {
    const net = defineExtension<Plan>({
      name: 'net',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      dryRunSafe: true,
      hooks: { before_create: { points: ['docker.networks'], run: () => undefined } },
    });
    const unsafe = defineExtension({
      name: 'unsafe',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: { validate_request: { run: () => undefined } },
    });
    const partial = defineExtension<Plan>({
      name: 'partial',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      dryRunSafe: true,
      hooks: {
        prepare_plan: {
          points: ['docker.labels'],
          run: (ctx) => {
            ctx.plan.labels.seen = String(ctx.dryRun);
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [net, unsafe, partial] });
    for (const name of ['net', 'unsafe']) await bench.activate(name);
    await bench.activate('partial', { percentage: 0 });
    const { plan, run } = await bench.engine.dryRun(anIncomingRequest(), OPERATOR);
    expect(plan?.pending).toEqual(['docker.networks']);
    expect(plan?.value).toMatchObject({ labels: { seen: 'true' } });
    expect((await bench.attempts(run.id)).find((attempt) => attempt.extension === 'unsafe')).toMatchObject({
      outcome: 'skipped',
      reason: expect.stringContaining('dryRunSafe'),
    });
    expect(run.preview?.record.extensions.find((active) => active.name === 'partial')?.percentage).toBe(0);
  });

  it('a preview that runs out of time says truncated', async () => {
    const slow = defineExtension<Plan>({
      name: 'slow',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      dryRunSafe: true,
      hooks: {
        prepare_plan: {
          points: ['docker.labels'],
          run: async (ctx) => {
            if (ctx.dryRun) await new Promise((resolve) => setTimeout(resolve, 30));
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [slow], limits: { previewBudgetMs: 40 } });
    for (let i = 0; i < 8; i++) await bench.create();
    const preview = await bench.engine.previewActivation(
      {
        kind: 'new',
        input: {
          extension: 'slow',
          revision: null,
          scope: { drivers: null, workspaces: null },
          mode: 'enforce',
          percentage: 100,
          order: 1,
          config: {},
          requestSettable: [],
          overrides: [],
          grant: null,
          failurePolicy: {},
          reason: 'r',
        },
      },
      OPERATOR,
    );
    expect(preview.requests.truncated).toBe(true);
    expect(preview.requests.replayed).toBeLessThan(8);
  });
});

describe('in-process code', () => {
  it('that is replaced moves its activations; a config that no longer fits fails creates that require it', async () => {
    const at = (revision: string, required: string[]) =>
      defineExtension({
        name: 'mover',
        revision,
        description: '',
        activation: { mode: 'global' },
        configSchema: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } }, required },
        hooks: { prepare_plan: { run: () => undefined } },
      });
    const bench = await openEngine({ extensions: [at('1.0.0', ['a'])] });
    await bench.activate('mover', { config: { a: 'x' } });
    await bench.create();
    const newer = at('2.0.0', ['b']);
    const restarted = bench.another({ extensions: [newer] });
    const moved = await restarted.engine.installInProcess([{ extension: newer, source: 'configured' }]);
    expect(moved).toMatchObject([{ extension: 'mover', revision: '2.0.0' }]);
    await expect(restarted.create()).rejects.toMatchObject({ code: 'config_invalid' });
  });
});

describe('hostile hooks in process', () => {
  const cases: Record<string, { run: (ctx: HookContext) => unknown; code: string }> = {
    'throws a string': {
      run: () => {
        throw 'just text';
      },
      code: 'hook_failed',
    },
    'throws null': {
      run: () => {
        throw null;
      },
      code: 'hook_failed',
    },
    'throws with NUL and a lone surrogate in the message': {
      run: () => {
        throw new Error('a\u0000b\ud800c');
      },
      code: 'hook_failed',
    },
    'answers a number': { run: () => 42, code: 'hook_protocol_error' },
    'answers an unknown result': { run: () => ({ result: 'maybe' }), code: 'hook_protocol_error' },
    'puts NaN into the plan': {
      run: (ctx) => {
        (ctx.plan as unknown as Plan & { labels: Record<string, unknown> }).labels.x = Number.NaN as never;
      },
      code: 'patch_invalid',
    },
    'puts a Date into the plan': {
      run: (ctx) => {
        (ctx.plan as unknown as { labels: Record<string, unknown> }).labels.x = new Date();
      },
      code: 'patch_invalid',
    },
    'puts a Map into the plan': {
      run: (ctx) => {
        (ctx.plan as unknown as { labels: unknown }).labels = new Map();
      },
      code: 'patch_invalid',
    },
    'puts a function into the plan': {
      run: (ctx) => {
        (ctx.plan as unknown as { labels: Record<string, unknown> }).labels.x = () => 1;
      },
      code: 'patch_invalid',
    },
    'reaches for __proto__': {
      run: (ctx) => {
        Reflect.set(Reflect.get(ctx.plan as object, '__proto__'), 'polluted', true);
      },
      code: 'patch_invalid',
    },
    'reaches for constructor.prototype': {
      run: (ctx) => {
        (ctx.plan as unknown as { labels: { constructor: { prototype: Record<string, unknown> } } }).labels.constructor.prototype.polluted = true;
      },
      code: 'patch_invalid',
    },
    'nests 256,000 levels deep': {
      run: (ctx) => {
        let deep: unknown = 'end';
        for (let i = 0; i < 256_000; i++) deep = [deep];
        (ctx.plan as unknown as { labels: Record<string, unknown> }).labels.x = deep;
      },
      code: 'patch_invalid',
    },
    'puts 10 MB into the plan': {
      run: (ctx) => {
        (ctx.plan as unknown as Plan).labels.x = 'x'.repeat(10_000_000);
      },
      code: 'patch_too_large',
    },
    'replaces the whole plan': {
      run: (ctx) => {
        (ctx.plan as unknown as { name: string }).name = 'mine';
      },
      code: 'reserved_field',
    },
  };
  for (const [what, { run, code }] of Object.entries(cases)) {
    it(`${what}: ${code}, nothing applied, and the engine lives on`, async () => {
      const rude = defineExtension({
        name: 'rude',
        revision: '1.0.0',
        description: '',
        activation: { mode: 'global' },
        hooks: { prepare_plan: { points: ['docker.labels'], run: (ctx) => run(ctx as HookContext) as undefined } },
      });
      const bench = await openEngine({ extensions: [rude] });
      const id = await bench.activate('rude');
      const { run: failed, sandbox } = await bench.create();
      expect(failed.firstError).toMatchObject({ code, extension: 'rude', phase: 'prepare_plan' });
      expect((await bench.engine.plan(sandbox.id)).revisions).toHaveLength(1);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      await bench.engine.updateActivation(id, { mode: 'disabled', reason: 'rude' }, 1, OPERATOR);
      expect((await bench.create()).run.status).toBe('succeeded');
    });
  }

  it('an object that a hook kept changes neither plan nor trace later, and a plan used after the hook throws', async () => {
    const kept: { value: string[]; plan: Plan | null } = { value: ['first'], plan: null };
    const keeper = defineExtension<Plan>({
      name: 'keeper',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        before_create: {
          points: ['docker.networks'],
          run: (ctx) => {
            ctx.plan.networks.push({ name: 'n', ipv4: null, aliases: kept.value });
            kept.plan = ctx.plan;
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [keeper] });
    await bench.activate('keeper');
    const { sandbox, run } = await bench.create();
    kept.value.push('smuggled');
    expect(() => kept.plan?.networks.length).toThrow();
    expect(JSON.stringify([await bench.engine.plan(sandbox.id), await bench.attempts(run.id)])).not.toContain('smuggled');
  });
});
