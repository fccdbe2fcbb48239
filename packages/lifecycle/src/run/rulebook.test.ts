import { describe, expect, it } from 'vitest';
import { anIncomingRequest, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { OK, scriptedTransport } from '../../testing/scripted-transport.ts';
import { completeManifest, defineExtension } from '../extension.ts';

interface Plan {
  labels: Record<string, string>;
  env: Record<string, string>;
}
const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: 'shhh-transport', signedAnswers: false } as const;

function labeller(name: string, value: string, more: { overrides?: string[] } = {}) {
  return defineExtension<Plan>({
    name,
    revision: '1.0.0',
    description: '',
    activation: { mode: 'global' },
    dryRunSafe: true,
    ...more,
    hooks: {
      prepare_plan: {
        points: ['docker.labels'],
        run: (ctx) => {
          ctx.plan.labels.team = value;
        },
      },
    },
  });
}

describe('activation, frozen at create', () => {
  it('defect 7.1: disabling affects new sandboxes only; cleanup of old ones still runs', async () => {
    const told: string[] = [];
    const cleaner = defineExtension({
      name: 'cleaner',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'on_request', key: 'cleaner' },
      hooks: {
        after_delete: {
          run: () => {
            told.push('after_delete');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [cleaner] });
    const id = await bench.activate('cleaner', { grant: { workspaces: null, roles: null } });
    const { sandbox } = await bench.create({ template: { labels: { 'openshell.io/extension.cleaner': ' Enabled ' } } });
    await bench.engine.updateActivation(id, { mode: 'disabled', reason: 'off' }, 1, OPERATOR);
    await expect(bench.create({ template: { labels: { 'openshell.io/extension.cleaner': 'on' } } })).rejects.toMatchObject({ code: 'activation_disabled' });
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(told).toEqual(['after_delete']);
  });

  it('a conflict names both extensions and the path, unless an override is declared and granted', async () => {
    const bench = await openEngine({ extensions: [labeller('a-first', 'red'), labeller('b-second', 'blue', { overrides: ['a-first'] })] });
    await bench.activate('a-first');
    const second = await bench.activate('b-second');
    const { run } = await bench.create();
    expect(run.firstError).toMatchObject({ code: 'field_conflict', extension: 'b-second', conflictsWith: 'a-first', path: '/labels/team' });
    expect((await bench.attempts(run.id)).find((attempt) => attempt.outcome === 'failed')?.error).toMatchObject({
      path: '/labels/team',
      conflictsWith: 'a-first',
    });
    await bench.engine.updateActivation(second, { overrides: [{ extension: 'a-first', path: '/labels' }], reason: 'granted' }, 1, OPERATOR);
    const granted = await bench.create();
    expect(granted.run.status).toBe('succeeded');
    const change = (await bench.engine.plan(granted.sandbox.id)).revisions.at(-1)?.changes[0];
    expect(change).toMatchObject({ path: '/labels/team', before: 'red', after: 'blue', overrode: 'a-first' });
  });

  it('shadow shows what it would change and applies, denies and owns nothing', async () => {
    const bench = await openEngine({ extensions: [labeller('shady', 'grey')] });
    await bench.activate('shady', { mode: 'shadow' });
    const { sandbox, run } = await bench.create();
    expect(run.status).toBe('succeeded');
    const attempt = (await bench.attempts(run.id)).find((each) => each.extension === 'shady');
    expect(attempt).toMatchObject({ outcome: 'shadowed', changes: [{ path: '/labels/team', after: 'grey' }] });
    expect(await bench.engine.plan(sandbox.id)).toMatchObject({ revisions: [{ number: 0 }] });
  });

  it('shadow in process catches effects as would-be', async () => {
    const made: string[] = [];
    const taker = defineExtension({
      name: 'taker',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async () => {
            made.push('apply');
            return {};
          },
          release: async () => {
            made.push('release');
          },
        },
      },
      hooks: {
        before_create: {
          run: async (ctx) => {
            await ctx.leases.acquire('pool', 'ip', ['1']);
            await ctx.effects.ensure('thing', 'k', {});
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [taker] });
    await bench.activate('taker', { mode: 'shadow' });
    const { run, sandbox } = await bench.create();
    expect((await bench.attempts(run.id)).find((each) => each.extension === 'taker')).toMatchObject({
      outcome: 'shadowed',
      wouldBeEffects: ['lease:pool ip', 'thing k'],
    });
    expect(made).toEqual([]);
    expect((await bench.effects(sandbox.id)).every((row) => row.extension === null)).toBe(true);
  });
});

describe('kill switch', () => {
  it('fails creates that require it, skips it elsewhere, owes its effects as killed, and pays when it is off', async () => {
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
            await ctx.effects.ensure('thing', 'k', {});
          },
        },
        before_stop: {
          run: () => {
            released.push('before_stop was called');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [holder] });
    await bench.activate('holder');
    const { sandbox } = await bench.create();
    await bench.engine.setKillSwitch('holder', true, 'it misbehaves', OPERATOR);
    await expect(bench.create()).rejects.toMatchObject({ code: 'killed' });
    const stopped = await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    expect(stopped.sandbox.state).toBe('stopped');
    expect((await bench.attempts(stopped.run.id)).find((each) => each.phase === 'before_stop')).toMatchObject({
      outcome: 'skipped',
      reason: expect.stringContaining('kill switch'),
    });
    const deleted = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(deleted.sandbox.state).toBe('deleted');
    expect(released).toEqual([]);
    expect((await bench.effects(sandbox.id)).find((row) => row.kind === 'thing')).toMatchObject({ state: 'owed', lastError: { code: 'killed' } });
    await bench.engine.setKillSwitch('holder', false, 'mended', OPERATOR);
    await bench.engine.retryDebts();
    expect(released).toEqual(['k']);
  });

  it('aborts a call in flight', async () => {
    const transport = scriptedTransport({ remote: { hook: () => new Promise(() => undefined) } });
    const bench = await openEngine({ transports: { http: transport } });
    await bench.engine.register(
      completeManifest({
        contract: 'tenon.dev/extension/v1',
        name: 'remote',
        revision: '1.0.0',
        description: '',
        activation: { mode: 'global' },
        hooks: [{ phase: 'prepare_plan' }],
      }),
      EXTERNAL,
    );
    await bench.activate('remote');
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => transport.hooks.length).toBe(1);
    await bench.engine.setKillSwitch('remote', true, 'now', OPERATOR);
    expect((await bench.end(created)).run.firstError?.code).toBe('killed');
  });
});

describe('a revision whose code is gone', () => {
  it('unregistering is refused while in use; forced, effects become owed and are paid by a revision that cleans up', async () => {
    const transport = scriptedTransport({ remote: { hook: () => ({ ...OK, effects: [{ kind: 'slot', key: 's', handle: 1, scope: null }] }) } });
    const manifest = (revision: string, cleansUp?: string) =>
      completeManifest({
        contract: 'tenon.dev/extension/v1',
        name: 'remote',
        revision,
        description: '',
        activation: { mode: 'global' },
        hooks: [{ phase: 'before_create' }],
        effects: ['slot'],
        ...(cleansUp === undefined ? {} : { cleansUp }),
      });
    const bench = await openEngine({ transports: { http: transport } });
    await bench.engine.register(manifest('1.0.0'), EXTERNAL);
    await bench.activate('remote');
    const { sandbox } = await bench.create();
    await expect(bench.engine.unregister('remote', { force: false, reason: null })).rejects.toMatchObject({
      code: 'extension_in_use',
      message: expect.stringContaining('1 activation'),
    });
    await bench.engine.unregister('remote', { force: true, reason: 'the vendor left' });
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect((await bench.effects(sandbox.id)).find((row) => row.kind === 'slot')).toMatchObject({ state: 'owed', lastError: { code: 'revision_unavailable' } });
    await bench.engine.register(manifest('2.0.0', '^1'), EXTERNAL);
    await bench.engine.retryDebts();
    expect((await bench.effects(sandbox.id)).find((row) => row.kind === 'slot')?.state).toBe('released');
  });
});

describe('dry run and preview', () => {
  it('a dry run plans, persists its run, makes no sandbox and forgets its secrets', async () => {
    const bench = await openEngine({ extensions: [labeller('labels', 'red')] });
    await bench.activate('labels');
    const { plan, run } = await bench.engine.dryRun(anIncomingRequest({ name: 'dry', environment: { API_KEY: 'sk-canary' } }), OPERATOR);
    expect(run).toMatchObject({ operation: 'preview', status: 'succeeded', sandboxId: null });
    expect(plan?.value).toMatchObject({ labels: { team: 'red' }, env: { API_KEY: { $secret: expect.any(String) } } });
    expect(JSON.stringify([plan, run])).not.toContain('sk-canary');
    expect((await bench.store.listSandboxes({ visible: null }, { limit: 10 })).items).toEqual([]);
    expect(bench.driver.changes()).toEqual([]);
  });

  it('previews a toggle on recorded requests: changes, conflicts, live sandboxes', async () => {
    const bench = await openEngine({ extensions: [labeller('a-first', 'red'), labeller('b-second', 'blue')] });
    await bench.create({ name: 'one' });
    const input = {
      extension: 'a-first',
      revision: null,
      scope: { drivers: null, workspaces: null },
      mode: 'enforce',
      percentage: 30,
      order: 1000,
      config: {},
      requestSettable: [],
      overrides: [],
      grant: null,
      failurePolicy: {},
      reason: 'try',
    } as const;
    const preview = await bench.engine.previewActivation({ kind: 'new', input }, OPERATOR);
    expect(preview.requests).toMatchObject({ replayed: 1, changed: 1, conflicts: 0, refused: 0, truncated: false });
    expect(preview.requests.samples[0]).toMatchObject({
      sandboxName: 'one',
      changes: [{ op: 'add', path: '/labels/team', after: 'red', by: { extension: 'a-first' } }],
    });
    expect(preview.drivers).toEqual([{ driver: 'docker', state: 'supported', reasons: [] }]);
    const first = await bench.activate('a-first');
    await bench.create({ name: 'two' });
    const conflict = await bench.engine.previewActivation({ kind: 'new', input: { ...input, extension: 'b-second', percentage: 100 } }, OPERATOR);
    expect(conflict.requests).toMatchObject({ replayed: 2, conflicts: 2 });
    const removal = await bench.engine.previewActivation({ kind: 'delete', id: first }, OPERATOR);
    expect(removal.requests.samples[0]?.changes[0]).toMatchObject({ op: 'remove', path: '/labels/team', before: 'red' });
    expect(removal.live.sandboxes).toBe(1);
    // A caller who may see only some workspaces is told of no other's sandboxes.
    const limited = await bench.engine.previewActivation({ kind: 'delete', id: first }, { ...OPERATOR, workspaces: ['elsewhere'] });
    expect(limited.live).toEqual({ sandboxes: 0, owedCleanups: 0, samples: [] });
    expect((await bench.store.listActivations()).length).toBe(1);
  });
});

describe('secrets', () => {
  it('stand in the vault only, reach the driver alone, and die with the sandbox', async () => {
    const seen: string[] = [];
    const spy = defineExtension({
      name: 'spy',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        prepare_plan: {
          run: (ctx) => {
            seen.push(JSON.stringify([ctx.plan, ctx.template, ctx.command]));
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [spy] });
    await bench.activate('spy');
    const { sandbox, run } = await bench.create({ environment: { DB_PASSWORD: 'canary-42', PLAIN: 'p' }, command: ['printenv', 'DB_PASSWORD'] });
    expect(run.status).toBe('succeeded');
    expect(bench.driver.backend.workloads.get(sandbox.id)?.log).toContain('canary-42');
    const everything = JSON.stringify([
      seen,
      await bench.engine.plan(sandbox.id),
      sandbox,
      run,
      await bench.attempts(run.id),
      await bench.effects(sandbox.id),
      bench.logLines,
      bench.spans,
      await bench.store.eventsAfter('0', 1000, null),
    ]);
    expect(everything).not.toContain('canary-42');
    expect(everything).toContain('$secret');
    const ref = (sandbox.request.environment.DB_PASSWORD as { $secret: string }).$secret;
    expect(await bench.vault.open(ref)).toBe('canary-42');
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(await bench.vault.open(ref)).toBeNull();
  });
});
