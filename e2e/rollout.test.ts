import { setTimeout as sleep } from 'node:timers/promises';
import {
  ActivationRecordView,
  ActivationView,
  BlameView,
  DryRunView,
  ExtensionView,
  PlanView,
  type RunView,
  SandboxRunView,
  TokenIssuedView,
} from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containing } from './harness/containing.ts';
import { eventually } from './harness/eventually.ts';
import { type Behaviour, type ExtensionOptions, ExtensionServer, type HookCall } from './harness/extension-server.ts';
import { Product } from './harness/product.ts';

/** What operators do with extensions while others work: ask, grant, shadow, share, switch off, kill, replace. Sandboxes are processes. */

const BREAKER_OPEN_MS = 1_500;
const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'];
let product: Product;
const servers: ExtensionServer[] = [];
const behaviours = new Map<string, (call: HookCall) => Behaviour | null>();

beforeAll(async () => {
  product = await Product.start({
    drivers: 'process',
    config: { limits: { retryBaseMs: 20, retryMaxMs: 50, breakerOpenMs: BREAKER_OPEN_MS, debtRetryBaseMs: 500, fenceExtraMs: 500, leaseRenewMs: 1_000 } },
  });
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await product?.remove();
});

/** Registers an extension that behaves as `behaviours` says under its name. */
async function extension(manifest: { name: string } & Record<string, unknown>, more: Partial<ExtensionOptions> = {}): Promise<ExtensionServer> {
  const server = await unregistered(manifest, more);
  await product.api.register(server.manifest, server.transport);
  return server;
}

async function unregistered(manifest: { name: string } & Record<string, unknown>, more: Partial<ExtensionOptions> = {}): Promise<ExtensionServer> {
  const whole = { revision: '1.0.0', activation: { mode: 'global' }, ...manifest };
  const server = await ExtensionServer.listen({ manifest: whole, behave: (call) => behaviours.get(call.extension)?.(call) ?? null, ...more });
  servers.push(server);
  return server;
}

const body = (name: string, workspace: string, more: object = {}) => ({ name, workspace, driver: 'process', command: COMMAND, ...more });
const asking = (key: string, value = 'enabled') => ({ template: { labels: { [`openshell.io/extension.${key}`]: value } } });
const label = (path: string, value: string): Behaviour => ({ does: 'answer', answer: { patches: [{ op: 'add', path: `/labels/${path}`, value }] } });
const hooksOf = (run: RunView, name: string) => run.attempts.filter(({ kind, extension: by }) => kind === 'hook' && by === name);
const recordOf = (id: string) => product.api.get(ActivationRecordView, `GET /sandboxes/${id}/activation-record`);
const planOf = (id: string) => product.api.get(PlanView, `GET /sandboxes/${id}/plan`);

async function kill(name: string, on: boolean): Promise<void> {
  await product.api.get(ExtensionView, `PUT /extensions/${name}/kill-switch`, { body: { on, reason: on ? 'it misbehaves' : 'it is mended' } });
}

describe('asking', () => {
  beforeAll(async () => {
    await extension({ name: 'asked', activation: { mode: 'on_request', key: 'asked' }, hooks: [{ phase: 'validate_request' }] });
  });

  it('takes a grant: none, another workspace, another role are refused, and who granted is recorded', async () => {
    const { api } = product;
    const create = (workspace: string) => ({ body: body('asks', workspace, asking('asked')) });
    expect(await api.problem('POST /sandboxes', create('ask'))).toMatchObject({ status: 403, code: 'activation_not_granted', extension: 'asked' });
    const activation = await api.activate({ extension: 'asked', grant: { workspaces: ['ask'], roles: ['admin'] } });
    expect(await api.problem('POST /sandboxes', create('elsewhere'))).toMatchObject({ code: 'activation_not_granted' });
    const { token } = await api.get(TokenIssuedView, 'POST /tokens', { body: { name: 'hand', role: 'operator' } });
    expect(await api.as(token).problem('POST /sandboxes', create('ask'))).toMatchObject({ code: 'activation_not_granted' });
    const { sandbox } = await api.create(body('asks', 'ask', asking('asked', ' Enabled ')));
    const record = await recordOf(sandbox.id);
    expect(record.extensions).toMatchObject([{ name: 'asked', activationId: activation.id, required: true, why: containing('ask') }]);
    expect(record.extensions[0]?.grantedBy).not.toBeNull();
    await api.delete(sandbox.id);
    for (const value of ['no', 'off', '0', '']) {
      const declined = await api.create(body('declines', 'ask', asking('asked', value)));
      expect((await recordOf(declined.sandbox.id)).extensions).toEqual([]);
      await api.delete(declined.sandbox.id);
    }
    const version = { 'if-match': '"1"' };
    await api.get(ActivationView, `PATCH /activations/${activation.id}`, { body: { mode: 'disabled', reason: 'not now' }, headers: version });
    expect(await api.problem('POST /sandboxes', create('ask'))).toMatchObject({ status: 403, code: 'activation_disabled' });
  });
});

describe('scope and share', () => {
  it('the most specific activation decides alone: disabled for one workspace is an opt-out; a share of none is outside', async () => {
    const { api } = product;
    const server = await extension({ name: 'wide', hooks: [{ phase: 'prepare_plan', points: ['*.labels'] }] });
    behaviours.set('wide', ({ phase }) => (phase === 'prepare_plan' ? label('wide', 'yes') : null));
    await api.activate({ extension: 'wide', scope: { workspaces: ['wide', 'share'] } });
    await api.activate({ extension: 'wide', scope: { drivers: ['process'], workspaces: ['wide-out'] }, mode: 'disabled' });
    await api.activate({ extension: 'wide', scope: { drivers: ['process'], workspaces: ['share'] }, percentage: 0 });
    const inside = await api.create(body('in', 'wide'));
    expect((await planOf(inside.sandbox.id)).value).toMatchObject({ labels: { wide: 'yes' } });
    const out = await api.create(body('out', 'wide-out'));
    expect((await recordOf(out.sandbox.id)).extensions).toEqual([]);
    const share = await api.create(body('share', 'share'));
    expect((await recordOf(share.sandbox.id)).passedOver).toContainEqual({ name: 'wide', reason: 'outside 0 %' });
    expect(new Set(server.calls.map(({ sandbox }) => sandbox.name))).toEqual(new Set(['in']));
    for (const { sandbox } of [inside, out, share]) await api.delete(sandbox.id);
  });
});

describe('shadow', () => {
  it('records what would be, applies nothing, denies nothing, and is not asked to make anything unless it is safe', async () => {
    const { api } = product;
    const hooks = [{ phase: 'validate_request' }, { phase: 'prepare_plan', points: ['*.labels'] }, { phase: 'before_create' }];
    const server = await extension({ name: 'ghost', hooks, effects: ['slot'] }, { allocatesIn: ['before_create'] });
    behaviours.set('ghost', ({ phase }) => {
      if (phase === 'validate_request') return { does: 'answer', answer: { result: 'deny', message: 'never' } };
      return phase === 'prepare_plan' ? label('ghost', 'boo') : null;
    });
    await api.activate({ extension: 'ghost', mode: 'shadow', scope: { workspaces: ['shadow'] } });
    const { sandbox, run } = await api.create(body('haunted', 'shadow'));
    expect(JSON.stringify((await planOf(sandbox.id)).value)).not.toContain('boo');
    const attempts = hooksOf(run, 'ghost');
    expect(attempts.map(({ phase, outcome }) => [phase, outcome])).toEqual([
      ['validate_request', 'shadowed'],
      ['prepare_plan', 'shadowed'],
      ['before_create', 'skipped'],
    ]);
    expect(attempts[1]?.changes).toMatchObject([{ op: 'add', path: '/labels/ghost', after: 'boo' }]);
    expect(attempts[2]?.reason).toMatch(/shadow/i);
    expect(server.calls.every(({ shadow }) => shadow)).toBe(true);
    expect([server.held(), await api.effects(`sandboxId=${sandbox.id}&extension=ghost`)]).toEqual([[], []]);
    await api.delete(sandbox.id);
  });
});

describe('two that want the same field', () => {
  it('are a conflict that names both and the path, unless the operator granted the override', async () => {
    const { api } = product;
    await extension({ name: 'base-team', hooks: [{ phase: 'prepare_plan', points: ['*.labels'] }] });
    await extension({ name: 'over-team', hooks: [{ phase: 'prepare_plan', points: ['*.labels'] }], overrides: ['base-team'] });
    behaviours.set('base-team', ({ phase }) => (phase === 'prepare_plan' ? label('team', 'blue') : null));
    behaviours.set('over-team', ({ phase }) =>
      phase === 'prepare_plan' ? { does: 'answer', answer: { patches: [{ op: 'replace', path: '/labels/team', value: 'red' }] } } : null,
    );
    const scope = { workspaces: ['same-field'] };
    await api.activate({ extension: 'base-team', order: 100, scope });
    const over = await api.activate({ extension: 'over-team', order: 200, scope });
    const problem = await api.problem('POST /sandboxes?wait=30s', { body: body('torn', 'same-field') });
    expect(problem).toMatchObject({
      status: 409,
      code: 'field_conflict',
      extension: 'over-team',
      conflictsWith: 'base-team',
      path: '/labels/team',
      phase: 'prepare_plan',
    });
    const grant = { body: { overrides: [{ extension: 'base-team', path: '/labels/team' }], reason: 'the team decides' }, headers: { 'if-match': '"1"' } };
    await api.get(ActivationView, `PATCH /activations/${over.id}`, grant);
    const { sandbox } = await api.create(body('torn', 'same-field'));
    const plan = await planOf(sandbox.id);
    expect(plan.value).toMatchObject({ labels: { team: 'red' } });
    expect(plan.revisions[2]?.changes).toMatchObject([{ path: '/labels/team', before: 'blue', after: 'red', overrode: 'base-team' }]);
    const blame = await api.get(BlameView, `GET /sandboxes/${sandbox.id}/plan/blame?path=/labels/team`);
    expect(blame).toMatchObject({ value: 'red', owner: { name: 'over-team' } });
    expect(blame.history.map(({ name, after }) => [name, after])).toEqual([
      ['base-team', 'blue'],
      ['over-team', 'red'],
    ]);
    await api.delete(sandbox.id);
  });
});

describe('what a hook is told', () => {
  it('claims that are there, its own config and state, and one key for all attempts of a phase in a run', async () => {
    const { api } = product;
    const server = await extension({
      name: 'curious',
      hooks: [{ phase: 'validate_request' }, { phase: 'before_create' }, { phase: 'before_start' }],
      effects: ['slot'],
      configSchema: { type: 'object', properties: { own: { type: 'string' }, asked: { type: 'string' } } },
    });
    let failures = 0;
    behaviours.set('curious', ({ phase, run }) => {
      if (phase === 'validate_request') return { does: 'answer', answer: { state: { seen: 1 } } };
      if (phase !== 'before_create' || run.attempt > 2) return null;
      failures += 1;
      return { does: 'answer', answer: { result: 'fail', message: 'in a moment', retryAfterMs: 30 } };
    });
    const scope = { workspaces: ['told'] };
    await api.activate({ extension: 'curious', scope, config: { own: 'mine', asked: 'default' }, requestSettable: ['asked'] });
    const neighbour = { name: 'neighbour', hooks: [{ phase: 'validate_request' }], configSchema: { type: 'object', properties: { note: { type: 'string' } } } };
    await extension(neighbour);
    await api.activate({ extension: 'neighbour', scope, config: { note: 'not-for-others' } });
    const { token } = await api.get(TokenIssuedView, 'POST /tokens', { body: { name: 'acme', role: 'operator', claims: { tenant: 'acme' } } });
    const acme = api.as(token);
    expect(await acme.problem('POST /sandboxes', { body: body('x', 'told', { extensionConfig: { curious: { own: 'theirs' } } }) })).toMatchObject({
      status: 422,
    });
    const { sandbox, run } = await acme.create(body('told', 'told', { extensionConfig: { curious: { asked: 'for' } } }));
    const [first] = server.callsOf(sandbox.id, 'validate_request');
    expect(first).toMatchObject({
      claims: { tenant: 'acme' },
      config: { own: 'mine' },
      requestConfig: { asked: 'for' },
      state: null,
      actor: { name: 'acme', role: 'operator' },
    });
    expect(Object.keys((first as unknown as { claims: object }).claims)).toEqual(['tenant']);
    const tries = server.callsOf(sandbox.id, 'before_create');
    expect([failures, tries.map(({ run: { attempt } }) => attempt)]).toEqual([2, [1, 2, 3]]);
    expect(new Set(tries.map(({ run: { idempotencyKey } }) => idempotencyKey)).size).toBe(1);
    expect(tries.every(({ state }) => JSON.stringify(state) === '{"seen":1}')).toBe(true);
    expect(
      hooksOf(run, 'curious')
        .filter(({ phase }) => phase === 'before_create')
        .map(({ number, outcome }) => `${number} ${outcome}`),
    ).toEqual(['1 failed', '2 failed', '3 ok']);
    await acme.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/stop?wait=30s`);
    await acme.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/start?wait=30s`);
    const keys = server.callsOf(sandbox.id, 'before_start').map(({ run: { idempotencyKey } }) => idempotencyKey);
    expect(new Set(keys).size).toBe(2);
    expect(JSON.stringify(server.calls)).not.toContain('not-for-others');
    await acme.delete(sandbox.id);
  });

  it('nothing in a dry run, unless it says that this is safe; and the answer says so', async () => {
    const { api } = product;
    const unsafe = await extension({ name: 'unsafe', hooks: [{ phase: 'prepare_plan', points: ['*.labels'] }] });
    const safe = await extension({ name: 'safe', hooks: [{ phase: 'prepare_plan', points: ['*.labels'] }, { phase: 'before_create' }], dryRunSafe: true });
    for (const name of ['unsafe', 'safe']) await api.activate({ extension: name, scope: { workspaces: ['dry'] } });
    const { run } = await api.get(DryRunView, 'POST /sandboxes?dryRun=true', { body: body('dry', 'dry') });
    expect(hooksOf(run, 'unsafe')).toMatchObject([{ outcome: 'skipped', reason: containing('dry') }]);
    expect(hooksOf(run, 'safe')).toMatchObject([{ outcome: 'ok', phase: 'prepare_plan' }]);
    expect([unsafe.calls.length, safe.calls.map(({ dryRun }) => dryRun)]).toEqual([0, [true]]);
  });
});

describe('the kill switch', () => {
  it('ends a call in flight, calls nothing more, owes what is held, and pays as soon as it is off', async () => {
    const { api } = product;
    const server = await extension(
      {
        name: 'rogue',
        hooks: [{ phase: 'before_create', deadlineMs: 60_000 }, { phase: 'after_create', deadlineMs: 60_000 }, { phase: 'after_delete' }],
        effects: ['slot'],
      },
      { allocatesIn: ['before_create'] },
    );
    const slow = { on: true };
    behaviours.set('rogue', ({ phase }) => (phase === 'after_create' && slow.on ? { does: 'hang' } : null));
    await api.activate({ extension: 'rogue', scope: { workspaces: ['kill'] } });
    const opened = await api.get(SandboxRunView, 'POST /sandboxes', { body: body('caught', 'kill') });
    await eventually('after_create is called', () => (server.callsOf(opened.sandbox.id, 'after_create').length > 0 ? true : null));
    await kill('rogue', true);
    const run = await eventually('the create ends', async () => {
      const seen = await api.run(opened.run.id);
      return seen.endedAt === null ? null : seen;
    });
    expect(run).toMatchObject({ status: 'failed_with_debt', firstError: { code: 'killed', extension: 'rogue' } });
    expect(hooksOf(run, 'rogue').find(({ phase }) => phase === 'after_create')).toMatchObject({ outcome: 'aborted' });
    expect(server.releases).toEqual([]);
    const owed = await api.effects(`sandboxId=${opened.sandbox.id}&extension=rogue&state=owed`);
    expect(owed.map(({ kind, lastError }) => [kind, lastError?.code])).toContainEqual(['slot', 'killed']);
    slow.on = false;
    expect(await api.problem('POST /sandboxes', { body: body('refused', 'kill') })).toMatchObject({ status: 503, code: 'killed' });
    await kill('rogue', false);
    await eventually('the debt is paid', () => (server.held().length === 0 ? true : null));
    await eventually('nothing is owed', async () => ((await api.sandbox(opened.sandbox.id)).owed === 0 ? true : null));

    // Switched on while a sandbox lives: its delete goes on without it, and the debt waits.
    const { sandbox } = await api.create(body('outlives', 'kill'));
    await kill('rogue', true);
    const calls = server.calls.length;
    const deleted = await api.delete(sandbox.id);
    expect(deleted.sandbox).toMatchObject({ state: 'deleted', owed: 1 });
    expect(server.calls.length).toBe(calls);
    expect(server.held(sandbox.id)).toHaveLength(1);
    await kill('rogue', false);
    await eventually('the debt is paid', () => (server.held().length === 0 ? true : null));
  });
});

describe('the breaker', () => {
  it('opens after five failures in a row, calls nothing meanwhile, and closes by a probe', async () => {
    const { api } = product;
    const server = await extension({ name: 'shaky', hooks: [{ phase: 'validate_request' }] });
    behaviours.set('shaky', () => ({ does: 'raw', status: 500, pieces: ['broken'] }));
    await api.activate({ extension: 'shaky', scope: { workspaces: ['breaker'] } });
    const create = () => api.problem('POST /sandboxes?wait=30s', { body: body('shaken', 'breaker') });
    expect((await create()).code).toBe('extension_unavailable');
    const second = await create();
    expect(['extension_unavailable', 'breaker_open']).toContain(second.code);
    // Five in a row open it; the hook that is being tried then still has its last try.
    const calls = server.calls.length;
    expect([5, 6]).toContain(calls);
    expect((await api.get(ExtensionView, 'GET /extensions/shaky')).breaker).toBe('open');
    expect(await create()).toMatchObject({ status: 503, code: 'breaker_open', extension: 'shaky' });
    expect(server.calls.length).toBe(calls);
    behaviours.delete('shaky');
    await sleep(BREAKER_OPEN_MS + 300);
    const { sandbox } = await api.create(body('steady', 'breaker'));
    expect((await api.get(ExtensionView, 'GET /extensions/shaky')).breaker).toBe('closed');
    await api.delete(sandbox.id);
  });
});

describe('a sandbox keeps the decision of its create', () => {
  it('an activation that is removed cleans up what it made', async () => {
    const { api } = product;
    const server = await extension(
      {
        name: 'passing',
        hooks: [{ phase: 'before_create' }, { phase: 'before_start' }, { phase: 'before_delete' }, { phase: 'after_delete' }],
        effects: ['slot'],
      },
      { allocatesIn: ['before_create', 'before_start'] },
    );
    const activation = await api.activate({ extension: 'passing', scope: { workspaces: ['frozen'] } });
    const { sandbox } = await api.create(body('old', 'frozen'));
    expect((await api.ask(`DELETE /activations/${activation.id}?reason=no+more`)).status).toBe(204);
    const young = await api.create(body('young', 'frozen'));
    expect(server.callsOf(young.sandbox.id)).toEqual([]);
    await api.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/stop?wait=30s`);
    await api.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/start?wait=30s`);
    expect(server.callsOf(sandbox.id, 'before_start')).toHaveLength(2);
    await api.delete(sandbox.id);
    expect(
      server
        .callsOf(sandbox.id)
        .map(({ phase }) => phase)
        .slice(-2),
    ).toEqual(['before_delete', 'after_delete']);
    expect(server.held()).toEqual([]);
    await api.delete(young.sandbox.id);
  });

  it('an extension that was removed by force owes, and whoever registers the name again pays', async () => {
    const { api } = product;
    const hooks = [{ phase: 'before_create' }, { phase: 'before_delete' }];
    const server = await extension({ name: 'gone', hooks, effects: ['slot'] }, { allocatesIn: ['before_create'] });
    await api.activate({ extension: 'gone', scope: { workspaces: ['gone'] } });
    const { sandbox } = await api.create(body('orphan', 'gone'));
    expect(await api.problem('DELETE /extensions/gone')).toMatchObject({ code: 'extension_in_use' });
    expect((await api.ask('DELETE /extensions/gone?force=true&reason=it+is+no+more')).status).toBe(204);
    const deleted = await api.delete(sandbox.id);
    expect(deleted.sandbox).toMatchObject({ state: 'deleted', owed: 1 });
    expect(server.callsOf(sandbox.id, 'before_delete')).toEqual([]);
    expect(await api.effects(`sandboxId=${sandbox.id}&state=owed`)).toMatchObject([{ kind: 'slot', lastError: { code: 'revision_unavailable' } }]);
    // A newer revision that says it can: it is handed what the old one held.
    const heir = await unregistered({ name: 'gone', revision: '1.2.0', hooks, effects: ['slot'], cleansUp: '^1' });
    await api.register(heir.manifest, heir.transport);
    await eventually('the debt is paid', async () => ((await api.sandbox(sandbox.id)).owed === 0 ? true : null));
    expect(heir.releases).toMatchObject([
      { sandbox: { id: sandbox.id }, effects: [{ kind: 'slot', key: `${sandbox.id}/before_create`, handle: { of: 'orphan' } }], reason: 'debt' },
    ]);
  });
});

describe('who comes later', () => {
  it('a delete ends a create in flight: all is undone, and asking again is the same delete', async () => {
    const { api } = product;
    const hooks = [{ phase: 'before_create' }, { phase: 'after_create', deadlineMs: 60_000 }, { phase: 'on_create_failed' }, { phase: 'before_delete' }];
    const server = await extension({ name: 'endless', hooks, effects: ['slot'] }, { allocatesIn: ['before_create', 'after_create'] });
    behaviours.set('endless', ({ phase }) => (phase === 'after_create' ? { does: 'hang', allocates: true } : null));
    await api.activate({ extension: 'endless', scope: { workspaces: ['later'] } });
    const opened = await api.get(SandboxRunView, 'POST /sandboxes', { body: body('overtaken', 'later') });
    const { id } = opened.sandbox;
    await eventually('after_create is called', () => (server.callsOf(id, 'after_create').length > 0 ? true : null));
    expect(await api.problem(`POST /sandboxes/${id}/stop`)).toMatchObject({ status: 409, code: 'sandbox_busy', runId: opened.run.id });
    const first = await api.get(SandboxRunView, `DELETE /sandboxes/${id}?reason=changed+my+mind`);
    const again = await api.get(SandboxRunView, `DELETE /sandboxes/${id}?reason=changed+my+mind`);
    expect(again.run.id).toBe(first.run.id);
    await eventually('the sandbox is deleted', async () => ((await api.sandbox(id)).state === 'deleted' ? true : null));
    expect(await api.run(opened.run.id)).toMatchObject({ status: 'failed', firstError: { code: 'run_superseded' } });
    expect(await api.run(first.run.id)).toMatchObject({ operation: 'delete', status: 'succeeded' });
    // The unwinding has done its work already: no hook is called for it.
    expect(server.callsOf(id, 'before_delete')).toEqual([]);
    expect(server.callsOf(id, 'on_create_failed')).toHaveLength(1);
    expect(server.held(id)).toEqual([]);
  });

  it('a stop ends a start in flight', async () => {
    const { api } = product;
    const server = await extension(
      { name: 'eternal', hooks: [{ phase: 'before_start', deadlineMs: 60_000 }, { phase: 'before_stop' }], effects: ['slot'] },
      { allocatesIn: ['before_start'] },
    );
    await api.activate({ extension: 'eternal', scope: { workspaces: ['later-start'] } });
    const { sandbox } = await api.create(body('stopped', 'later-start'));
    await api.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/stop?wait=30s`);
    behaviours.set('eternal', ({ phase }) => (phase === 'before_start' ? { does: 'hang', allocates: true } : null));
    const start = await api.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/start`);
    await eventually('before_start is called', () => (server.callsOf(sandbox.id, 'before_start').length > 1 ? true : null));
    const stop = await api.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/stop?wait=30s`);
    expect([stop.sandbox.state, stop.run.status]).toEqual(['stopped', 'succeeded']);
    expect(await api.run(start.run.id)).toMatchObject({ status: 'failed', firstError: { code: 'run_superseded' } });
    expect(server.held(sandbox.id)).toEqual([]);
    await api.delete(sandbox.id);
  });
});

describe('afterwards', () => {
  it('nothing is owed or held, and no call was against the contract', async () => {
    await eventually('all is released for good', async () => {
      const open = (await product.api.effects('state=intended,applied,owed')).length;
      return open === 0 ? true : null;
    });
    for (const server of servers) expect([server.name, server.name === 'gone' ? [] : server.held(), server.faults]).toEqual([server.name, [], []]);
  });
});
