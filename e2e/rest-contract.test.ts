import { setTimeout as sleep } from 'node:timers/promises';
import {
  ActivationPreviewView,
  ActivationRecordView,
  ActivationView,
  AttemptView,
  AuditView,
  BlameView,
  DriverView,
  DryRunView,
  EffectView,
  ExtensionView,
  listOf,
  MatrixView,
  PlanCompareView,
  PlanView,
  RevisionView,
  RunSummaryView,
  RunView,
  SandboxRunView,
  SandboxView,
  SessionView,
  TokenIssuedView,
  TokenView,
} from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Client, problemIn, strictly } from './harness/client.ts';
import { EventStream } from './harness/event-stream.ts';
import { eventually } from './harness/eventually.ts';
import { type Behaviour, ExtensionServer, type HookCall } from './harness/extension-server.ts';
import { Product } from './harness/product.ts';

/** The contract, clause by clause, as its clients meet it: over REST, against the product's own process. Sandboxes are processes. */

let product: Product;
let api: Client;
const servers: ExtensionServer[] = [];
let behave: (call: HookCall) => Behaviour | null = () => null;

const COMMAND = ['sh', '-c', 'echo hello; while :; do sleep 1; done'];
const body = (name: string, more: object = {}) => ({ name, driver: 'process', command: COMMAND, ...more });

async function serve(manifest: { name: string } & Record<string, unknown>, more: { allocatesIn?: string[] } = {}): Promise<ExtensionServer> {
  const server = await ExtensionServer.listen({ manifest: { revision: '1.0.0', ...manifest }, behave: (call) => behave(call), ...more });
  servers.push(server);
  return server;
}

beforeAll(async () => {
  product = await Product.start({ drivers: 'process', config: { limits: { retryBaseMs: 20 } } });
  api = product.api;
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await product?.remove();
});

describe('the process', () => {
  it('tells machines how it is, without a token', async () => {
    const anybody = api.as(null);
    expect((await anybody.ask('GET //healthz')).status).toBe(200);
    const readiness = await anybody.ask('GET //readyz');
    expect([readiness.status, readiness.data]).toEqual([200, { ready: true, store: 'ready', drivers: [{ name: 'process', state: 'healthy' }] }]);
    const metrics = await anybody.ask('GET //metrics');
    expect(metrics.status).toBe(200);
    expect(metrics.headers['content-type']).toContain('text/plain');
    expect(metrics.text).toMatch(/^# HELP /m);
  });

  it('documents itself: every route of the contract stands in the OpenAPI document, which everybody may read', async () => {
    const answer = await api.as(null).ask('GET //api/v1/openapi.json');
    const document = z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.record(z.string(), z.unknown())) }).parse(answer.data);
    expect(document.openapi).toMatch(/^3\.1\./);
    const paths = Object.keys(document.paths).map((path) => path.replace(/^\/api\/v1/, ''));
    const expected = [
      ...['/extensions', '/extensions/{name}', '/extensions/{name}/revisions', '/extensions/{name}/kill-switch'],
      ...['/activations', '/activations/{id}', '/activations/preview', '/drivers', '/drivers/{name}', '/capability-matrix'],
      ...['/sandboxes', '/sandboxes/{id}', '/sandboxes/{id}/stop', '/sandboxes/{id}/start', '/sandboxes/{id}/plan', '/sandboxes/{id}/plan/blame'],
      ...['/sandboxes/{id}/activation-record', '/sandboxes/{id}/logs', '/runs', '/runs/{id}', '/runs/{id}/resume', '/runs/{id}/attempts', '/attempts/{id}'],
      ...['/effects', '/effects/{id}', '/effects/{id}/retry', '/effects/{id}/waive', '/audit', '/tokens', '/tokens/{id}', '/session', '/events'],
    ];
    for (const path of expected) expect(paths).toContain(path);
    expect((await api.as(null).ask('GET //api/docs/')).status).toBe(200);
  });

  it('asks for a token first, and refuses what is none', async () => {
    for (const client of [api.as(null), api.as('not-the-token-at-all')]) {
      const answer = await client.ask('GET /sandboxes');
      expect(problemIn(answer)).toMatchObject({ status: 401, code: 'unauthenticated', hint: expect.stringContaining('Bearer') });
      expect(answer.headers['www-authenticate']).toContain('Bearer');
      // Also where the body would be wrong: nothing is read for a stranger.
      expect(await client.problem('POST /sandboxes', { raw: '{' })).toMatchObject({ code: 'unauthenticated' });
    }
  });

  it('carries a request id of the caller, where it is a plain one, and always one', async () => {
    const named = await api.ask('GET /sandboxes/none', { headers: { 'x-request-id': 'my.request-1' } });
    expect(problemIn(named)).toMatchObject({ code: 'not_found', requestId: 'my.request-1' });
    const odd = await api.ask('GET /sandboxes', { headers: { 'x-request-id': 'two words' } });
    expect(odd.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('protects browsers, and keeps answers out of caches', async () => {
    const { headers } = await api.ask('GET /sandboxes');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['strict-transport-security']).toBeUndefined();
  });
});

describe('bodies and queries', () => {
  it.each([
    ['another media type', { raw: 'name=x', headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
    ['a form', { raw: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415, 'unsupported_media_type'],
    ['half a document', { raw: '{"name": ' }, 400, 'malformed_body'],
    ['no body', {}, 400, 'malformed_body'],
    ['bytes that are no UTF-8', { raw: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]) }, 400, 'malformed_body'],
    ['a body over 1 MiB', { raw: JSON.stringify({ name: 'x'.repeat(1_100_000) }) }, 413, 'body_too_large'],
    ['a list', { body: [] }, 422, 'validation_failed'],
    ['null', { body: null }, 400, 'malformed_body'],
  ] as const)('%s is refused', async (_, sending, status, code) => {
    expect(await api.problem('POST /sandboxes', sending)).toMatchObject({ status, code, hint: expect.stringMatching(/./) });
  });

  it.each([
    ['an unknown field', { ...body('x'), colour: 'red' }, 'unknown_field', '/colour', 'colour'],
    ['an unknown field inside', { ...body('x'), template: { imag: 'x' } }, 'unknown_field', '/template/imag', 'imag'],
    ['a name with capitals', body('Demo'), 'validation_failed', '/name', 'lower-case'],
    ['a name with two dashes', body('a--b'), 'validation_failed', '/name', '--'],
    ['a workspace with a dot', body('x', { workspace: 'a.b' }), 'validation_failed', '/workspace', 'lower-case'],
    ['no name', { driver: 'process' }, 'validation_failed', '/name', 'name'],
    ['a number for a name', body('x', { name: 7 }), 'validation_failed', '/name', 'name'],
    ['a driver that is not there', body('x', { driver: 'vm' }), 'driver_unknown', '/driver', 'vm'],
    ['no command for a process', { name: 'x', driver: 'process' }, 'validation_failed', '/command', 'command'],
    ['what the driver cannot honour', body('x', { tty: true }), 'validation_failed', '/tty', 'tty'],
    ['a GPU for a process', body('x', { gpu: { count: 1 } }), 'validation_failed', '/gpu', 'gpu'],
  ] as const)('%s is refused, with field, rule and way out', async (_, sent, code, pointer, named) => {
    const problem = await api.problem('POST /sandboxes', { body: sent });
    expect(problem).toMatchObject({ status: 422, code, pointer });
    expect(problem.detail).toContain(named);
    expect(problem.hint).toMatch(/./);
  });

  it.each([
    ['GET /sandboxes?colour=red', 'unknown_field'],
    ['GET /sandboxes?state=happy', 'validation_failed'],
    ['GET /sandboxes?limit=0', 'validation_failed'],
    ['GET /sandboxes?limit=201', 'validation_failed'],
    ['GET /sandboxes?cursor=nonsense', 'invalid_cursor'],
    ['GET /runs?operation=dance', 'validation_failed'],
    ['GET /runs?from=yesterday', 'validation_failed'],
    ['GET /effects?phase=lunch', 'validation_failed'],
    ['GET /audit?what=ever', 'unknown_field'],
    ['GET /runs/none?x=1', 'unknown_field'],
    ['GET /capability-matrix?colour=red', 'unknown_field'],
  ] as const)('%s is %s', async (line, code) => {
    expect(await api.problem(line)).toMatchObject({ status: 422, code });
  });

  it.each(['0s', '601s', '30', '1m', ''])('?wait=%s is refused', async (wait) => {
    const problem = await api.problem(`POST /sandboxes?wait=${wait}`, { body: body('x') });
    expect(problem).toMatchObject({ code: 'validation_failed', pointer: '/wait' });
  });

  it.each([
    'GET /sandboxes/none',
    'DELETE /sandboxes/none',
    'POST /sandboxes/none/stop',
    'GET /sandboxes/none/plan',
    'GET /runs/none',
    'POST /runs/none/resume',
    'GET /attempts/none',
    'GET /effects/none',
    'POST /effects/none/retry',
    'GET /extensions/none',
    'GET /activations/none',
    'GET /drivers/none',
    'GET /nowhere',
  ] as const)('%s is not_found', async (line) => {
    expect(await api.problem(line)).toMatchObject({ status: 404, code: 'not_found' });
  });
});

describe('a sandbox', () => {
  it('is 202 with its run, ready after ?wait, and each step answers its run', async () => {
    const opened = await api.ask('POST /sandboxes', { body: body('steps', { workspace: 'team-a' }) });
    expect(opened.status).toBe(202);
    const { sandbox, run } = strictly(SandboxRunView, opened.data);
    expect(opened.headers.location).toBe(`/api/v1/sandboxes/${sandbox.id}`);
    expect(sandbox).toMatchObject({ name: 'steps', workspace: 'team-a', driver: { name: 'process', chain: ['process'] }, owed: 0, blockedBy: null });
    expect(run).toMatchObject({ sandboxId: sandbox.id, operation: 'create', traceId: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(sandbox.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    await eventually('it is ready', async () => ((await api.sandbox(sandbox.id)).state === 'ready' ? true : null));
    expect(await api.run(run.id)).toMatchObject({ status: 'succeeded', waitingFor: null, firstError: null });

    const taken = await api.problem('POST /sandboxes', { body: body('steps', { workspace: 'team-a' }) });
    expect(taken).toMatchObject({ status: 409, code: 'sandbox_exists', pointer: '/name' });

    const startReady = await api.ask(`POST /sandboxes/${sandbox.id}/start`);
    expect(startReady.status).toBe(200);
    expect(strictly(SandboxRunView, startReady.data).run.id).toBe(run.id);
    const stopped = await api.ask(`POST /sandboxes/${sandbox.id}/stop?wait=30s`);
    expect([stopped.status, strictly(SandboxRunView, stopped.data).sandbox.state]).toEqual([200, 'stopped']);
    const again = await api.ask(`POST /sandboxes/${sandbox.id}/stop?wait=30s`);
    expect(strictly(SandboxRunView, again.data).run.id).toBe(strictly(SandboxRunView, stopped.data).run.id);
    const started = await api.ask(`POST /sandboxes/${sandbox.id}/start?wait=30s`);
    expect([started.status, strictly(SandboxRunView, started.data).sandbox.state]).toEqual([200, 'ready']);
    const deleted = await api.ask(`DELETE /sandboxes/${sandbox.id}?wait=30s&reason=done`);
    expect([deleted.status, strictly(SandboxRunView, deleted.data).sandbox.state]).toEqual([200, 'deleted']);
    expect(strictly(SandboxRunView, deleted.data).run.reason).toBe('done');

    expect((await api.sandbox(sandbox.id)).state).toBe('deleted');
    expect((await api.get(listOf(SandboxView), 'GET /sandboxes?workspace=team-a')).items).toEqual([]);
    expect((await api.get(listOf(SandboxView), 'GET /sandboxes?workspace=team-a&state=deleted')).items.map(({ id }) => id)).toEqual([sandbox.id]);
    expect((await api.ask(`DELETE /sandboxes/${sandbox.id}`)).status).toBe(200);
    for (const step of ['start', 'stop'] as const) {
      expect(await api.problem(`POST /sandboxes/${sandbox.id}/${step}`)).toMatchObject({ status: 409, code: 'sandbox_state', sandboxId: sandbox.id });
    }
    expect((await api.create(body('steps', { workspace: 'team-a' }))).sandbox.id, 'the name is free again').not.toBe(sandbox.id);
  });

  it('is in the workspace `default` where none is named', async () => {
    const { sandbox } = await api.create(body('nowhere-named'));
    expect(sandbox.workspace).toBe('default');
    await api.delete(sandbox.id);
  });

  it('is 202 as it stands where the wait elapses', async () => {
    const server = await serve({ name: 'slow', activation: { mode: 'on_request', key: 'slow' }, hooks: [{ phase: 'after_ready', deadlineMs: 20_000 }] });
    await api.register(server.manifest, server.transport);
    await api.activate({ extension: 'slow', grant: {} });
    behave = ({ extension }) => (extension === 'slow' ? { does: 'late', afterMs: 5_000 } : null);
    const answer = await api.ask('POST /sandboxes?wait=3s', { body: body('patient', { template: { labels: { 'openshell.io/extension.slow': 'enabled' } } }) });
    expect(answer.status).toBe(202);
    const { sandbox, run } = strictly(SandboxRunView, answer.data);
    expect([sandbox.state, run.status]).toEqual(['running', 'running']);
    expect(sandbox.blockedBy).toMatchObject({ extension: 'slow', phase: 'after_ready' });
    expect(sandbox.blockedBy?.sinceMs).toBeGreaterThan(1_000);
    const busy = await api.problem(`POST /sandboxes/${sandbox.id}/start`);
    expect(busy).toMatchObject({ status: 409, code: 'sandbox_busy', runId: run.id });
    await eventually('it is ready', async () => ((await api.sandbox(sandbox.id)).state === 'ready' ? true : null));
    expect((await api.sandbox(sandbox.id)).blockedBy).toBeNull();
    await api.delete(sandbox.id);
    behave = () => null;
  });

  it('only shows its plan in a dry run: nothing exists afterwards', async () => {
    const answer = await api.ask('POST /sandboxes?dryRun=true', { body: body('only-looked', { environment: { A: '1' } }) });
    expect(answer.status).toBe(200);
    const { plan, run } = strictly(DryRunView, answer.data);
    expect(plan?.value).toMatchObject({ env: { A: '1' } });
    expect(run).toMatchObject({ operation: 'preview', sandboxId: null, sandboxName: 'only-looked', status: 'succeeded' });
    expect((await api.get(listOf(SandboxView), 'GET /sandboxes?name=only-looked')).items).toEqual([]);
    expect(await api.run(run.id)).toMatchObject({ id: run.id, operation: 'preview' });
  });

  it('keeps who asks for what apart: claims, labels, environment and config blocks', async () => {
    const { token } = await api.get(TokenIssuedView, 'POST /tokens', { body: { name: 'acme', role: 'operator', claims: { tenant: 'acme' } } });
    const acme = api.as(token);
    expect(await acme.problem('POST /sandboxes', { body: body('x', { claims: { tenant: 'other' } }) })).toMatchObject({ status: 403, code: 'forbidden' });
    const own = await acme.ask('POST /sandboxes?dryRun=true', { body: body('x', { claims: { tenant: 'acme' } }) });
    expect(own.status).toBe(200);
    const asserting = { name: 'asserts', role: 'operator', assertClaims: true };
    const { token: second } = await api.get(TokenIssuedView, 'POST /tokens', { body: asserting });
    expect((await api.as(second).ask('POST /sandboxes?dryRun=true', { body: body('x', { claims: { tenant: 'other' } }) })).status).toBe(200);

    const refused = (more: object) => api.problem('POST /sandboxes', { body: body('x', more) });
    expect(await refused({ template: { labels: { 'openshell.ai/sandbox-id': 'mine' } } })).toMatchObject({ status: 403, code: 'reserved_label' });
    expect(await refused({ template: { labels: { 'openshell.managed': 'true' } } })).toMatchObject({ status: 403, code: 'reserved_label' });
    expect(await refused({ template: { labels: { 'openshell.io/extension.nobody': 'enabled' } } })).toMatchObject({ status: 403, code: 'activation_unknown' });
    expect(await refused({ template: { labels: { 'openshell.io/extension.slow': 'perhaps' } } })).toMatchObject({ status: 422, code: 'validation_failed' });
    expect(await refused({ environment: { TENON_SANDBOX_ID: 'mine' } })).toMatchObject({ status: 422, code: 'reserved_field' });
    expect(await refused({ template: { driverConfig: { docker: {} } } })).toMatchObject({ status: 422, code: 'unowned_config_block' });
    expect(await refused({ extensionConfig: { nobody: { a: 1 } } })).toMatchObject({ status: 422, code: 'unowned_config_block' });
    expect(await refused({ template: { labels: { 'openshell.io/extension.container-network': 'on' } } })).toMatchObject({ code: 'activation_not_granted' });
  });
});

describe('what can be read of a sandbox and its run', () => {
  let id = '';
  let runId = '';

  beforeAll(async () => {
    const server = await serve(
      {
        name: 'labels',
        activation: { mode: 'global' },
        hooks: [{ phase: 'prepare_plan', points: ['*.labels', '*.env'], deadlineMs: 5_000 }, { phase: 'before_create' }],
        effects: ['slot'],
        dryRunSafe: true,
      },
      { allocatesIn: ['before_create'] },
    );
    await api.register(server.manifest, server.transport);
    await api.activate({ extension: 'labels', scope: { workspaces: ['read'] } });
    behave = ({ extension, phase }) =>
      extension === 'labels' && phase === 'prepare_plan'
        ? {
            does: 'answer',
            answer: {
              message: 'this is whose it is',
              warnings: ['the label is long'],
              logs: [{ at: '2026-11-24T10:00:00.000Z', level: 'info', message: 'looked it up' }],
              patches: [
                { op: 'add', path: '/labels/team', value: 'blue' },
                { op: 'add', path: '/env/TEAM', value: 'blue' },
              ],
            },
          }
        : null;
    const { sandbox, run } = await api.create(body('read', { workspace: 'read', environment: { A: '1' } }));
    id = sandbox.id;
    runId = run.id;
  });

  afterAll(async () => {
    await api.delete(id);
    behave = () => null;
  });

  it('the plan, every revision of it with its changes and digest', async () => {
    const plan = await api.get(PlanView, `GET /sandboxes/${id}/plan`);
    expect(plan.revisions.map(({ number, by, phase }) => [number, by.kind, by.name, phase])).toEqual([
      [0, 'driver', 'process', null],
      [1, 'extension', 'labels', 'prepare_plan'],
    ]);
    expect(plan.revisions[1]?.changes).toMatchObject([
      { op: 'add', path: '/env/TEAM', before: null, after: 'blue', redacted: false, by: { extension: 'labels', revision: '1.0.0', phase: 'prepare_plan' } },
      { op: 'add', path: '/labels/team', after: 'blue', reason: 'this is whose it is', overrode: null },
    ]);
    expect(plan.digest).toBe(plan.revisions[1]?.digest);
    expect(plan.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(plan.sealedAt).not.toBeNull();
    expect(plan.value).toMatchObject({ env: { A: '1', TEAM: 'blue' }, labels: { team: 'blue' } });
  });

  it('the difference of two revisions', async () => {
    const { changes } = await api.get(PlanCompareView, `GET /sandboxes/${id}/plan?from=0&to=1`);
    expect(changes.map(({ op, path }) => `${op} ${path}`)).toEqual(['add /env/TEAM', 'add /labels/team']);
    const back = await api.get(PlanCompareView, `GET /sandboxes/${id}/plan?from=1&to=0`);
    expect(back.changes.map(({ op, path }) => `${op} ${path}`)).toEqual(['remove /env/TEAM', 'remove /labels/team']);
    expect(await api.problem(`GET /sandboxes/${id}/plan?from=0`)).toMatchObject({ code: 'validation_failed' });
    expect((await api.problem(`GET /sandboxes/${id}/plan?from=0&to=9`)).status).toBeLessThan(500);
  });

  it('who made a field what it is', async () => {
    const blame = (path: string) => api.get(BlameView, `GET /sandboxes/${id}/plan/blame?path=${encodeURIComponent(path)}`);
    expect(await blame('/labels/team')).toMatchObject({
      value: 'blue',
      owner: { kind: 'extension', name: 'labels', phase: 'prepare_plan', revision: '1.0.0' },
    });
    expect((await blame('/env/A')).owner.kind).toBe('request');
    expect((await blame('/env/PATH')).owner.kind).toBe('driver');
    expect((await blame('/labels/team')).history).toMatchObject([{ op: 'add', after: 'blue', name: 'labels' }]);
    expect((await api.problem(`GET /sandboxes/${id}/plan/blame?path=/nowhere`)).status).toBeLessThan(500);
    expect(await api.problem(`GET /sandboxes/${id}/plan/blame`)).toMatchObject({ code: 'validation_failed' });
  });

  it('the activation record', async () => {
    const record = await api.get(ActivationRecordView, `GET /sandboxes/${id}/activation-record`);
    expect(record.extensions).toMatchObject([{ name: 'labels', revision: '1.0.0', order: 1000, mode: 'enforce', percentage: 100 }]);
    expect(record.extensions[0]?.configDigest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('the log of the workload, as text', async () => {
    const log = await eventually('the workload has said something', async () => {
      const answer = await api.ask(`GET /sandboxes/${id}/logs?tail=5`);
      return answer.text === '' ? null : answer;
    });
    expect([log.status, log.text.trim()]).toEqual([200, 'hello']);
    expect(log.headers['content-type']).toContain('text/plain');
    expect(await api.problem(`GET /sandboxes/${id}/logs?tail=0`)).toMatchObject({ code: 'validation_failed' });
  });

  it('the run with its attempts, effects and steps', async () => {
    const run = await api.run(runId);
    expect(run).toMatchObject({ status: 'succeeded', attemptCount: run.attempts.length, workspace: 'read', driver: 'process', reason: null, force: false });
    const hook = run.attempts.find(({ phase, extension }) => phase === 'prepare_plan' && extension === 'labels');
    expect(hook).toMatchObject({ kind: 'hook', outcome: 'changed', number: 1, message: 'this is whose it is', warnings: ['the label is long'] });
    expect(hook?.logs).toEqual([{ at: '2026-11-24T10:00:00.000Z', level: 'info', message: 'looked it up' }]);
    expect(hook?.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(hook?.changes).toHaveLength(2);
    expect(run.attempts.filter(({ kind }) => kind === 'driver').length).toBeGreaterThan(0);
    expect(run.effects.map(({ kind, extension, state }) => [kind, extension, state])).toEqual(
      expect.arrayContaining([
        ['slot', 'labels', 'applied'],
        ['driver_create', null, 'applied'],
        ['driver_start', null, 'applied'],
      ]),
    );
    const slot = run.effects.find(({ kind }) => kind === 'slot');
    expect(slot).toMatchObject({ key: `${id}/before_create`, handle: { of: 'read' }, scope: 'sandbox', phase: 'before_create', sandboxId: id, runId });
    expect(run.effects.find(({ kind }) => kind === 'driver_create')?.key).toBe(id);
    expect(run.steps.every(({ state }) => state === 'done')).toBe(true);
    expect(await api.get(EffectView, `GET /effects/${slot?.id}`)).toEqual(slot);
    expect(await api.get(AttemptView, `GET /attempts/${hook?.id}`)).toEqual(hook);
  });

  it('the attempts page by page, each once', async () => {
    const run = await api.run(runId);
    const ids: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { items: AttemptView[]; next: string | null } = await api.get(
        listOf(AttemptView),
        `GET /runs/${runId}/attempts?limit=2${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      ids.push(...page.items.map((attempt) => attempt.id));
      cursor = page.next;
    }
    expect(ids).toEqual(run.attempts.map((attempt) => attempt.id));
  });

  it('runs and effects by every filter', async () => {
    const { startedAt } = await api.run(runId);
    const matching = [
      `operation=create`,
      `status=succeeded`,
      `operation=create,start&status=succeeded,failed`,
      `extension=labels`,
      `extension=labels&phase=prepare_plan`,
      `driver=process`,
      `workspace=read`,
      `from=${startedAt}&to=${startedAt}`,
    ];
    for (const query of matching) {
      const { items } = await api.get(listOf(RunSummaryView), `GET /runs?sandboxId=${id}&${query}`);
      expect(
        items.map((run) => run.id),
        query,
      ).toEqual([runId]);
    }
    for (const query of [
      'operation=delete',
      'status=failed',
      'extension=other',
      'phase=after_ready&extension=labels',
      'workspace=elsewhere',
      'code=hook_failed',
    ]) {
      expect((await api.get(listOf(RunSummaryView), `GET /runs?sandboxId=${id}&${query}`)).items, query).toEqual([]);
    }
    expect((await api.effects(`sandboxId=${id}&extension=labels&phase=before_create&state=applied&workspace=read&driver=process`)).length).toBe(1);
    expect(await api.effects(`runId=${runId}&state=owed`)).toEqual([]);
    expect((await api.get(listOf(SandboxView), 'GET /sandboxes?extension=labels&state=ready&driver=process&name=read')).items).toHaveLength(1);
  });

  it('says of an effect that is not owed, and of a run that is not interrupted, that there is nothing to do', async () => {
    const [slot] = await api.effects(`sandboxId=${id}&extension=labels`);
    expect(await api.problem(`POST /effects/${slot?.id}/retry`)).toMatchObject({ status: 409, code: 'effect_not_owed' });
    expect(await api.problem(`POST /effects/${slot?.id}/waive`, { body: { reason: 'x' } })).toMatchObject({ code: 'effect_not_owed' });
    expect(await api.problem(`POST /effects/${slot?.id}/waive`, { body: {} })).toMatchObject({ code: 'validation_failed', pointer: '/reason' });
    expect(await api.problem(`POST /runs/${runId}/resume`)).toMatchObject({ status: 409, code: 'run_not_resumable', runId });
  });
});

describe('debt', () => {
  it('is listed with why, retried, and waived with a reason', async () => {
    const stubborn = { ids: new Set<string>() };
    const server = await ExtensionServer.listen({
      manifest: { name: 'stubborn', revision: '1.0.0', activation: { mode: 'global' }, hooks: [{ phase: 'before_create' }], effects: ['slot'] },
      allocatesIn: ['before_create'],
      releases: (call) => !stubborn.ids.has(call.sandbox.id),
    });
    servers.push(server);
    await api.register(server.manifest, server.transport);
    await api.activate({ extension: 'stubborn', scope: { workspaces: ['debt'] } });
    const owe = async (name: string): Promise<{ id: string; effect: EffectView }> => {
      const { sandbox } = await api.create(body(name, { workspace: 'debt' }));
      stubborn.ids.add(sandbox.id);
      const deleted = await api.delete(sandbox.id);
      expect([deleted.sandbox.state, deleted.sandbox.owed]).toEqual(['deleted', 1]);
      const [effect, ...others] = await api.effects(`state=owed&sandboxId=${sandbox.id}`);
      if (effect === undefined || others.length > 0) throw new Error('not one effect is owed');
      return { id: sandbox.id, effect };
    };
    const first = await owe('owes');
    expect(first.effect).toMatchObject({
      extension: 'stubborn',
      kind: 'slot',
      state: 'owed',
      lastError: { message: expect.stringContaining('does not take it back') },
    });
    expect(first.effect.nextRetryAt).not.toBeNull();
    expect((await api.get(ExtensionView, 'GET /extensions/stubborn')).owed).toBe(1);
    const retried = await api.get(EffectView, `POST /effects/${first.effect.id}/retry`);
    expect(retried).toMatchObject({ state: 'owed', attempts: first.effect.attempts + 1 });
    stubborn.ids.clear();
    expect(await api.get(EffectView, `POST /effects/${first.effect.id}/retry`)).toMatchObject({ state: 'released', nextRetryAt: null });
    expect(server.held(first.id)).toEqual([]);

    const second = await owe('waived');
    const waived = await api.get(EffectView, `POST /effects/${second.effect.id}/waive`, { body: { reason: 'the pool is gone for good' } });
    expect(waived).toMatchObject({ state: 'waived', waivedReason: expect.stringContaining('the pool is gone for good') });
    expect(await api.problem(`POST /effects/${second.effect.id}/retry`)).toMatchObject({ code: 'effect_not_owed' });
    const { items } = await api.get(listOf(AuditView), `GET /audit?action=effect.waive&objectName=${second.effect.id}`);
    expect(items).toMatchObject([{ outcome: 'done', reason: 'the pool is gone for good', object: { kind: 'effect', name: second.effect.id } }]);
  });
});

describe('extensions', () => {
  const manifest = (more: object = {}) => ({
    contract: 'tenon.dev/extension/v1',
    name: 'many-faced',
    revision: '1.0.0',
    activation: { mode: 'on_request', key: 'many-faced' },
    hooks: [{ phase: 'prepare_plan', points: ['process.labels'] }],
    ...more,
  });
  let server: ExtensionServer;

  beforeAll(async () => {
    server = await serve(manifest());
  });

  it('that ship are listed, and the list is of extensions', async () => {
    const { items } = await api.get(listOf(ExtensionView), 'GET /extensions?source=shipped');
    expect(items.map(({ name }) => name).sort()).toEqual(['attribution', 'container-network', 'readiness-gate', 'resource-policy']);
    for (const item of items) expect(item).toMatchObject({ source: 'shipped', killSwitch: { on: false }, breaker: 'closed', owed: 0 });
    expect(items[0]?.revisions[0]?.transport).toEqual({ kind: 'in_process', url: null, signedAnswers: false });
  });

  it.each([
    ['a name of odd characters', manifest({ name: 'two words' }), 'invalid_extension_name'],
    ['a name that is only dots', manifest({ name: '..' }), 'invalid_extension_name'],
    ['an activation key of odd characters', manifest({ activation: { mode: 'on_request', key: 'a/b' } }), 'invalid_activation_key'],
    ['another manifest than the extension describes', manifest({ description: 'something else' }), 'manifest_mismatch'],
    ['another name than the extension describes', manifest({ name: 'other-faced' }), 'manifest_mismatch'],
    ['a phase that is none', manifest({ hooks: [{ phase: 'before_lunch' }] }), 'unknown_phase'],
    ['a point that no driver has', manifest({ hooks: [{ phase: 'prepare_plan', points: ['process.colour'] }] }), 'unknown_point'],
    ['another contract', manifest({ contract: 'tenon.dev/extension/v9' }), 'unsupported_contract'],
    ['a revision that is no version', manifest({ revision: 'one' }), 'validation_failed'],
    ['a name that ships', manifest({ name: 'attribution' }), 'extension_exists'],
    ['an unknown field', manifest({ colour: 'red' }), 'unknown_field'],
  ] as const)('are refused with %s', async (_, sent, code) => {
    const problem = await api.problem('POST /extensions', { body: { manifest: sent, transport: server.transport } });
    expect(problem.code).toBe(code);
    expect(problem.detail.length).toBeGreaterThan(10);
  });

  it.each([
    ['an address that is not allowed', { kind: 'http', url: 'http://192.0.2.1:9000' }, 422, 'target_not_allowed'],
    ['a host name', { kind: 'http', url: 'http://extension.example:9000' }, 422, 'target_not_allowed'],
    ['a port where nobody listens', { kind: 'http', url: 'http://127.0.0.1:1' }, 503, 'extension_unavailable'],
    ['no http', { kind: 'http', url: 'ftp://127.0.0.1/x' }, 422, 'target_not_allowed'],
    ['code in process', { kind: 'in_process' }, 422, 'validation_failed'],
  ] as const)('are refused at %s', async (_, transport, status, code) => {
    expect(await api.problem('POST /extensions', { body: { manifest: manifest(), transport } })).toMatchObject({ status, code });
  });

  it('are registered once, show no secret, take revisions, and stay while something holds them', async () => {
    const answer = await api.ask('POST /extensions', { body: { manifest: server.manifest, transport: server.transport } });
    expect(answer.status).toBe(201);
    const view = strictly(ExtensionView, answer.data);
    expect(answer.headers.location).toBe('/api/v1/extensions/many-faced');
    expect(view).toMatchObject({ name: 'many-faced', latest: '1.0.0', source: 'registered', activations: 0, owed: 0 });
    expect(view.revisions[0]).toMatchObject({ revision: '1.0.0', transport: { kind: 'http', url: server.transport.url, signedAnswers: true } });
    expect(view.revisions[0]?.manifest.hooks[0]).toEqual({
      phase: 'prepare_plan',
      required: true,
      deadlineMs: 10_000,
      onFailure: 'fail',
      points: ['process.labels'],
      optionalPoints: [],
      features: [],
      optionalFeatures: [],
    });
    expect(answer.text).not.toContain(server.secret);
    expect(await api.problem('POST /extensions', { body: { manifest: server.manifest, transport: server.transport } })).toMatchObject({
      code: 'extension_exists',
    });

    const newer = await serve(manifest({ revision: '1.1.0' }));
    const sent = { body: { manifest: newer.manifest, transport: newer.transport } };
    expect(await api.get(ExtensionView, 'POST /extensions/many-faced/revisions', sent)).toMatchObject({ latest: '1.1.0' });
    const { items } = await api.get(listOf(RevisionView), 'GET /extensions/many-faced/revisions');
    expect(items.map(({ revision }) => revision).sort()).toEqual(['1.0.0', '1.1.0']);
    expect((await api.problem('POST /extensions/many-faced/revisions', sent)).status).toBe(409);

    const second = await serve(manifest({ name: 'same-key' }));
    expect(await api.problem('POST /extensions', { body: { manifest: second.manifest, transport: second.transport } })).toMatchObject({
      code: 'invalid_activation_key',
      detail: expect.stringContaining('many-faced'),
    });

    const activation = await api.activate({ extension: 'many-faced', grant: {}, scope: { workspaces: ['faces'] } });
    expect(activation.revision).toBe('1.1.0');
    expect(await api.problem('DELETE /extensions/many-faced')).toMatchObject({ status: 409, code: 'extension_in_use' });
    expect(await api.problem('DELETE /extensions/many-faced?force=true')).toMatchObject({ status: 422, code: 'validation_failed' });
    expect((await api.ask('DELETE /extensions/many-faced?force=true&reason=it+has+to+go')).status).toBe(204);
    expect(await api.problem('GET /extensions/many-faced')).toMatchObject({ code: 'not_found' });
    expect(await api.problem(`GET /activations/${activation.id}`)).toMatchObject({ code: 'not_found' });
    expect(await api.problem('DELETE /extensions/attribution')).toMatchObject({ status: expect.any(Number) });
  });

  it('are killed by a switch, which has no If-Match, and live again', async () => {
    const killed = await serve({ name: 'killed', activation: { mode: 'on_request', key: 'killed' }, hooks: [{ phase: 'validate_request' }] });
    await api.register(killed.manifest, killed.transport);
    await api.activate({ extension: 'killed', grant: {} });
    expect(await api.problem('PUT /extensions/killed/kill-switch', { body: { on: true } })).toMatchObject({ code: 'validation_failed', pointer: '/reason' });
    const on = await api.get(ExtensionView, 'PUT /extensions/killed/kill-switch', { body: { on: true, reason: 'it misbehaves' } });
    expect(on.killSwitch).toMatchObject({ on: true, reason: 'it misbehaves', actor: expect.stringMatching(/./), at: expect.stringMatching(/Z$/) });
    const asking = body('killed', { template: { labels: { 'openshell.io/extension.killed': 'yes' } } });
    expect(await api.problem('POST /sandboxes?wait=30s', { body: asking })).toMatchObject({ status: 503, code: 'killed', extension: 'killed' });
    expect(killed.calls).toEqual([]);
    await api.get(ExtensionView, 'PUT /extensions/killed/kill-switch', { body: { on: false, reason: 'it was mended' } });
    const { sandbox } = await api.create(asking);
    expect(killed.calls).toHaveLength(1);
    await api.delete(sandbox.id);
  });
});

describe('activations', () => {
  let activation: ActivationView;

  it('are made with an ETag, with every default filled in', async () => {
    const answer = await api.ask('POST /activations', {
      body: { extension: 'attribution', mode: 'shadow', scope: { workspaces: ['act'] }, reason: 'to see what it would do' },
    });
    expect(answer.status).toBe(201);
    activation = strictly(ActivationView, answer.data);
    expect(answer.headers.etag).toBe('"1"');
    expect(answer.headers.location).toBe(`/api/v1/activations/${activation.id}`);
    expect(activation).toMatchObject({
      revision: '1.0.0',
      percentage: 100,
      order: 1000,
      config: {},
      requestSettable: [],
      overrides: [],
      grant: null,
      failurePolicy: {},
      version: 1,
    });
  });

  it.each([
    ['without a reason', { extension: 'attribution', mode: 'enforce' }, 'validation_failed', '/reason'],
    ['of an extension that is not there', { extension: 'nobody', mode: 'enforce', reason: 'x' }, null, null],
    ['in a mode that is none', { extension: 'attribution', mode: 'loud', reason: 'x' }, 'validation_failed', '/mode'],
    [
      'with a config that its schema refuses',
      { extension: 'attribution', mode: 'enforce', config: { colour: 1 }, reason: 'x' },
      'config_invalid',
      '/config/colour',
    ],
    ['over 100 %', { extension: 'attribution', mode: 'enforce', percentage: 101, reason: 'x' }, 'validation_failed', '/percentage'],
    ['on a driver that is not there', { extension: 'attribution', mode: 'enforce', scope: { drivers: ['vm'] }, reason: 'x' }, null, null],
    [
      'where no driver can run it',
      { extension: 'container-network', mode: 'enforce', scope: { drivers: ['process'] }, config: { subnet: '10.9.0.0/24' }, reason: 'x' },
      'capability_missing',
      null,
    ],
    [
      'equally specific as another',
      { extension: 'attribution', mode: 'disabled', scope: { workspaces: ['act', 'b'] }, reason: 'x' },
      'activation_overlap',
      null,
    ],
  ] as const)('are refused %s', async (_, sent, code, pointer) => {
    const problem = await api.problem('POST /activations', { body: sent });
    if (code !== null) expect(problem.code).toBe(code);
    if (pointer !== null) expect(problem.pointer).toBe(pointer);
    expect(problem.status).toBeGreaterThanOrEqual(400);
    expect(problem.status).toBeLessThan(500);
  });

  it('are changed by who saw the last version only', async () => {
    const line = `PATCH /activations/${activation.id}` as const;
    const change = { body: { mode: 'enforce', reason: 'it looks right' } };
    expect(await api.problem(line, change)).toMatchObject({ status: 428, code: 'precondition_required' });
    const changed = await api.ask(line, { ...change, headers: { 'if-match': '"1"' } });
    expect([changed.status, changed.headers.etag, strictly(ActivationView, changed.data).mode]).toEqual([200, '"2"', 'enforce']);
    const lost = await api.ask(line, { body: { mode: 'disabled', reason: 'no' }, headers: { 'if-match': '"1"' } });
    expect(problemIn(lost)).toMatchObject({
      status: 412,
      code: 'precondition_failed',
      current: { etag: '"2"', reason: 'it looks right', actor: expect.stringMatching(/./) },
    });
    expect(lost.headers.etag).toBe('"2"');
    expect((await api.ask(`GET /activations/${activation.id}`)).headers.etag).toBe('"2"');
    expect(await api.problem(line, { body: { mode: 'enforce' }, headers: { 'if-match': '"2"' } })).toMatchObject({
      code: 'validation_failed',
      pointer: '/reason',
    });
    expect(await api.problem(line, { body: { extension: 'other', reason: 'x' }, headers: { 'if-match': '"2"' } })).toMatchObject({ code: 'unknown_field' });
  });

  it('are listed in effective order', async () => {
    const { items } = await api.get(listOf(ActivationView), 'GET /activations?limit=200');
    const order = items.map((row) => ({ order: row.order, extension: row.extension }));
    expect(order).toEqual([...order].sort((a, b) => a.order - b.order || (a.extension < b.extension ? -1 : a.extension > b.extension ? 1 : 0)));
    expect((await api.get(listOf(ActivationView), 'GET /activations?extension=attribution&workspace=act')).items.map(({ id }) => id)).toEqual([activation.id]);
  });

  it('are previewed: new, changed and removed', async () => {
    const seen = await api.create(body('previewed', { workspace: 'act' }));
    const blank = { extension: 'resource-policy', mode: 'enforce', config: { rules: [] }, scope: { workspaces: ['act'] } };
    const fresh = await api.ask('POST /activations/preview', { body: { extension: 'attribution', mode: 'enforce', scope: { workspaces: ['act2'] } } });
    expect(fresh.status, JSON.stringify([fresh.text, blank])).toBe(200);
    const preview = strictly(ActivationPreviewView, fresh.data);
    expect(preview.drivers).toMatchObject([{ driver: 'process', state: 'supported' }]);
    const removed = await api.get(ActivationPreviewView, 'POST /activations/preview', { body: { id: activation.id, delete: true } });
    expect(removed.live.samples).toMatchObject([{ sandboxId: seen.sandbox.id, name: 'previewed', mode: 'enforce', owed: 0 }]);
    expect(removed.live.sandboxes).toBe(1);
    expect(removed.requests.replayed).toBeGreaterThan(0);
    expect(removed.requests.changed).toBeGreaterThan(0);
    expect(removed.requests.samples[0]?.changes.length).toBeGreaterThan(0);
    const changed = await api.get(ActivationPreviewView, 'POST /activations/preview', {
      body: { id: activation.id, change: { config: { fields: ['user'] } } },
    });
    expect(changed.requests.truncated).toBe(false);
    expect((await api.get(listOf(ActivationView), 'GET /activations?extension=attribution&workspace=act')).items[0]?.version).toBe(2);
    await api.delete(seen.sandbox.id);
  });

  it('are removed with a reason, which the audit keeps', async () => {
    expect(await api.problem(`DELETE /activations/${activation.id}`)).toMatchObject({ code: 'validation_failed', pointer: '/reason' });
    expect(await api.problem(`DELETE /activations/${activation.id}?reason=x`, { headers: { 'if-match': '"1"' } })).toMatchObject({
      code: 'precondition_failed',
    });
    expect((await api.ask(`DELETE /activations/${activation.id}?reason=no+longer+wanted`)).status).toBe(204);
    const audit = await api.get(listOf(AuditView), 'GET /audit?objectKind=activation&limit=200');
    const items = audit.items.filter(
      ({ object, after }) => object.name === activation.id || (object.name === 'attribution' && JSON.stringify(after).includes(activation.id)),
    );
    expect(items.filter(({ outcome }) => outcome === 'done').map(({ action, reason }) => [action, reason])).toEqual([
      ['activation.delete', 'no longer wanted'],
      ['activation.update', 'it looks right'],
      ['activation.create', 'to see what it would do'],
    ]);
    expect(items.find(({ action, outcome }) => action === 'activation.update' && outcome === 'done')).toMatchObject({
      before: { mode: 'shadow' },
      after: { mode: 'enforce' },
    });
  });
});

describe('drivers and the matrix', () => {
  it('say what they can do', async () => {
    const { items } = await api.get(listOf(DriverView), 'GET /drivers');
    expect(items.map(({ name }) => name)).toEqual(['process']);
    const driver = await api.get(DriverView, 'GET /drivers/process');
    expect(driver).toMatchObject({
      name: 'process',
      kind: 'process',
      chain: ['process'],
      isolation: 'none',
      createStarts: false,
      health: { state: 'healthy' },
    });
    expect(driver.points.map(({ name }) => name)).toEqual(expect.arrayContaining(['process.env', 'process.labels', 'process.files']));
    expect(driver.points.find(({ name }) => name === 'process.files')).toMatchObject({ path: '/files', merge: 'keyed_list', key: ['path'] });
  });

  it('have a cell with its reason for every need, by driver and by extension', async () => {
    const all = await api.get(MatrixView, 'GET /capability-matrix');
    expect(all.cells.some(({ extension }) => extension === null)).toBe(true);
    const server = await serve({
      name: 'picky',
      activation: { mode: 'on_request', key: 'picky' },
      hooks: [
        { phase: 'prepare_plan', points: ['process.labels'], features: ['no_such_feature'], optionalFeatures: ['nor_this_one'] },
        { phase: 'before_restore' },
      ],
    });
    await api.register(server.manifest, server.transport);
    const { cells } = await api.get(MatrixView, 'GET /capability-matrix?extension=picky&driver=process');
    const states = new Map(cells.map((cell) => [`${cell.kind} ${cell.name}`, cell.state]));
    expect(Object.fromEntries(states)).toMatchObject({
      'phase prepare_plan': 'supported',
      'point process.labels': 'supported',
      'feature no_such_feature': 'refused',
      'feature nor_this_one': 'no_op',
      'phase before_restore': 'refused',
    });
    for (const cell of cells) expect(cell).toMatchObject({ driver: 'process', extension: 'picky', revision: '1.0.0', reason: expect.stringMatching(/./) });
    expect(cells.find(({ state }) => state === 'refused')?.remedy).toMatch(/./);
    const refused = await api.problem('POST /activations', {
      body: { extension: 'picky', mode: 'enforce', scope: { drivers: ['process'] }, grant: {}, reason: 'x' },
    });
    expect(refused).toMatchObject({ status: 422, code: 'capability_missing' });
    // An extension of other drivers asks nothing of this one.
    const other = await api.get(MatrixView, 'GET /capability-matrix?extension=container-network&driver=process');
    expect(other.cells.filter(({ state }) => state === 'refused')).toEqual([]);
  });

  it('cannot be taken away while sandboxes live on them, nor faked', async () => {
    expect((await api.problem('DELETE /drivers/process')).status).toBeLessThan(500);
    expect((await api.problem('POST /drivers', { body: { name: 'x', kind: 'process', reason: 'x' } })).code).toBe('validation_failed');
  });
});

describe('Idempotency-Key', () => {
  it('does a create once: the same answer again, and 409 for another body', async () => {
    const headers = { 'idempotency-key': 'create-once' };
    const first = await api.ask('POST /sandboxes?wait=30s', { body: body('once'), headers });
    const again = await api.ask('POST /sandboxes?wait=30s', { body: body('once'), headers });
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.data).toEqual(first.data);
    expect(again.headers.location).toBe(first.headers.location);
    expect(await api.problem('POST /sandboxes?wait=30s', { body: body('twice'), headers })).toMatchObject({ status: 409, code: 'idempotency_conflict' });
    expect((await api.get(listOf(SandboxView), 'GET /sandboxes?name=once')).items).toHaveLength(1);
    await api.delete(SandboxRunView.parse(first.data).sandbox.id);
  });

  it('is busy while the first request is in flight', async () => {
    behave = ({ extension }) => (extension === 'slow' ? { does: 'late', afterMs: 1_500 } : null);
    const headers = { 'idempotency-key': 'in-flight' };
    const sent = { body: body('in-flight', { template: { labels: { 'openshell.io/extension.slow': '1' } } }), headers };
    const [first, second] = await Promise.all([
      api.ask('POST /sandboxes?wait=30s', sent),
      sleep(400).then(() => api.problem('POST /sandboxes?wait=30s', sent)),
    ]);
    expect(first.status).toBe(201);
    expect(second).toMatchObject({ status: 409, code: 'idempotency_conflict' });
    behave = () => null;
    await api.delete(SandboxRunView.parse(first.data).sandbox.id);
  });

  it('never shows a secret twice', async () => {
    const headers = { 'idempotency-key': 'token-once' };
    const sent = { body: { name: 'robot', role: 'viewer' }, headers };
    const first = await api.get(TokenIssuedView, 'POST /tokens', sent);
    const again = await api.get(TokenIssuedView, 'POST /tokens', sent);
    expect(first).toMatchObject({ secretShown: true, token: expect.stringMatching(/.{16}/) });
    expect(again).toEqual({ ...first, token: null, secretShown: false });
  });
});

describe('lists', () => {
  it('go page by page by cursor, each item once, while others are added', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      const { id } = await api.get(TokenIssuedView, 'POST /tokens', { body: { name: `page-${index}`, role: 'viewer' } });
      ids.push(id);
    }
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { items: TokenView[]; next: string | null } = await api.get(
        listOf(TokenView),
        `GET /tokens?limit=3${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      if (cursor === '') await api.get(TokenIssuedView, 'POST /tokens', { body: { name: 'page-late', role: 'viewer' } });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    }
    expect(new Set(seen).size).toBe(seen.length);
    for (const id of ids) expect(seen).toContain(id);
    const runs = await api.get(listOf(RunSummaryView), 'GET /runs?limit=1');
    expect(runs.next).not.toBeNull();
    expect(await api.problem(`GET /sandboxes?cursor=${encodeURIComponent(runs.next ?? '')}`), 'of another list').toMatchObject({ code: 'invalid_cursor' });
  });
});

describe('events', () => {
  it('come in order, resume where a client left off, and say when too much was missed', async () => {
    const live = await EventStream.open(api);
    const begin = live.lastId ?? '';
    const { sandbox, run } = await api.create(body('told'));
    await api.delete(sandbox.id);
    await eventually('the deletion is told', () =>
      live.events.some(({ sandboxId, data }) => sandboxId === sandbox.id && data.state === 'deleted') ? true : null,
    );
    live.close();
    const told = live.events;
    expect(told.map(({ id }) => Number(id))).toEqual(told.map(({ id }) => Number(id)).sort((a, b) => a - b));
    expect(new Set(told.map(({ type }) => type))).toEqual(new Set(['sandbox', 'run', 'attempt', 'effect']));
    expect(told.filter(({ runId }) => runId === run.id).length).toBeGreaterThan(0);

    // From the beginning again, and from the middle: exactly what came after.
    const middle = told[Math.floor(told.length / 2)]?.id ?? '';
    for (const after of [begin, middle]) {
      const expected = told.filter(({ id }) => Number(id) > Number(after));
      const resumed = await EventStream.open(api, { after });
      await eventually(`what came after ${after}`, () => (resumed.events.length >= expected.length ? true : null));
      expect(resumed.events.slice(0, expected.length)).toEqual(expected);
      resumed.close();
    }
    const narrowed = await EventStream.open(api, { after: begin, query: `?type=sandbox&sandboxId=${sandbox.id}` });
    await eventually('the narrowed events', () => (narrowed.events.some(({ data }) => data.state === 'deleted') ? true : null));
    expect(narrowed.events.every(({ type, sandboxId }) => type === 'sandbox' && sandboxId === sandbox.id)).toBe(true);
    narrowed.close();

    for (const after of ['999999999', 'nonsense']) {
      const lost = await EventStream.open(api, { after });
      const [reset] = await eventually('the reset', () => (lost.sent.length > 0 ? lost.sent : null));
      expect(reset).toMatchObject({ event: 'reset' });
      lost.close();
    }
    expect(await api.problem('GET /events?type=weather')).toMatchObject({ code: 'validation_failed' });
  });
});

describe('tokens and roles', () => {
  const issue = async (more: object) => api.as((await api.get(TokenIssuedView, 'POST /tokens', { body: { name: 'someone', role: 'viewer', ...more } })).token);

  it('viewer reads, operator acts, admin registers; a refusal names the missing role and is audited', async () => {
    const viewer = await issue({ name: 'onlooker' });
    expect((await viewer.ask('GET /sandboxes')).status).toBe(200);
    expect(await viewer.problem('POST /sandboxes', { body: body('x') })).toMatchObject({
      status: 403,
      code: 'forbidden',
      missingRole: 'operator',
      hint: expect.stringContaining('operator'),
    });
    const operator = await issue({ name: 'hand', role: 'operator' });
    expect(await operator.problem('POST /extensions', { body: { manifest: {}, transport: {} } })).toMatchObject({
      code: expect.stringMatching(/forbidden|validation_failed/),
    });
    expect(await operator.problem('GET /tokens')).toMatchObject({ code: 'forbidden', missingRole: 'admin' });
    expect(await operator.problem('POST /tokens', { body: { name: 'x', role: 'viewer' } })).toMatchObject({ code: 'forbidden', missingRole: 'admin' });
    const { items } = await api.get(listOf(AuditView), 'GET /audit?actor=onlooker');
    expect(items).toMatchObject([{ action: 'sandbox.create', outcome: 'refused', reason: expect.stringContaining('forbidden') }]);
  });

  it('limited to workspaces sees and touches nothing else', async () => {
    const mine = await issue({ role: 'operator', workspaces: ['mine'] });
    const { sandbox: other } = await api.create(body('other', { workspace: 'theirs' }));
    const { sandbox: own } = await mine.create(body('own', { workspace: 'mine' }));
    expect((await mine.get(listOf(SandboxView), 'GET /sandboxes')).items.map(({ id }) => id)).toEqual([own.id]);
    for (const line of [
      `GET /sandboxes/${other.id}`,
      `GET /sandboxes/${other.id}/plan`,
      `POST /sandboxes/${other.id}/stop`,
      `DELETE /sandboxes/${other.id}`,
    ] as const) {
      expect(await mine.problem(line), line).toMatchObject({ status: 404, code: 'not_found' });
    }
    expect(await mine.problem('POST /sandboxes', { body: body('x', { workspace: 'theirs' }) })).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await mine.get(listOf(RunSummaryView), 'GET /runs?limit=200')).items.every(({ workspace }) => workspace === 'mine')).toBe(true);
    const all = (await mine.effects('')).map(({ sandboxId }) => sandboxId);
    expect(new Set(all)).toEqual(new Set([own.id]));
    const stream = await EventStream.open(mine, { after: '0' });
    await eventually('own events', () => (stream.events.some(({ sandboxId }) => sandboxId === own.id) ? true : null));
    expect(stream.events.filter(({ sandboxId }) => sandboxId !== null && sandboxId !== own.id)).toEqual([]);
    stream.close();
    await api.delete(own.id);
    await api.delete(other.id);
  });

  it('ends when it expires or is revoked', async () => {
    const short = await issue({ expiresAt: new Date(Date.now() + 1_500).toISOString() });
    expect((await short.ask('GET /session')).status).toBe(200);
    await sleep(1_700);
    expect(await short.problem('GET /session')).toMatchObject({ code: 'unauthenticated' });
    const issued = await api.get(TokenIssuedView, 'POST /tokens', { body: { name: 'revoked', role: 'admin' } });
    expect((await api.ask(`DELETE /tokens/${issued.id}?reason=lost`)).status).toBe(204);
    expect(await api.as(issued.token).problem('GET /session')).toMatchObject({ code: 'unauthenticated' });
    const { items } = await api.get(listOf(TokenView), 'GET /tokens?limit=200');
    expect(items.find(({ id }) => id === issued.id)?.revokedAt).not.toBeNull();
  });
});

describe('the session of a browser', () => {
  const cookieOf = (header: string | undefined) => /tenon_session=[^;]+/.exec(header ?? '')?.[0] ?? '';

  it('is a cookie that scripts cannot read, for pages of this site only', async () => {
    const nobody = api.as(null);
    const signedIn = await nobody.ask('POST /session', { body: { token: product.token } });
    expect(signedIn.status).toBe(200);
    expect(strictly(SessionView, signedIn.data)).toMatchObject({ kind: 'session', role: 'admin' });
    expect(signedIn.headers['set-cookie']).toMatch(/HttpOnly/i);
    expect(signedIn.headers['set-cookie']).toMatch(/SameSite=Strict/i);
    expect(signedIn.text).not.toContain(product.token);
    const cookie = cookieOf(signedIn.headers['set-cookie']);
    expect(strictly(SessionView, (await nobody.ask('GET /session', { headers: { cookie } })).data).kind).toBe('session');
    const change = { body: body('x', { driver: 'nobody' }) };
    for (const headers of [{ cookie }, { cookie, origin: 'https://evil.example' }, { cookie, origin: 'null' }]) {
      expect(await nobody.problem('POST /sandboxes', { ...change, headers }), JSON.stringify(headers)).toMatchObject({ status: 403, code: 'forbidden' });
    }
    expect(await nobody.problem('POST /sandboxes', { ...change, headers: { cookie, origin: api.origin } })).toMatchObject({ code: 'driver_unknown' });
    const out = await nobody.ask('DELETE /session', { headers: { cookie, origin: api.origin } });
    expect(out.status).toBe(204);
    expect(await nobody.problem('GET /session', { headers: { cookie } })).toMatchObject({ code: 'unauthenticated' });
  });

  it('cannot be guessed for long', async () => {
    const nobody = api.as(null);
    for (let index = 0; index < 10; index += 1) {
      expect(await nobody.problem('POST /session', { body: { token: `guess-${index}` } })).toMatchObject({ code: 'unauthenticated' });
    }
    const answer = await nobody.ask('POST /session', { body: { token: 'guess-11' } });
    expect(problemIn(answer)).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    // Tokens are not slowed down by it.
    expect((await api.ask('GET /session')).status).toBe(200);
  });
});

describe('the end', () => {
  it('has left no hook call against the contract', () => {
    for (const server of servers) expect(server.faults, server.name).toEqual([]);
  });

  it('comes by SIGTERM with 0, also for who listens to events', async () => {
    const stream = await EventStream.open(api);
    expect(await product.stop()).toBe(0);
    await eventually('the stream ends', () => (stream.ended ? true : null));
    await product.start();
    api = product.api;
    expect((await api.get(listOf(RunView.omit({ attempts: true, effects: true, steps: true })), 'GET /runs?limit=1')).items).toHaveLength(1);
  });
});
